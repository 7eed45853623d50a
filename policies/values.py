"""Values of a planned resource: plain data, with a mark where a value is not known before the change is made. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final


class Unknown:
    """A value that only the cloud will tell. No rule judges it: a rule that did would refuse every first preview."""

    _instance: Unknown | None = None

    def __new__(cls) -> Unknown:
        """There is one."""
        cls._instance = cls._instance or super().__new__(cls)
        return cls._instance

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()
OFF = (None, False, "", "false", "False", "off", "Off")


def at(value: Any, path: str) -> Any:
    """The value at a path such as `spec.template.spec`; None where nothing is, UNKNOWN below an unknown one."""
    for part in path.split("."):
        if value is UNKNOWN:
            return UNKNOWN
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def items(value: Any) -> list[Any]:
    """A list's items; none where it is missing or unknown; a single value counts as a list of one."""
    if value is None or value is UNKNOWN:
        return []
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]


def is_off(value: Any) -> bool:
    """Known, and missing, false or empty."""
    return value is not UNKNOWN and value in OFF


def differs(value: Any, *wanted: Any) -> bool:
    """Known, and none of the wanted values."""
    return value is not UNKNOWN and value not in wanted


def below(value: Any, least: float) -> bool:
    """Known, and missing or less than the least."""
    number = as_number(value)
    return value is not UNKNOWN and (number is None or number < least)


def as_number(value: Any) -> float | None:
    """A number, also where it is written as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a value, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, Sequence):
        for index, item in enumerate(value):
            yield from texts(item, f"{path}[{index}]")
