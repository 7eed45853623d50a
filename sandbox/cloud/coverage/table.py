"""The provider's calls beside what the emulator has: which are answered, and which parameters are honoured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sandbox.cloud.core.parameters import COMMON
from sandbox.cloud.core.service import Action, Service
from sandbox.cloud.coverage.calls import ProviderCall
from sandbox.cloud.coverage.data import ProviderCalls

OBJECT_STORAGE = "oss"
SAME_SERVICE = {"cr_ee": "cree"}
"""Products whose service has another name."""


GAPS = {
    ("CS", "AttachInstancesToNodePool"): "the only instances are those that pools made",
    (
        "Slb",
        "DescribeAvailableResource",
    ): "`alicloud_zones` asks it for load balancers only; ask for the zones of a VSwitch",
    ("Vpc", "CreateDefaultVpc"): "the account has no default network; name one's own",
    ("Vpc", "CreateDefaultVSwitch"): "the account has no default network; name one's own",
    ("Vpc", "DescribeHighDefinitionMonitorLogAttribute"): "no traffic is measured by the second",
    ("Vpc", "SetHighDefinitionMonitorLogStatus"): "no traffic is measured by the second",
    ("Vpc", "EnableVpcClassicLink"): "the cloud has retired it",
    ("Vpc", "DisableVpcClassicLink"): "the cloud has retired it",
    ("Vpc", "UpdateNatGatewayNatType"): "there is one kind of gateway, the enhanced one",
}
"""Calls that are left unanswered on purpose, and why."""


@dataclass(frozen=True)
class Row:
    """One action that the provider can call."""

    service: str
    action: str
    implemented: bool
    honoured: tuple[str, ...]
    ignored: tuple[str, ...]
    resources: tuple[str, ...]


@dataclass(frozen=True)
class Emulator:
    """What the emulator answers: services' actions by lower-case name, and object storage's operations."""

    services: Mapping[str, Service]
    operations: frozenset[str]

    @classmethod
    def of(cls, services: Iterable[Service], operations: Iterable[str]) -> Emulator:
        """An emulator with these services and these operations of object storage."""
        return cls({service.name.lower(): service for service in services}, frozenset(map(str.lower, operations)))

    def knows(self, product: str) -> bool:
        """Whether there is such a service at all."""
        return product == OBJECT_STORAGE or self.service(product) is not None

    def service(self, product: str, version: str = "") -> Service | None:
        """The service of a product's calls; of several versions of a product, the one that they are for."""
        versions = [one for name, one in self.services.items() if name.startswith(product) and one.version == version]
        return versions[0] if versions else self.services.get(SAME_SERVICE.get(product, product))

    def action(self, call: ProviderCall) -> Action | None:
        """The action that answers a call: by name, or by method and path."""
        service = self.service(call.product.lower(), call.version)
        if service is None:
            return None
        if call.action:
            return service.actions.get(call.action)
        path = call.path.replace("{}", "x")
        for action in service.actions.values():
            if action.method == call.method and action.pattern is not None and action.pattern.fullmatch(path):
                return action
        return None


def rows(calls: ProviderCalls, emulator: Emulator) -> list[Row]:
    """A row an action, by service and name, with the resources whose management calls it."""
    merged: dict[tuple[str, str], Row] = {}
    for resource, found in calls.resources.items():
        for call in found:
            row = _row(call, emulator, resource.split(".", 1)[1])
            before = merged.get((row.service, row.action), row)
            merged[row.service, row.action] = Row(
                row.service,
                row.action,
                row.implemented,
                tuple(sorted({*before.honoured, *row.honoured})),
                tuple(sorted({*before.ignored, *row.ignored})),
                tuple(sorted({*before.resources, *row.resources})),
            )
    return [merged[key] for key in sorted(merged)]


def answered(found: Iterable[Row]) -> dict[str, dict[str, int]]:
    """How many of each service's actions are answered, and how many the provider can call."""
    counts: dict[str, dict[str, int]] = {}
    for row in found:
        service = counts.setdefault(row.service, {"answered": 0, "actions": 0})
        service["answered"] += row.implemented
        service["actions"] += 1
    return dict(sorted(counts.items()))


