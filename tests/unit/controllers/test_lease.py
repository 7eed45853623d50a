"""Who holds a lease, against real append semantics; time is made by hand."""

from __future__ import annotations

import random

import pytest

from controllers.buckets import Bucket, ChangedError
from controllers.lease import Lease
from tests.unit.controllers.conftest import MakeBucket
from trainer.errors import DataError

KEY = "leases/training"


class Time:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class MemoryLog:
    """A bucket of one object; `lose_answers` does an append and then behaves as if another had."""

    address = "memory/"

    def __init__(self) -> None:
        self.data = b""
        self.lose_answers = False

    def find(self, key: str) -> tuple[int, str] | None:
        return (len(self.data), "") if self.data else None

    def get(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        return self.data[start:end]

    def append(self, key: str, position: int, data: bytes) -> None:
        if position != len(self.data):
            raise ChangedError("not the end")
        self.data += data
        if self.lose_answers:
            raise ChangedError("the second attempt of the client came too late")


def test_one_of_two_regions_holds_it_until_it_gives_it_up(make_bucket: MakeBucket) -> None:
    bucket: Bucket = make_bucket("data")
    first, second = Lease(bucket, KEY, "cn-hangzhou", 60), Lease(bucket, KEY, "cn-beijing", 60)
    assert first.acquire() and first.held and first.term == 1
    assert not second.acquire() and not second.held
    assert first.acquire() and first.term == 1
    first.release()
    assert not first.held
    assert second.acquire() and second.term == 2
    assert not first.acquire()


def test_a_dead_holder_is_replaced_after_the_lease_and_not_before() -> None:
    time, log = Time(), MemoryLog()
    dead, other = Lease(log, KEY, "a", 60, time), Lease(log, KEY, "b", 60, time)
    assert dead.acquire()
    assert not other.acquire()
    time.now = 59
    assert not other.acquire()
    time.now = 60
    assert other.acquire() and other.term == 2
    assert not dead.held
    assert not dead.acquire() and dead.term == 0


def test_a_holder_stops_before_another_may_begin() -> None:
    time, log = Time(), MemoryLog()
    lease = Lease(log, KEY, "a", 60, time)
    lease.acquire()
    time.now = 39
    assert lease.held
    time.now = 40
    assert not lease.held
    assert lease.acquire() and lease.held


def test_an_append_whose_answer_was_lost_counts() -> None:
    log = MemoryLog()
    log.lose_answers = True
    lease = Lease(log, KEY, "a", 60, Time())
    assert lease.acquire() and lease.held


def test_what_is_no_lease_is_not_taken_for_one() -> None:
    log = MemoryLog()
    log.data = b"hello"
    with pytest.raises(DataError, match="is no lease"):
        Lease(log, KEY, "a", 60, Time()).acquire()


@pytest.mark.parametrize("seed", range(50))
def test_never_do_two_hold_it_and_terms_only_grow(seed: int) -> None:
    """Contenders with clocks of their own that run at different offsets, and that die and come back in any order."""
    draw = random.Random(seed)  # noqa: S311
    log, time = MemoryLog(), Time()
    offsets = [draw.uniform(-1e6, 1e6) for _ in range(3)]
    leases = [Lease(log, KEY, f"region-{n}", 10, lambda n=n: time.now + offsets[n]) for n in range(3)]
    terms: list[int] = []
    for _ in range(300):
        time.now += draw.choice((0.1, 1, 3, 7))
        number = draw.randrange(3)
        if draw.random() < 0.1:
            leases[number].release()
        elif draw.random() < 0.05:
            leases[number] = Lease(log, KEY, f"region-{number}", 10, lambda n=number: time.now + offsets[n])
        elif leases[number].acquire():
            terms.append(leases[number].term)
        assert sum(lease.held for lease in leases) <= 1
    assert terms == sorted(terms)
    assert len(set(terms)) > 3
