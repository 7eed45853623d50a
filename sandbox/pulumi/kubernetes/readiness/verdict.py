"""What a look at an object says about its readiness."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """Ready, still waiting, or failed for good; the text says what is missing or what went wrong."""

    state: Literal["ready", "waiting", "failed"]
    text: str = ""


READY = Verdict("ready")


@dataclass(frozen=True)
class Rule:
    """How one kind becomes ready.

    `related` gives the path below the namespace and the label selector of the objects that tell the reasons (pods,
    endpoint slices), None when there are none; `judge` looks at the object and the related ones.
    """

    judge: Callable[[Object, Sequence[Object]], Verdict]
    timeout_seconds: float
    related: Callable[[Object], tuple[str, str] | None] = lambda _: None


def waiting(text: str) -> Verdict:
    """Not ready yet, because of `text`."""
    return Verdict("waiting", text)


def failed(text: str) -> Verdict:
    """Will never be ready."""
    return Verdict("failed", text)


def condition(live: Object, kind: str) -> Object:
    """The condition of this type in the object's status; empty when there is none."""
    rows = live.get("status", {}).get("conditions") or []
    return next((row for row in rows if row.get("type") == kind), {})


def is_observed(live: Object) -> bool:
    """Whether the controller has seen the newest specification."""
    generation = live.get("metadata", {}).get("generation", 0)
    return int(live.get("status", {}).get("observedGeneration") or 0) >= int(generation or 0)


def selector(labels: Object) -> str:
    """A label selector object as the query parameter for it."""
    parts = [f"{key}={value}" for key, value in (labels.get("matchLabels") or {}).items()]
    for row in labels.get("matchExpressions") or []:
        values = ",".join(row.get("values") or [])
        operators = {
            "In": f"{row['key']} in ({values})",
            "NotIn": f"{row['key']} notin ({values})",
            "Exists": str(row["key"]),
            "DoesNotExist": f"!{row['key']}",
        }
        parts.append(operators.get(str(row.get("operator")), ""))
    return ",".join(filter(None, parts))
