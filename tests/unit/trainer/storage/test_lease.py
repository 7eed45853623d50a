"""Who holds a lease; time is made by hand. Appends to a real bucket are tested with the controllers' buckets."""

from __future__ import annotations

import random

import pytest

from trainer.errors import ChangedError, DataError, StoreError
from trainer.storage.lease import Lease, Watch

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


def test_a_look_that_took_long_counts_from_its_answer() -> None:
    """A contender that was cut off tries again and again, and reads at last what the holder wrote a moment before."""
    time = Time()

    class SlowLog(MemoryLog):
        waits = 0.0

        def find(self, key: str) -> tuple[int, str] | None:
            waits, self.waits = self.waits, 0.0
            if waits:
                time.now += waits
                holder.acquire()
            return super().find(key)

    log = SlowLog()
    holder, other = Lease(log, KEY, "a", 60, time), Lease(log, KEY, "b", 60, time)
    holder.acquire()
    log.waits = 30.0
    assert not other.acquire()
    time.now = 89
    assert not other.acquire()
    time.now = 90
    assert other.acquire()


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


def test_who_comes_back_under_its_name_goes_on_with_its_term() -> None:
    """A launcher that is started again need not wait for its own lease to run out, and its job goes on."""
    time, log = Time(), MemoryLog()
    assert Lease(log, KEY, "a", 60, time).acquire()
    again = Lease(log, KEY, "a", 60, time)
    assert again.acquire() and again.held and again.term == 1


class Watched:
    """A lease of region `a`, and what its job's master sees of it."""

    def __init__(self) -> None:
        self.time, self.log = Time(), MemoryLog()
        self.lease = Lease(self.log, KEY, "a", 60, self.time)
        assert self.lease.acquire()
        self.watch = Watch(self.log, KEY, "a", 1, 60, self.time)


def test_a_job_goes_on_while_its_lease_is_renewed() -> None:
    watched = Watched()
    for _ in range(20):
        watched.time.now += 30
        assert watched.lease.acquire()
        assert watched.watch.look() and watched.watch.holds


def test_a_job_stops_when_its_lease_is_not_renewed_before_another_may_begin() -> None:
    watched = Watched()
    assert watched.watch.look()
    watched.time.now = 39
    assert watched.watch.look() and watched.watch.holds
    watched.time.now = 41
    assert not watched.watch.holds
    other = Lease(watched.log, KEY, "b", 60, watched.time)
    assert not other.acquire()


def test_a_job_stops_at_once_when_another_holds_its_lease() -> None:
    watched = Watched()
    watched.watch.look()
    watched.lease.release()
    assert Lease(watched.log, KEY, "b", 60, watched.time).acquire()
    assert not watched.watch.look()
    assert not watched.watch.holds


def test_a_job_whose_bucket_is_away_goes_on_for_as_long_as_the_lease_is_safe() -> None:
    watched = Watched()
    watched.watch.look()

    def away(key: str) -> tuple[int, str] | None:
        raise StoreError("away")

    watched.log.find = away  # type: ignore[method-assign]
    watched.time.now = 39
    assert watched.watch.look()
    watched.time.now = 40
    assert not watched.watch.look()
