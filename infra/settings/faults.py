"""A fault of a stack file, and how pydantic's errors become faults a person can act on."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from infra.settings import limits
from infra.settings.positions import Path, Position

MAXIMUM_VALUE_LENGTH = 80
REFERENCE = "docs/settings.md"


@dataclass(frozen=True)
class Problem:
    """What is wrong at a path, before it is known where in which file that path stands."""

    path: Path
    value: str
    limit: str
    reason: str
    way_out: str
    at_key: bool = False


@dataclass(frozen=True)
class Fault:
    """A problem and its place."""

    file: str
    position: Position
    problem: Problem

    def __str__(self) -> str:
        problem = self.problem
        lines = [f"{self.file}:{self.position.line}:{self.position.column}: {dotted(problem.path)} = {problem.value}"]
        if problem.limit:
            lines.append(f"  limit:   {problem.limit}")
        if problem.reason:
            lines.append(f"  reason:  {problem.reason}")
        lines.append(f"  way out: {problem.way_out}")
        return "\n".join(lines)


class SettingsError(Exception):
    """All faults of one or more stack files."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.file, fault.position.line, fault.position.column)))
        super().__init__(render(self.faults))


def render(faults: Iterable[Fault]) -> str:
    """All faults as one text, with their number first."""
    texts = [str(fault) for fault in faults]
    count = "1 fault" if len(texts) == 1 else f"{len(texts)} faults"
    return f"{count} in the stack settings; nothing was changed\n" + "\n".join(texts)


def dotted(path: Path) -> str:
    """A path as people write it: `regions[0].nodes.count`; keys with a colon or a full stop in quotes."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif "." in part:
            text += f'["{part}"]'
        else:
            text += f".{part}" if text else part
    return text or "(all settings)"


def shown(value: object) -> str:
    """A value as it stands in the file, shortened."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = repr(text) if isinstance(value, str) and (not text or not text.isprintable()) else text
    return text if len(text) <= MAXIMUM_VALUE_LENGTH else text[: MAXIMUM_VALUE_LENGTH - 1] + "…"


def nearest(key: str, known: Iterable[str]) -> str | None:
    """The known key that was most likely meant."""
    close = difflib.get_close_matches(key.casefold(), list(known), n=1, cutoff=0.6)
    return close[0] if close else None


def unknown_key(path: Path, value: object, known: Iterable[str]) -> Problem:
    """The problem of a key that nobody reads."""
    names = sorted(known)
    guess = nearest(str(path[-1]), names)
    way_out = f"write `{guess}`" if guess else f"remove it, or choose one of them; {REFERENCE} explains each"
    return Problem(
        path,
        shown(value),
        "the keys here are " + ", ".join(f"`{name}`" for name in names),
        "an unknown key is most often a misspelt one, which would otherwise be ignored without a word",
        way_out,
        at_key=True,
    )


def problems_of(model: type[BaseModel], error: ValidationError) -> list[Problem]:
    """Pydantic's errors as problems, paths relative to the model.

    A list counts only its sound items, so a list with a faulty one is also reported as too short: that one is left out.
    """
    found = error.errors(include_url=False)
    inner = {details["loc"][:end] for details in found for end in range(len(details["loc"]))}
    return [
        _problem(model, details)
        for details in found
        if not (details["type"] == "too_short" and details["loc"] in inner)
    ]


def _problem(model: type[BaseModel], details: ErrorDetails) -> Problem:
    path: Path = tuple(part for part in details["loc"] if part != "[key]")
    field = limits.field_at(model, path)
    reason = limits.why(field) if field else ""
    meaning = _meaning(model, path, field)
    key = dotted(path[-1:]) if path else ""
    kind = details["type"]
    if kind == "value_error" and field is not None and field.annotation is IPv4Network:
        kind = "ip_v4_network"  # pydantic reports stray host bits as a plain ValueError
    match kind:
        case "extra_forbidden":
            parent = limits.model_at(model, path[:-1])
            return unknown_key(path, details["input"], parent.model_fields if parent else ())
        case "missing":
            limit = "required" + (f": {limits.accepted(field)}" if field else "")
            return Problem(path, "(not given)", limit, reason, f"add `{key}:` {_clause(meaning)}", at_key=True)
        case "value_error":
            message = str(details["msg"]).removeprefix("Value error, ")
            return Problem(path, shown(details["input"]), message, reason, f"see `{dotted(path)}` in {REFERENCE}")
        case _:
            limit = limits.accepted(field) if field else _mapping(model)
            return Problem(path, shown(details["input"]), limit, meaning or reason, _way_out(field, details, limit))


def _meaning(model: type[BaseModel], path: Path, field: FieldInfo | None) -> str:
    """What the option is for; where it doesn't say, what its group is for."""
    if field is not None and field.description:
        return field.description
    group = limits.model_at(model, path[:-1]) if path else model
    return (group.__doc__ or "").strip().split("\n")[0] if group else ""


def _mapping(model: type[BaseModel]) -> str:
    return "a mapping with the keys " + ", ".join(f"`{name}`" for name in model.model_fields)


def _way_out(field: Any, details: ErrorDetails, limit: str) -> str:
    if details["type"] == "literal_error" and isinstance(details["input"], str):
        guess = nearest(details["input"], [part.strip("` ") for part in limit.removeprefix("one of ").split(", ")])
        if guess:
            return f"write `{guess}`"
    if field is not None and not field.is_required() and field.default is not None:
        default = field.get_default(call_default_factory=True)
        if not isinstance(default, BaseModel | tuple | dict | list):
            return f"give {limit}; the default is {shown(default)}"
    return f"give {limit}"


def _clause(meaning: str) -> str:
    return f"({meaning.rstrip('.')})" if meaning else ""
