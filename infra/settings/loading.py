"""From a stack file to checked settings, or to all of its faults at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel, ValidationError

from infra.naming import PROJECT
from infra.settings.business import Business
from infra.settings.faults import REFERENCE, Fault, Problem, SettingsError, problems_of, shown, unknown_key
from infra.settings.platform import Platform
from infra.settings.positions import Document, Path, Position, YamlError, parse
from infra.settings.rules import business_problems, platform_problems
from infra.settings.version import version_problem

STACKS = "stacks"
KINDS: dict[str, type[BaseModel]] = {"platform": Platform, "business": Business}
FILE_KEYS = ("config", "encryptionsalt", "encryptedkey", "secretsprovider", "environment")
"""Top-level keys of a stack file: ours is `config`, Pulumi writes the others."""


@dataclass(frozen=True)
class StackSettings:
    """A stack's checked settings: always the platform's, and the business's own when it is a business stack."""

    platform: Platform
    business: Business | None


def config_key(kind: str) -> str:
    """The configuration key of a kind of stack, as it stands in the stack file."""
    return f"{PROJECT}:{kind}"


def stack_file(folder: FilePath, stack: str) -> FilePath:
    """Where a stack's settings lie."""
    return folder / f"Pulumi.{stack}.yaml"


def load_stack(folder: FilePath, stack: str, given: Mapping[str, Any] | None = None) -> StackSettings:
    """Read and check a stack's settings; `given` are the values that Pulumi read, by kind, which win over the file's.

    Raises SettingsError with every fault of the stack's file and of the platform's that it stands on.
    """
    own = StackFile.read(stack_file(folder, stack), given)
    if isinstance(own.model, Platform) and not own.faults:
        return StackSettings(own.model, None)
    if not isinstance(own.model, Business):
        raise SettingsError(own.faults)
    platform_file = own.platform_file()
    platform = platform_file.model
    faults = [*own.faults, *platform_file.faults]
    if isinstance(platform, Platform):
        faults.extend(own.place(business_problems(own.model, platform)))
    if faults or not isinstance(platform, Platform):
        raise SettingsError(faults)
    return StackSettings(platform, own.model)


def check_folder(folder: FilePath) -> tuple[list[FilePath], list[Fault]]:
    """Every stack file of a folder, and every fault of every file."""
    files = sorted(folder.glob("Pulumi.*.yaml"))
    faults: set[Fault] = set()
    owners: dict[tuple[str, str], str] = {}
    for path in files:
        file = StackFile.read(path)
        try:
            load_stack(folder, path.name.removeprefix("Pulumi.").removesuffix(".yaml"))
        except SettingsError as error:
            faults.update(error.faults)
        if isinstance(file.model, Business):
            identity = (file.model.platform, file.model.name)
            if identity in owners:
                faults.update(file.place([_taken(file.model.name, owners[identity])]))
            owners.setdefault(identity, path.name)
    return files, list(SettingsError(faults).faults)


def _taken(name: str, other: str) -> Problem:
    return Problem(
        ("name",), name, "a name of its own", f"{other} has the same: the two would share namespace, bucket and role",
        "give one of them another name",
    )  # fmt: skip