def _row(call: ProviderCall, emulator: Emulator, resource: str) -> Row:
    product = call.product.lower()
    if product == OBJECT_STORAGE:
        # Object storage reads whole documents (and refuses what it does not know), so parameters say nothing of it.
        return Row("Oss", call.action, call.action.lower() in emulator.operations, (), (), (resource,))
    action = emulator.action(call)
    service = emulator.service(product, call.version)
    name = action.name if action is not None else call.action or f"{call.method} {call.path}"
    shown = service.name if service is not None else call.product
    given = set(call.parameters) - COMMON if action is not None else set()
    honours = set(map(_plain, action.honours)) if action is not None else set()
    honoured = {parameter for parameter in given if _plain(parameter) in honours}
    return Row(shown, name, action is not None, tuple(honoured), tuple(given - honoured), (resource,))


def _plain(name: str) -> str:
    """A parameter's name as it is compared: typed clients write RepoName for what stands as repo_name in a path."""
    return name.replace("_", "").lower()


HEADER = """# What the emulator answers of what the Terraform provider calls

Generated by `python -m sandbox coverage`; `python -m sandbox coverage --check` fails when this page is stale.
Do not edit.

The calls are those that the provider {provider} can make for the resources and data sources listed at the end. They
were found by a static scan of its Go source (`sandbox/cloud/coverage/extract.py`), which sees calls by name, and keys
set on a request's map or object in the same function. It does not see: parameters that a helper function adds (their
column then shows fewer than are sent), fields inside a parameter's value, conditions (a call listed may need
settings that nobody uses), and calls made inside the provider's `connectivity` package (endpoints' look-up, the
caller's identity). A running cloud counts every unknown action and every ignored parameter that it really met:
`python -m sandbox status`.

| Service | Actions answered | Parameters honoured |
|---|---|---|
"""


def render(calls: ProviderCalls, emulator: Emulator) -> str:
    """The page."""
    found = rows(calls, emulator)
    return "".join(_lines(calls, emulator, found))


def _lines(calls: ProviderCalls, emulator: Emulator, found: list[Row]) -> Iterator[str]:
    yield HEADER.format(provider=calls.provider)
    ours = sorted({row.service for row in found if emulator.knows(row.service.lower())})
    for service in ours:
        yield _summary(service, [row for row in found if row.service == service])
    others = [row for row in found if row.service not in ours]
    for service in ours:
        yield f"\n## {service}\n\n| Action | Answered | Honoured | Ignored | For |\n|---|---|---|---|---|\n"
        for row in found:
            if row.service == service:
                yield _line(row)
    if others:
        yield "\n## Services that the emulator does not have\n\n"
        yield "Their calls fail loudly (`InvalidAction.NotFound`).\n\n"
        for row in others:
            yield f"- {row.service}: `{row.action}` ({', '.join(row.resources)})\n"
    yield "\n## Resources and data sources\n\n"
    for resource, made in calls.resources.items():
        kind, name = resource.split(".", 1)
        yield f"- `{name}`{' (data source)' if kind == 'data' else ''}: {len(made)} actions\n"


def _summary(service: str, found: list[Row]) -> str:
    answered = [row for row in found if row.implemented]
    honoured = sum(len(row.honoured) for row in answered)
    total = honoured + sum(len(row.ignored) for row in answered)
    parameters = f"{honoured} of {total}" if total else "(whole documents)"
    return f"| {service} | {len(answered)} of {len(found)} | {parameters} |\n"


def _line(row: Row) -> str:
    resources = ", ".join(name.removeprefix("alicloud_") for name in row.resources)
    reason = GAPS.get((row.service, row.action), "")
    answered = "yes" if row.implemented else f"**no**: {reason}" if reason else "**no**"
    cells = (row.action, answered, " ".join(row.honoured), " ".join(row.ignored))
    return "| " + " | ".join((*cells, resources)) + " |\n"
