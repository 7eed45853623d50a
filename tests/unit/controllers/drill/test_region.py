"""What the drills of regions measure, with a DNS server and servers that a test moves; time is made by hand."""

from __future__ import annotations

import threading

import pytest

from controllers.drill.region import Drill
from controllers.drill.two_regions import Masters
from controllers.errors import DrillError

FIRST, SECOND, TTL = "192.0.2.1", "192.0.2.2", 10.0


class Place:
    """Two regions; the second takes over `switch_after` the first died."""

    def __init__(self, switch_after: float) -> None:
        self.now = 100.0
        self.died_at: float | None = None
        self.switch_after = switch_after
        self.broken = threading.Event()
        self.slow = 0

    def resolve(self, line: str) -> tuple[list[str], float]:
        switched = self.died_at is not None and self.now - self.died_at >= self.switch_after
        return ([SECOND] if line == "unicom" or switched else [FIRST]), TTL

    def ask(self, address: str) -> bool:
        return address == SECOND or self.died_at is None

    def die(self) -> None:
        self.died_at = self.now
        self.broken.set()

    def sleep(self, seconds: float) -> None:
        self.broken.wait(1)
        self.now += max(seconds, 0.5)

    def drill(self) -> Drill:
        return Drill(["default", "unicom"], 10, self.resolve, self.ask, lambda: self.now, self.sleep)


def test_users_fail_until_the_last_cache_has_run_out() -> None:
    place = Place(switch_after=6.0)
    drill = place.drill()
    drill.prepare()
    outcome = drill.watch(FIRST, place.die)
    assert 5.0 <= outcome.left_after <= 6.5
    assert outcome.left_after < outcome.answered_after <= 6.0 + TTL
    assert 0 < outcome.failed < outcome.requests / 2
    assert outcome.failed_elsewhere == 0


def test_without_a_switch_the_drill_says_that_users_are_led_there_still() -> None:
    place = Place(switch_after=1e9)
    drill = place.drill()
    drill.prepare()
    with pytest.raises(DrillError, match="still led to"):
        drill.watch(FIRST, place.die)


def test_a_command_that_breaks_nothing_is_no_success() -> None:
    place = Place(switch_after=0.0)
    drill = place.drill()
    drill.prepare()
    with pytest.raises(DrillError, match="nothing was broken"):
        drill.watch(FIRST, place.broken.set)


def test_what_is_broken_already_is_not_drilled() -> None:
    place = Place(switch_after=1e9)
    place.die()
    with pytest.raises(DrillError, match="before anything was broken"):
        place.drill().prepare()


def test_a_region_that_takes_its_time_to_die_is_counted_from_when_it_answered_last() -> None:
    place = Place(switch_after=6.0)
    drill = place.drill()
    drill.prepare()

    def die_late() -> None:
        place.slow = 10

    plain_sleep = place.sleep

    def sleep(seconds: float) -> None:
        if place.slow:
            place.slow -= 1
            place.now += 0.5
            if not place.slow:
                place.die()
        else:
            plain_sleep(seconds)

    drill._sleep = sleep
    outcome = drill.watch(FIRST, die_late)
    assert 5.5 <= outcome.left_after <= 7.0


def test_two_masters_at_once_are_counted_and_when_the_first_ended() -> None:
    masters = Masters([])
    masters.runs = [False, False]
    for second, runs in enumerate([[True, False], [True, True], [False, True], [True, False], [False, False]]):
        masters.saw(runs, float(second))
    assert (masters.looks, masters.both, masters.ended_at) == (5, 1, 2.0)