@dataclass(frozen=True)
class StackFile:
    """A stack file as read: its document, its model when the values are sound, and its faults."""

    path: FilePath
    document: Document
    kind: str
    model: BaseModel | None
    faults: tuple[Fault, ...]

    @classmethod
    def read(cls, path: FilePath, given: Mapping[str, Any] | None = None) -> StackFile:
        """Read a file; faults are collected, not raised."""
        try:
            document = parse(path.read_text(encoding="utf-8"))
        except YamlError as fault:
            return cls._unreadable(path, fault.position, fault.problem, "correct the line; two spaces a level, no tabs")
        except (OSError, UnicodeError) as error:
            reason = error.strerror or str(error) if isinstance(error, OSError) else "it is not UTF-8 text"
            return cls._unreadable(path, Position(1, 1), reason, "a stack's settings lie in stacks/Pulumi.STACK.yaml")
        problems = list(_structure_problems(document))
        config = document.values.get("config") if isinstance(document.values, dict) else None
        values = dict(config) if isinstance(config, dict) else {}
        for kind, value in (given or {}).items():
            values[config_key(kind)] = value
        kinds = [kind for kind in KINDS if config_key(kind) in values]
        if len(kinds) != 1:
            problems.append(_not_one_kind(kinds))
            return cls(path, document, "", None, cls._placed(path, document, (), problems))
        kind = kinds[0]
        base: Path = ("config", config_key(kind))
        outdated = version_problem(values[config_key(kind)], _display(path))
        if outdated is not None:
            faults = cls._placed(path, document, (), problems) + cls._placed(path, document, base, [outdated])
            return cls(path, document, kind, None, faults)
        model, own = _validate(KINDS[kind], values[config_key(kind)])
        if isinstance(model, Platform):
            own = list(platform_problems(model))
        faults = cls._placed(path, document, (), problems) + cls._placed(path, document, base, own)
        return cls(path, document, kind, model, faults)

    def place(self, problems: Any) -> list[Fault]:
        """Problems of the model as faults of this file."""
        return list(self._placed(self.path, self.document, ("config", config_key(self.kind)), problems))

    def platform_file(self) -> StackFile:
        """The stack file of the platform that this business stands on, with a fault when it has none."""
        if not isinstance(self.model, Business):
            raise TypeError(f"{self.path} is no business's stack file")
        path = stack_file(self.path.parent, self.model.platform)
        file = StackFile.read(path) if path.exists() else None
        if file is not None and (file.model is not None or file.faults) and file.kind != "business":
            return file
        problem = Problem(
            ("platform",), self.model.platform, f"the stack of a platform, with its file at {_display(path)}",
            "it is missing" if file is None else "that file is a business's",
            "name the platform's stack, or add its file",
        )  # fmt: skip
        return StackFile(path, self.document, "", None, tuple(self.place([problem])))

    @staticmethod
    def _placed(path: FilePath, document: Document, base: Path, problems: Any) -> tuple[Fault, ...]:
        return tuple(
            Fault(_display(path), document.locate((*base, *problem.path), key=problem.at_key), problem)
            for problem in problems
        )

    @classmethod
    def _unreadable(cls, path: FilePath, position: Position, reason: str, way_out: str) -> StackFile:
        problem = Problem((), "(not readable)", "", reason, way_out)
        return cls(path, Document({}, {}, {}, ()), "", None, (Fault(_display(path), position, problem),))


def _display(path: FilePath) -> str:
    """The file as people name it: from the project's folder."""
    return f"{path.parent.name}/{path.name}"


def _validate(model: type[BaseModel], value: object) -> tuple[BaseModel | None, list[Problem]]:
    """Through JSON, which is how Pulumi hands a value over, so that file and engine are judged alike."""
    try:
        return model.model_validate_json(json.dumps(value, default=str)), []
    except ValidationError as error:
        return None, problems_of(model, error)
    except ValueError as error:
        return None, [Problem((), shown(value), "plain values", str(error), f"see {REFERENCE}")]


def _structure_problems(document: Document) -> list[Problem]:
    """Faults of the file around our own key: unknown or repeated keys."""
    values = document.values
    if not isinstance(values, dict) or not isinstance(values.get("config"), dict):
        return []
    problems = [unknown_key((key,), values[key], FILE_KEYS) for key in values if key not in FILE_KEYS]
    known = [config_key(kind) for kind in KINDS]
    for key in values["config"]:
        if key not in known and not str(key).startswith("pulumi:"):
            problems.append(unknown_key(("config", str(key)), values["config"][key], known))
    for path in document.duplicates:
        problems.append(
            Problem(
                path, "(given twice)", "each key once", "the earlier value would be lost without a word",
                "remove one of the two", at_key=True,
            )
        )  # fmt: skip
    return problems


def _not_one_kind(kinds: list[str]) -> Problem:
    both = " and ".join(f"`{config_key(kind)}`" for kind in kinds) or "neither"
    return Problem(
        ("config",), both, " or ".join(f"`{config_key(kind)}:`" for kind in KINDS) + ", one of the two",
        "that key says what the stack is", f"start from stacks/Pulumi.qa.yaml; {REFERENCE} explains each key",
    )  # fmt: skip
