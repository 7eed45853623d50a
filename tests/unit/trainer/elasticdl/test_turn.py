"""Who may train, over a lease in memory with times of a few milliseconds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from tests.unit.trainer.small_data import job
from tests.unit.trainer.storage.test_lease import MemoryLog
from trainer.config import LeaseSettings
from trainer.elasticdl import turn
from trainer.elasticdl.turn import AlwaysOurs, LeasedTurn, turn_of
from trainer.errors import StoreError
from trainer.storage.lease import Lease, Watch

KEY = "leases/training"
SECONDS = 10


def wait(holds: Callable[[], bool]) -> None:
    tick = threading.Event()
    for _ in range(SECONDS * 200):
        if holds():
            return
        tick.wait(0.005)
    raise AssertionError("it never came true")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "WAITING_SECONDS", 0.002)


@pytest.fixture
def make() -> Iterator[Callable[[MemoryLog, str], LeasedTurn]]:
    made: list[LeasedTurn] = []

    def one(log: MemoryLog, region: str) -> LeasedTurn:
        made.append(LeasedTurn(Lease(log, KEY, region, 0.3), 0.3))
        made[-1].start()
        return made[-1]

    yield one
    for each in made:
        each.stop()


def test_one_region_trains_and_the_other_takes_over_once_it_renews_no_more(
    make: Callable[[MemoryLog, str], LeasedTurn],
) -> None:
    log = MemoryLog()
    first = make(log, "cn-hangzhou")
    wait(lambda: first.held)
    second = make(log, "cn-beijing")
    wait(lambda: second.detail == "cn-hangzhou holds the lease")
    assert not second.held
    first.stop()
    wait(lambda: second.held)
    assert not first.held
    assert (first.term, second.term) == (1, 2)


def test_a_bucket_that_is_away_is_asked_again_and_named_meanwhile(
    make: Callable[[MemoryLog, str], LeasedTurn], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = MemoryLog()
    away = [True]

    def find(key: str) -> tuple[int, str] | None:
        if away[0]:
            raise StoreError("oss://bucket: away")
        return (len(log.data), "") if log.data else None

    monkeypatch.setattr(log, "find", find)
    one = make(log, "cn-hangzhou")
    wait(lambda: one.detail == "the lease can't be renewed: oss://bucket: away")
    assert not one.held
    away[0] = False
    wait(lambda: one.held)


def test_the_job_is_ended_once_when_its_lease_is_not_renewed() -> None:
    log = MemoryLog()
    assert Lease(log, KEY, "cn-hangzhou", 0.1).acquire()
    ends: list[bool] = []
    turn.start(Watch(log, KEY, "cn-hangzhou", 1, 0.1), 0.1, threading.Event(), lambda: ends.append(True))
    wait(lambda: bool(ends))
    assert ends == [True]


def test_a_business_in_one_region_needs_no_lease() -> None:
    assert turn_of(job()) is None
    assert AlwaysOurs().held


def test_the_lease_is_asked_for_in_the_other_region_by_its_public_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OSS_ENDPOINT", raising=False)
    found = turn._open(LeaseSettings(bucket="example", region="cn-beijing"), job())
    assert found._client._client._options.endpoint.netloc == "oss-cn-beijing.aliyuncs.com"
