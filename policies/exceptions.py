"""Exceptions: where a rule or a linter is overruled, each with its reason, all in `exceptions.yaml`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from policies.model import Violation

FILE = Path(__file__).with_name("exceptions.yaml")
PACK = "policies"
"""The name under which the pack itself stands in the file, beside the linters."""
KEYS = {"tool", "check", "objects", "reason"}


class ExceptionsError(Exception):
    """The file is not what it should be; the message says where and what to write."""


@dataclass(frozen=True)
class Exemption:
    """A check of a tool that does not count for the objects whose name fits the pattern."""

    tool: str
    check: str
    objects: str
    reason: str

    def covers(self, tool: str, check: str, name: str) -> bool:
        """Whether it overrules this check for this object."""
        return (tool, check) == (self.tool, self.check) and fnmatchcase(name, self.objects)


def load(path: Path = FILE) -> tuple[Exemption, ...]:
    """Every exception of the file. Raises ExceptionsError."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ExceptionsError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    entries = content.get("exceptions") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise ExceptionsError(f"{path}: no list `exceptions`; write `exceptions: []` when there are none")
    return tuple(_exemption(path, index, entry) for index, entry in enumerate(entries))


def _exemption(path: Path, index: int, entry: Any) -> Exemption:
    if not isinstance(entry, dict) or set(entry) != KEYS or not all(isinstance(entry[key], str) for key in KEYS):
        raise ExceptionsError(
            f"{path}: exceptions[{index}] must have the keys {', '.join(sorted(KEYS))}, each with a text"
        )
    if len(entry["reason"].split()) < 5:
        raise ExceptionsError(
            f"{path}: exceptions[{index}].reason is too short to convince; say why the rule is wrong here"
        )
    return Exemption(**entry)


def uncovered(rule: str, violations: Iterable[Violation], exemptions: Iterable[Exemption]) -> list[Violation]:
    """The violations of a rule that no exception covers; a violation of the whole stack has the name `stack`."""
    known = list(exemptions)
    return [
        violation
        for violation in violations
        if not any(
            exemption.covers(PACK, rule, violation.resource.name if violation.resource else "stack")
            for exemption in known
        )
    ]
