"""Two replicas and one Lease, by clocks that need not agree."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import Status

from controllers.config.monitor import LeaderElectionSettings
from controllers.monitor.election import Election


class Leases:
    """One Lease; a write over another version than the current one is a conflict, as in Kubernetes."""

    def __init__(self) -> None:
        self.lease: Any = None
        self.version = 0

    async def get(self, res: Any, name: str) -> Any:
        if self.lease is None:
            raise ApiError(status=Status(code=404, message="not found"))
        return copy.deepcopy(self.lease)

    async def create(self, obj: Any) -> Any:
        if self.lease is not None:
            raise ApiError(status=Status(code=409, message="exists"))
        return self._write(obj)

    async def replace(self, obj: Any) -> Any:
        if obj.metadata.resourceVersion != self.lease.metadata.resourceVersion:
            raise ApiError(status=Status(code=409, message="changed"))
        return self._write(obj)

    def _write(self, obj: Any) -> Any:
        self.version += 1
        obj.metadata.resourceVersion = str(self.version)
        self.lease = copy.deepcopy(obj)
        return obj


class Replica:
    def __init__(self, leases: Leases, name: str, ahead: float = 0.0) -> None:
        self.time = SimpleNamespace(now=1000.0)
        self.changes: list[bool] = []
        self.election = Election(
            leases, LeaderElectionSettings(), "qa", name, lambda: self.time.now + ahead, self.changes.append
        )

    async def look(self, seconds: float = 2.0) -> bool:
        """Time passes, and it tries."""
        self.time.now += seconds
        started = self.election.clock()
        try:
            if await self.election._attempt():
                self.election._renewed_at = started
        except ApiError:
            pass
        self.election._tell()
        return self.election.leading


@pytest.fixture
def pair() -> tuple[Replica, Replica, Leases]:
    leases = Leases()
    return Replica(leases, "one"), Replica(leases, "two", ahead=5000.0), leases


async def test_the_first_leads_and_the_second_stands_by(pair: tuple[Replica, Replica, Leases]) -> None:
    one, two, _ = pair
    for _ in range(20):
        assert await one.look()
        assert not await two.look()
    assert two.election.holder == "one"
    assert one.changes == [True]


async def test_a_leader_that_is_silent_is_followed_after_the_leases_time_and_not_before(
    pair: tuple[Replica, Replica, Leases],
) -> None:
    one, two, _ = pair
    await one.look()
    assert not await two.look()
    assert not await two.look(14.0)
    assert await two.look(1.5)


async def test_a_leader_that_cannot_renew_stops_before_another_begins(pair: tuple[Replica, Replica, Leases]) -> None:
    one, two, _ = pair
    await one.look()
    await two.look()
    one.time.now += 10.5
    assert not one.election.leading
    assert not await two.look(10.5)


async def test_a_lease_that_was_given_up_is_taken_at_once(pair: tuple[Replica, Replica, Leases]) -> None:
    one, two, _ = pair
    await one.look()
    await two.look()
    await one.election.release()
    assert not one.election.leading
    assert await two.look()
    assert two.election.holder == "two"


async def test_of_two_that_take_an_expired_lease_together_one_gets_it(pair: tuple[Replica, Replica, Leases]) -> None:
    one, two, leases = pair
    await one.look()
    await two.look()
    stale = copy.deepcopy(leases.lease)
    assert await two.look(20.0)

    async def old(*_: Any) -> Any:
        return stale

    leases.get = old  # type: ignore[method-assign]
    assert not await one.look(20.0)
