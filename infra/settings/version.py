"""The version of the stack files' form, and how a file of an older version is brought up to date.

A file without `settings_version` has version 1. A file of another version than CURRENT is refused whole, so that a key
that has another meaning today is never taken for what it meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from infra.settings.faults import Problem

CURRENT = 2
KEY = "settings_version"
Version = Literal[2]


def version_of(values: object) -> object:
    """The version that the settings say they have; 1 when they don't say."""
    return values.get(KEY, 1) if isinstance(values, Mapping) else CURRENT


def version_problem(values: Any, file: str) -> Problem | None:
    """Why settings of this version are not read; None when they have the current one."""
    found = version_of(values)
    if found == CURRENT and not isinstance(found, bool):
        return None
    older = isinstance(found, int) and not isinstance(found, bool) and 1 <= found < CURRENT
    way_out = (
        f"run `python -m infra.settings upgrade {file}`"
        if older
        else f"write `{KEY}: {CURRENT}` if the file was written for this program, else use the program that it is for"
    )
    return Problem(
        (KEY,), f"{found}" if KEY in values else "(not given, which means 1)", f"{CURRENT}",
        "keys of another version may mean something else, so nothing of the file is read", way_out, at_key=True,
    )  # fmt: skip
