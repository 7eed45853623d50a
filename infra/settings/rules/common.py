"""What rules of both kinds of stack use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from infra.naming import NameRuleError
from infra.settings.faults import Problem
from infra.settings.positions import Path


def repeated(names: list[str], path: Path, key: str) -> Iterator[Problem]:
    """Each item of a list that has the same value as an earlier one."""
    for index, name in enumerate(names):
        if name in names[:index]:
            yield Problem(
                (*path, index, key), name, f"each {key} once", f"{name} is listed before",
                "remove one of the two entries, or correct its name",
            )  # fmt: skip


def name_problems(names: Callable[[], Iterable[str]], path: Path) -> Iterator[Problem]:
    """The first composed name that its service would refuse."""
    try:
        list(names())
    except NameRuleError as fault:
        yield Problem(
            path, fault.name, fault.limit, f"this name is composed from the organization, the business and the region "
            f"({fault.source})", f"shorten `{path[-1]}`",
        )  # fmt: skip
