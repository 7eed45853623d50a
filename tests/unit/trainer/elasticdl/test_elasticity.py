"""How many workers are wanted, by a clock that the test moves. Who makes and ends them: test_instances."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.elasticdl.elasticity import (
    FIRST_BACKOFF_SECONDS,
    LAST_BACKOFF_SECONDS,
    PLACEMENT_SECONDS,
    SETTLE_SECONDS,
    Elasticity,
    Look,
)

LONG = Look(waiting=1000, begun=2, task_seconds=5.0)


def test_without_a_maximum_the_number_stays() -> None:
    elasticity = Elasticity(2, 2)
    assert {elasticity.decide(look, now) for now, look in enumerate((LONG, Look(0, 0, 5.0), LONG))} == {2}


def test_a_long_queue_brings_more_by_half_as_many_each_time_and_never_beyond_the_maximum() -> None:
    elasticity = Elasticity(2, 8)
    found = [elasticity.decide(LONG, 0.0)]
    for step in range(1, 6):
        elasticity.decide(LONG, step * 2 * SETTLE_SECONDS)  # all at work
        found.append(elasticity.decide(LONG, step * 2 * SETTLE_SECONDS + SETTLE_SECONDS))
    assert found == [3, 4, 6, 8, 8, 8]


def test_no_more_are_asked_for_before_the_last_ones_are_at_work_and_have_shown_their_pace() -> None:
    elasticity = Elasticity(2, 8)
    assert elasticity.decide(LONG, 0) == 3
    assert elasticity.decide(Look(1000, 2, 5.0, unplaced=[30.0]), 30) == 3
    assert elasticity.decide(Look(1000, 2, 5.0, starting=1), 60) == 3
    assert elasticity.decide(LONG, 70) == 3
    assert elasticity.decide(LONG, 70 + SETTLE_SECONDS - 1) == 3
    assert elasticity.decide(LONG, 70 + SETTLE_SECONDS) == 4


@pytest.mark.parametrize(
    "look",
    [
        Look(waiting=1000, begun=2, task_seconds=0.0),
        Look(waiting=30, begun=2, task_seconds=5.0),
        Look(waiting=5, begun=2, task_seconds=500.0),
    ],
    ids=["pace not known", "under a minute's work for each", "under two tasks for each"],
)
def test_a_queue_that_is_soon_empty_brings_none(look: Look) -> None:
    assert Elasticity(2, 8).decide(look, 0) == 2


def test_a_step_is_no_larger_than_what_the_queue_keeps_busy() -> None:
    elasticity = Elasticity(8, 16)
    assert elasticity.decide(Look(waiting=108, begun=8, task_seconds=5.0), 0) == 9


def test_fewer_tasks_than_workers_let_go_those_without_one_down_to_the_least() -> None:
    elasticity = Elasticity(2, 4)
    elasticity.decide(LONG, 0)
    elasticity.decide(LONG, 10)
    assert elasticity.decide(LONG, 40) == 4
    assert elasticity.decide(Look(waiting=1, begun=3, task_seconds=5.0), 50) == 4
    assert elasticity.decide(Look(waiting=0, begun=3, task_seconds=5.0), 52) == 3
    assert elasticity.decide(Look(waiting=0, begun=0, task_seconds=5.0), 54) == 2


def test_a_pod_that_finds_no_place_is_withdrawn_and_tried_again_later_each_time() -> None:
    elasticity, now = Elasticity(2, 3), 0.0
    pauses = []
    assert elasticity.decide(LONG, now) == 3
    for _ in range(7):
        assert elasticity.decide(Look(1000, 2, 5.0, unplaced=[PLACEMENT_SECONDS - 1]), now + PLACEMENT_SECONDS - 1) == 3
        now += PLACEMENT_SECONDS
        assert elasticity.decide(Look(1000, 2, 5.0, unplaced=[PLACEMENT_SECONDS]), now) == 2
        withdrawn = now
        while elasticity.decide(LONG, now) == 2:
            now += 1
        pauses.append(now - withdrawn)
    assert pauses[0] == FIRST_BACKOFF_SECONDS
    assert pauses[1] == 2 * FIRST_BACKOFF_SECONDS
    assert pauses[-1] == LAST_BACKOFF_SECONDS


def test_a_growth_that_found_its_place_makes_the_next_attempt_as_early_as_the_first() -> None:
    elasticity = Elasticity(2, 3)
    unplaced = Look(1000, 2, 5.0, unplaced=[PLACEMENT_SECONDS])
    now = 0.0
    for _ in range(4):
        elasticity.decide(LONG, now)
        elasticity.decide(unplaced, now + PLACEMENT_SECONDS)
        now += 2000
    elasticity.decide(LONG, now)
    elasticity.decide(LONG, now + 5)  # it is at work
    assert elasticity.decide(unplaced, now + 200) == 2  # preempted, and no other place for it
    assert elasticity.decide(LONG, now + 200 + FIRST_BACKOFF_SECONDS - 1) == 2
    assert elasticity.decide(LONG, now + 200 + FIRST_BACKOFF_SECONDS) == 3


def test_pods_of_the_least_number_wait_for_a_node_as_long_as_it_takes() -> None:
    assert Elasticity(2, 4).decide(Look(1000, 0, 5.0, unplaced=[9000.0, 9000.0]), 9000) == 2


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 20), st.integers(0, 20), st.integers(0, 10_000))
def test_whatever_is_seen_it_stays_between_least_and_most_and_grows_by_half_at_most(
    minimum: int, more: int, seed: int
) -> None:
    draw = random.Random(seed)  # noqa: S311
    elasticity, now = Elasticity(minimum, minimum + more), 0.0
    for _ in range(100):
        now += draw.choice((2.0, 30.0, 500.0))
        unplaced = [draw.uniform(0, 300) for _ in range(draw.choice((0, 0, 1, 3)))]
        look = Look(
            draw.choice((0, 1, 50, 5000)), draw.randrange(40), draw.uniform(0, 60), unplaced, draw.choice((0, 1))
        )
        before = elasticity.wanted
        wanted = elasticity.decide(look, now)
        assert minimum <= wanted <= minimum + more
        assert wanted <= before + max(1, before // 2)
        assert wanted <= before or not (look.unplaced or look.starting)
