"""What is written down of a fault, from its detection to the recovery; and the monitor's whole memory, as JSON.

The memory lives in a ConfigMap and is written before every repair, so a monitor that is killed at any point, or another
replica in its place, goes on where it stood.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from controllers.errors import ControllerError

HANDLED_PODS = 1000
KEPT_CLOSED = 40
"""Closed incidents that stay in the memory; all of them are in the bucket."""


class Kept(BaseModel):
    """Base of what is written down. Unknown keys are left out, so that an older monitor reads a newer one's memory."""

    model_config = ConfigDict(extra="ignore", validate_assignment=False)


class Repair(Kept):
    """Something that the monitor did. `at` as all times: seconds since 1970."""

    at: float
    what: str
    uid: str = ""
    """Of the pod that it was done to."""
    error: str = ""


class Incident(Kept):
    """One fault of one thing."""

    id: str
    fault: str
    target: str
    uid: str
    role: str = ""
    node: str = ""
    owner: str
    message: str = ""
    detected_at: float
    workers: list[int] = []
    """The workers that were lost by it, by the master's count."""
    master: str = ""
    """Uid of the master at the time."""
    step: int = 0
    """The job's step at the time."""
    done: int = 0
    """Tasks done at the time, by that master's count."""
    given_again: int = 0
    """Tasks that the master had given out a second time until then."""
    repairs: list[Repair] = []
    replaced_at: float | None = None
    """When what was lost ran again."""
    recovered_at: float | None = None
    """When the job was at work again, as before."""
    tasks_redone: int | None = None
    steps_redone: int | None = None
    alert: str = ""
    """What a person must know or do."""
    alerted_at: float | None = None
    outcome: Literal["open", "recovered", "superseded"] = "open"
    note: str = ""

    @property
    def key(self) -> str:
        return f"{self.fault}:{self.uid}"

    @property
    def is_open(self) -> bool:
        return self.outcome == "open"


class Streak(Kept):
    """Repairs of one kind of fault, one after another without a lasting recovery between."""

    count: int = 0
    last_at: float = 0.0


class Memory(Kept):
    """All that must survive the monitor."""

    incidents: list[Incident] = []
    """Open ones, and the last closed."""
    repairs_at: list[float] = []
    """Of the last hour."""
    streaks: dict[str, Streak] = {}
    worker_memory_mebibytes: int | None = None
    """What workers were given beyond the stack file, since one ran out of memory."""
    handled: Annotated[list[str], Field(max_length=10_000)] = []
    """Pods that had their incident: their remains must not make another one. The last HANDLED_PODS."""
    unsaved: Annotated[list[str], Field(max_length=100_000)] = []
    """Incidents that the bucket does not hold as they are now."""

    def open(self) -> Iterator[Incident]:
        return (incident for incident in self.incidents if incident.is_open)

    def find(self, key: str) -> Incident | None:
        """The incident of this key: the open one, or else the last closed one."""
        found = None
        for incident in self.incidents:
            if incident.key == key:
                if incident.is_open:
                    return incident
                found = incident
        return found

    def trim(self, now: float) -> None:
        """Forget what is too old."""
        self.repairs_at = [at for at in self.repairs_at if now - at < 3600.0]
        self.handled = self.handled[-HANDLED_PODS:]
        closed = [incident for incident in self.incidents if not incident.is_open]
        for incident in closed[: max(0, len(closed) - KEPT_CLOSED)]:
            self.incidents.remove(incident)

    def to_json(self) -> str:
        return json.dumps(self.model_dump(mode="json"), separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Memory:
        """Raises ControllerError when the text is damaged."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise ControllerError(f"the monitor's memory is damaged: {error.errors()[0]['msg']}") from error


def as_line(incident: Incident) -> dict[str, Any]:
    """The incident as a log holds it."""
    return incident.model_dump(mode="json")
