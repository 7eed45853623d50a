"""Write a service package, or add an action to one, in the house's anatomy; with a test that runs at once."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from sandbox.cloud.coverage.data import load
from sandbox.errors import SandboxError
from sandbox.scaffold import templates

VERBS = {
    "Create": "make",
    "Add": "make",
    "Describe": "read",
    "Get": "read",
    "List": "list",
    "Modify": "change",
    "Update": "change",
    "Set": "change",
    "Delete": "remove",
    "Remove": "remove",
}
NAME = re.compile(r"[A-Z][A-Za-z0-9]+")
DEFAULT_PARAMETERS = ("Name", "Description")


@dataclass(frozen=True)
class Plan:
    """What is to be written: the names that the templates use."""

    service: str
    action: str
    version: str
    parameters: tuple[str, ...]

    @property
    def package(self) -> str:
        """The folder of the service."""
        return self.service.lower()

    @property
    def verb(self) -> str:
        """What the action's name begins with."""
        return next(verb for verb in VERBS if self.action.startswith(verb))

    @property
    def noun(self) -> str:
        """What the action is about, in the singular: ListAliases -> Alias."""
        name = self.action.removeprefix(self.verb)
        if VERBS[self.verb] != "list":
            return name
        return name.removesuffix("es") if name.endswith(("ses", "xes")) else name.removesuffix("s")

    def fill(self, template: str) -> str:
        """The template with this plan's names."""
        snake = _snake(self.noun)
        names = {
            "service": self.service,
            "action": self.action,
            "version": self.version,
            "package": self.package,
            "noun": self.noun,
            "snake": snake,
            "words": snake.replace("_", " "),
            "prefix": snake.split("_")[0][:8],
            "method": _snake(self.action),
            "parameters": " ".join(self.parameters),
            "first": self.parameters[0],
        }
        names["repository"] = templates.REPOSITORY.format(**names)
        names["find"] = templates.FIND.format(**names)
        return template.format(**names)


def plan(service: str, action: str, version: str, parameters: str) -> Plan:
    """Check the names; parameters default to those that the Terraform provider sends with this action.

    Raises:
        SandboxError: for a name that cannot be one, or a verb that no template fits.
    """
    for name in (service, action):
        if NAME.fullmatch(name) is None:
            raise SandboxError(
                f"{name!r} is no name of a service or an action; write it as the API does: Kms CreateAlias"
            )
    verb = next((verb for verb in VERBS if action.startswith(verb) and action != verb), None)
    if verb is None:
        raise SandboxError(
            f"no template fits the action {action!r}; it begins with one of {', '.join(VERBS)} and a noun"
        )
    made = Plan(service, action, version, ("Name",))
    known = tuple(parameters.split()) or _sent_by_the_provider(service, action) or DEFAULT_PARAMETERS
    chosen = tuple(name for name in known if name != f"{made.noun}Id")
    return Plan(service, action, version, chosen or DEFAULT_PARAMETERS)


def _sent_by_the_provider(service: str, action: str) -> tuple[str, ...]:
    calls = [call for found in load().resources.values() for call in found]
    names = {
        name
        for call in calls
        if (call.product.lower(), call.action) == (service.lower(), action)
        for name in call.parameters
    }
    return tuple(sorted(names))


def scaffold(root: Path, made: Plan) -> list[Path]:
    """Write into the repository at `root`; the files that were written or changed.

    Raises:
        SandboxError: when the action, or the test's file, is there already.
    """
    folder = root / "sandbox" / "cloud" / made.package
    api, model, errors = folder / "api.py", folder / "model.py", folder / "errors.py"
    test = root / "tests" / "unit" / "sandbox" / "cloud" / f"test_{made.package}_{_snake(made.action)}.py"
    if api.exists() and f'"{made.action}"' in api.read_text():
        raise SandboxError(f"{made.service} has the action {made.action} already, in {api}")
    if test.exists():
        raise SandboxError(f"{test} is there already; move it away, or extend it by hand")
    changed = [api, model, errors, test]
    if not api.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "__init__.py").write_text(f'"""The {made.service} service."""\n')
        api.write_text(made.fill(templates.API))
        changed += [folder / "__init__.py", _assemble(root, made)]
    elif not re.search(r"^ {4}\S.*\n*\Z|^ {8}.*\n*\Z", api.read_text(), re.MULTILINE):
        raise SandboxError(f"{api} does not end inside its service's class; add {made.action} by hand")
    _append(model, templates.MODEL_HEADER, templates.MODEL, f"class {made.noun}(", made)
    _append(errors, templates.ERRORS_HEADER, templates.ERRORS, made.fill("def {snake}_not_found("), made)
    _import(api, made.fill(templates.IMPORTS))
    kind = VERBS[made.verb]
    api.write_text(api.read_text().rstrip("\n") + "\n" + made.fill(templates.ACTIONS[kind]))
    not_found = templates.NOT_FOUND_TEST if kind in ("read", "change", "remove") else ""
    test.parent.mkdir(parents=True, exist_ok=True)
    test.write_text(made.fill(templates.TEST + templates.TESTS[kind] + not_found))
    _tidy(changed)
    return changed


def _append(path: Path, header: str, template: str, mark: str, made: Plan) -> None:
    text = path.read_text() if path.exists() else made.fill(header)
    if mark not in text:
        if "import datetime" not in text and "datetime." in template:
            text = text.replace(
                "from __future__ import annotations\n", "from __future__ import annotations\n\nimport datetime\n"
            )
        text = text.rstrip("\n") + "\n" + made.fill(template)
    path.write_text(text)


def _import(path: Path, lines: str) -> None:
    text = path.read_text()
    future = "from __future__ import annotations\n"
    path.write_text(text.replace(future, f"{future}\n{lines}", 1))


def _assemble(root: Path, made: Plan) -> Path:
    """Make the new service part of the cloud."""
    path = root / "sandbox" / "cloud" / "assembly.py"
    text = path.read_text()
    opening = "    services: list[Service] = [\n"
    if opening not in text:
        raise SandboxError(
            f"{path} has no list of services that starts with {opening.strip()!r}; add the service there"
        )
    text = text.replace(opening, f"{opening}        {made.service}Service(context),\n")
    path.write_text(text)
    _import(path, f"from sandbox.cloud.{made.package}.api import {made.service}Service\n")
    return path


def _tidy(paths: list[Path]) -> None:
    """Sort imports, take unused ones out, and format."""
    names = [str(path) for path in paths]
    command = [sys.executable, "-m", "ruff"]
    for arguments in (["check", "--quiet", "--select", "I,F401,F811", "--fix", *names], ["format", "--quiet", *names]):
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SandboxError(
                f"what was written could not be tidied: {done.stdout or done.stderr}; is ruff installed?"
            )


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
