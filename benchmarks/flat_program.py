"""A flat Pulumi program that declares what a stack holds: what a person would write without components or settings.

It is made from the stack's own state: the same resources and providers in the same order, each a plain constructor of
the public SDKs with literal values, waiting for what the state says that it depends on. Its own state is the stack's,
with the components taken out, so that its preview, too, finds nothing to change.
"""

from __future__ import annotations

import copy
import importlib
import inspect
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pprint import pformat
from typing import Any

Json = dict[str, Any]
PROJECT = STACK = "flat"
ROOT = "pulumi:pulumi:Stack"
REFERENCE = "pulumi:pulumi:StackReference"
ENGINES_OWN = "pulumi:providers:pulumi"
"""What reads stack references: made by the engine, in no program."""
KUBECONFIGS = "kubeconfigs"
"""The platform's output that a cluster's provider takes its kubeconfig from."""
SECRET = "4dabf18193072939515e22adb298388d"  # noqa: S105 - the mark of a secret in a state, the same everywhere


@dataclass(frozen=True)
class FlatProgram:
    """The program's text, and the deployment for `pulumi stack import`."""

    text: str
    deployment: Json
    resources: int
    """How many resources of a cloud or a cluster it declares."""


def flatten(export: Json) -> FlatProgram:
    """The flat program of a stack's export. Raises ValueError for what no constructor of the SDKs would take."""
    resources = [row for row in export["deployment"]["resources"] if row.get("custom") or row["type"] == ROOT]
    urns = {row["urn"]: _flat_urn(row) for row in resources}
    if len(set(urns.values())) != len(urns):
        raise ValueError("two resources of a type have one name; without their components they would be the same")
    deployment = copy.deepcopy(export)
    deployment["deployment"]["resources"] = [_flat_row(row, urns) for row in resources]
    deployment["deployment"].pop("pending_operations", None)
    declared = [row for row in resources if row["type"] not in (ROOT, ENGINES_OWN)]
    names = {row["urn"]: f"resource_{number}" for number, row in enumerate(declared)}
    lines = ["import pulumi", "import pulumi_alicloud", "import pulumi_kubernetes", ""]
    for row in declared:
        lines.extend(_statement(row, names))
    count = sum(not row["type"].startswith("pulumi:") for row in declared)
    return FlatProgram("\n".join(lines) + "\n", deployment, count)


def _name(urn: str) -> str:
    return urn.rsplit("::", 1)[1]


def _flat_urn(row: Json) -> str:
    name = f"{PROJECT}-{STACK}" if row["type"] == ROOT else _name(row["urn"])
    return f"urn:pulumi:{STACK}::{PROJECT}::{row['type']}::{name}"


def _flat_row(row: Json, urns: Mapping[str, str]) -> Json:
    """The state of a resource outside its component."""
    flat = {key: value for key, value in row.items() if key not in ("sourcePosition", "stackTrace", "aliases")}
    flat["urn"] = urns[row["urn"]]
    if row["type"] == ROOT:
        return {**flat, "outputs": {}}
    if "parent" in row:
        flat["parent"] = f"urn:pulumi:{STACK}::{PROJECT}::{ROOT}::{PROJECT}-{STACK}"
    if "provider" in row:
        provider, identifier = row["provider"].rsplit("::", 1)
        flat["provider"] = f"{urns[provider]}::{identifier}"
    if "dependencies" in row:
        flat["dependencies"] = [urns[urn] for urn in row["dependencies"]]
    if "propertyDependencies" in row:
        properties = row["propertyDependencies"].items()
        flat["propertyDependencies"] = {name: [urns[urn] for urn in found or ()] for name, found in properties}
    return flat


def _statement(row: Json, names: Mapping[str, str]) -> Iterator[str]:
    """The lines that declare a resource."""
    if row["type"] == REFERENCE:
        yield f"{names[row['urn']]} = pulumi.StackReference({_name(row['urn'])!r})"
        return
    path, constructor = _constructor(row["type"])
    yield f"{names[row['urn']]} = {path}("
    yield f"    {_name(row['urn'])!r},"
    reference = next((name for urn, name in names.items() if f"::{REFERENCE}::" in urn), "")
    for parameter, value in _arguments(row, constructor).items():
        if isinstance(value, dict) and SECRET in value:
            region = _name(row["urn"]).removeprefix("kubernetes-")
            yield f"    {parameter}={reference}.get_output({KUBECONFIGS!r}).apply(lambda all: all[{region!r}]),"
        else:
            yield f"    {parameter}={pformat(value, width=110, sort_dicts=False)},"
    options = []
    if "provider" in row:
        options.append(f"provider={names[row['provider'].rsplit('::', 1)[0]]}")
    if waits := [names[urn] for urn in row.get("dependencies") or () if f"::{REFERENCE}::" not in urn]:
        options.append(f"depends_on=[{', '.join(waits)}]")
    options += ["protect=True"] if row.get("protect") else []
    options += [f"ignore_changes={row['ignoreChanges']!r}"] if row.get("ignoreChanges") else []
    yield f"    opts=pulumi.ResourceOptions({', '.join(options)}),"
    yield ")"


def _constructor(token: str) -> tuple[str, type]:
    """Where the SDK has the class of a type, and the class: kubernetes:apps/v1:Deployment is apps.v1.Deployment."""
    package, module, kind = token.split(":")
    parts = module.split("/")
    if package == "pulumi":
        package, folders, kind = kind, [], "Provider"
    elif package == "kubernetes":
        folders = [parts[0].split(".")[0], *parts[1:]]
    else:
        folders = parts[:1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the SDK's, of its own deprecated modules as it loads them
        found: Any = importlib.import_module(f"pulumi_{package}")
        for name in (*folders, kind):
            found = getattr(found, name, None)
    if found is None:
        raise ValueError(f"{token}: its SDK has no such class; say in this file where it is")
    return ".".join((f"pulumi_{package}", *folders, kind)), found


def _arguments(row: Json, constructor: type) -> Json:
    """The inputs by the constructor's parameters; without what the provider fills in by itself."""
    parameters = inspect.signature(constructor._internal_init).parameters  # type: ignore[attr-defined]
    by_property = {_camel(name): name for name in parameters}
    given = {}
    for name, value in _plain(row.get("inputs", {})).items():
        if name in ("version", "apiVersion", "kind") or name.startswith("__"):
            continue  # said by the class
        if name not in by_property:
            raise ValueError(f"{row['type']}: no parameter of its constructor is called {name}")
        given[by_property[name]] = value == "true" if value in ("true", "false") else value  # a provider's, as text
    return given


def _plain(value: Any) -> Any:
    """A value without the defaults that the provider has added, which it names under `__defaults`."""
    if isinstance(value, dict):
        defaults = value.get("__defaults", ())
        return {key: _plain(item) for key, item in value.items() if key != "__defaults" and key not in defaults}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
