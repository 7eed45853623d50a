"""Every key of the committed stack files, spoilt in every way: always a fault with its place, never a traceback."""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.settings import SettingsError, load_stack

STACKS = Path(__file__).resolve().parents[3] / "stacks"
JUNK: tuple[Any, ...] = ({"a": [1]}, -(10**30), "\u0000")
KeyPath = tuple[Any, ...]


def paths(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, item in pairs:
        yield (*path, part)
        yield from paths(item, (*path, part))


def holder(values: Any, path: KeyPath) -> Any:
    for part in path[:-1]:
        values = values[part]
    return values


def settings_paths(stack: str) -> tuple[dict[str, Any], list[KeyPath]]:
    values = yaml.safe_load((STACKS / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))
    found = [path for path in paths(values) if len(path) >= 2]
    assert len(found) >= 15
    return values, found


def refused(folder: Path, stack: str, values: Any) -> SettingsError | None:
    (folder / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    try:
        load_stack(folder, stack)
    except SettingsError as error:
        for fault in error.faults:
            assert re.match(r"\S+/Pulumi\.\w+\.yaml:\d+:\d+: ", str(fault))
            assert "\n  way out: " in str(fault)
        return error
    return None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in STACKS.glob("Pulumi.*.yaml"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("stack", ["platform", "qa"])
def test_every_misspelt_key_is_refused(folder: Path, stack: str) -> None:
    values, found = settings_paths(stack)
    for path in found:
        if isinstance(path[-1], str):
            spoilt = copy.deepcopy(values)
            mapping = holder(spoilt, path)
            mapping[f"{path[-1]}x"] = mapping.pop(path[-1])
            assert refused(folder, stack, spoilt) is not None, path


@pytest.mark.parametrize("stack", ["platform", "qa"])
def test_every_value_of_a_wrong_kind_is_refused(folder: Path, stack: str) -> None:
    values, found = settings_paths(stack)
    for path, junk in zip(found, itertools.cycle(JUNK)):
        spoilt = copy.deepcopy(values)
        holder(spoilt, path)[path[-1]] = junk
        assert refused(folder, stack, spoilt) is not None, (path, junk)


@pytest.mark.parametrize("stack", ["platform", "qa"])
def test_every_missing_key_has_a_default_or_a_fault(folder: Path, stack: str) -> None:
    values, found = settings_paths(stack)
    for path in found:
        spoilt = copy.deepcopy(values)
        del holder(spoilt, path)[path[-1]]
        refused(folder, stack, spoilt)
