"""Faults by rule: calls that fail, come late or find no endpoint, because somebody asked for it.

Each call that a rule's globs match is a draw of that rule. Whether the draw strikes depends on the rule's seed and the
draw's number alone, so the same calls in the same order meet the same faults again.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from sandbox.cloud.core.errors import CloudError
from sandbox.cloud.core.store import Repository, Store

LONGEST_LATENCY = 600_000
"""Milliseconds: ten minutes, longer than any client waits."""

USUAL_STATUS = {
    "Forbidden": 403,
    "InternalError": 500,
    "NoPermission": 403,
    "QpsLimitExceeded": 503,
    "ServiceUnavailable": 503,
    "ServiceUnavailableTemporary": 503,
    "Throttling": 400,
    "Throttling.Api": 400,
    "Throttling.User": 400,
}
"""The HTTP status that the cloud answers common codes with; others are taken for a failure of the server's."""

Glob = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


@dataclass(frozen=True)
class CallName:
    """Which call a request is, as far as it can be told; `region` is where its endpoint is."""

    service: str
    action: str
    region: str
    caller: str = ""
    """The address that it came from. A region's pods have their node's, below the region's link."""


class InjectedError(BaseModel):
    """An error to answer with; its form is the one of the call's protocol."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
    status: int = Field(default=0, ge=0, le=599)
    """HTTP status, 400 to 599; 0 stands for the usual one of the code, or else 500."""
    message: str = "This error was asked for by a fault rule of the sandbox."

    @model_validator(mode="after")
    def _is_an_error(self) -> InjectedError:
        if 0 < self.status < 400:
            raise ValueError(f"status {self.status} is no error; give one from 400 to 599")
        return self

    @property
    def http_status(self) -> int:
        """The status that is sent."""
        return self.status or USUAL_STATUS.get(self.code, 500)

    def as_cloud_error(self) -> CloudError:
        """The error as an action of the RPC and ROA styles raises it."""
        return CloudError(self.code, self.message, self.http_status)


class FaultRule(BaseModel):
    """Which calls meet which fault. Globs know `*`, `?` and `[...]`, and upper and lower case are the same to them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name | None = None
    """By which it is removed; None lets the cloud choose."""
    service: Glob = "*"
    """As in the call log: Vpc, Ecs, CS, Alidns, Ram, Sts, Kms, OSS."""
    region: Glob = "*"
    action: Glob = "*"
    caller: Glob = "*"
    """Of the address that the call comes from: `172.30.1.*` for the first region's pods cuts that region off alone."""
    probability: float = Field(default=1.0, gt=0, le=1)
    """How many of the matching calls it strikes, as a share."""
    count: int | None = Field(default=None, ge=1)
    """After how many strikes it ends; None for never."""
    seed: int = 0
    error: InjectedError | None = None
    latency_milliseconds: int = Field(default=0, ge=0, le=LONGEST_LATENCY)
    """How much later the call is carried out (or fails)."""
    reset: bool = False
    """Cut the connection instead of answering, as from an endpoint that cannot be reached."""

    @model_validator(mode="after")
    def _has_an_effect(self) -> FaultRule:
        if self.error is None and not self.latency_milliseconds and not self.reset:
            raise ValueError("the rule does nothing; give an error, a latency or a reset")
        if self.error is not None and self.reset:
            raise ValueError("a call is either answered with an error or cut; give error or reset, not both")
        return self

    def matches(self, call: CallName) -> bool:
        """Whether the rule is about this call."""
        pairs = (
            (self.service, call.service),
            (self.region, call.region),
            (self.action, call.action),
            (self.caller, call.caller),
        )
        return all(pattern == "*" or fnmatchcase(text.lower(), pattern.lower()) for pattern, text in pairs)


class Fault(BaseModel):
    """A rule as kept in the store, with what it has done so far."""

    model_config = ConfigDict(frozen=True)

    name: str
    rule: FaultRule
    matched: int = 0
    struck: int = 0

    @property
    def spent(self) -> bool:
        """Whether it has struck as often as it should."""
        return self.rule.count is not None and self.struck >= self.rule.count

    def drawn(self) -> Fault:
        """The rule after one more matching call."""
        strikes = random.Random(f"{self.rule.seed}/{self.matched}").random() < self.rule.probability  # noqa: S311
        return self.model_copy(update={"matched": self.matched + 1, "struck": self.struck + strikes})


@dataclass(frozen=True)
class Strike:
    """What happens to one call."""

    faults: tuple[str, ...]
    """The rules that struck."""
    latency_seconds: float
    reset: bool
    error: InjectedError | None


class Faults:
    """The rules in force, kept over restarts. All methods belong to one event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept = Repository(store, "fault", Fault)
        self._faults = {fault.name: fault for fault in self._kept.list()}

    @property
    def are_any(self) -> bool:
        """Whether there is a rule; all that calls pay for when there is none."""
        return bool(self._faults)

    def list(self) -> list[Fault]:
        """The rules in the order in which they were added."""
        return list(self._faults.values())

    def add(self, rule: FaultRule) -> Fault:
        """Put a rule in force; one of the same name is replaced, and counts from nothing."""
        name = rule.name or f"fault-{self._store.next_number('fault')}"
        self._faults[name] = self._kept.put(name, Fault(name=name, rule=rule.model_copy(update={"name": name})))
        return self._faults[name]

    def remove(self, name: str) -> bool:
        """End a rule; whether there was one."""
        self._kept.delete(name)
        return self._faults.pop(name, None) is not None

    def clear(self) -> int:
        """End all rules; how many there were."""
        names = list(self._faults)
        with self._store.transaction():
            for name in names:
                self._kept.delete(name)
        self._faults.clear()
        return len(names)

    def is_out(self, region: str) -> bool:
        """Whether no call can reach a region: what the cloud itself carries to it (replicas) has to wait."""
        return any(rule.service == "*" and rule.matches(CallName("", "", region)) for rule in self._cuts())

    def is_cut(self, service: str, region: str, caller: str) -> bool:
        """Whether no call of a service in a region gets through from an address; "" is an address of nowhere."""
        return any(rule.matches(CallName(service, "", region, caller)) for rule in self._cuts())

    def _cuts(self) -> Iterator[FaultRule]:
        """The rules in force that let nothing through of what they match, whatever the action."""
        rules = (fault.rule for fault in self._faults.values() if not fault.spent)
        return (rule for rule in rules if rule.reset and rule.probability == 1 and rule.action == "*")

    def strike(self, call: CallName) -> Strike | None:
        """What happens to a call; None for nothing. Every rule that matches draws.

        Latencies of several rules add up, a reset goes before an error, and of errors the oldest rule's is answered.
        """
        struck: list[Fault] = []
        for fault in self.list():
            if fault.spent or not fault.rule.matches(call):
                continue
            self._faults[fault.name] = self._kept.put(fault.name, fault.drawn())
            if self._faults[fault.name].struck > fault.struck:
                struck.append(fault)
        if not struck:
            return None
        return Strike(
            faults=tuple(fault.name for fault in struck),
            latency_seconds=sum(fault.rule.latency_milliseconds for fault in struck) / 1000,
            reset=any(fault.rule.reset for fault in struck),
            error=next((fault.rule.error for fault in struck if fault.rule.error is not None), None),
        )


def region_out(region: str) -> FaultRule:
    """The rule that makes every endpoint of a region unreachable."""
    return FaultRule(name=f"region-out-{region}", region=region, reset=True)
