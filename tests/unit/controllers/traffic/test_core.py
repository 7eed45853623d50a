"""What two or three controllers do together when regions die, come back, or are cut apart. Time is made by hand."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.traffic.model import Note, parse
from tests.unit.controllers.traffic.world import World


def test_when_all_is_well_nothing_is_written_and_nothing_switched() -> None:
    world = World()
    world.run(300)
    assert (world.history, world.notes) == ([], {})


def test_users_of_a_dead_region_are_led_away_within_five_seconds() -> None:
    world = World()
    world.run(10)
    world.dead_servers, world.dead_controllers = {"a"}, {"a"}
    died = world.now
    while world.answered("default") != ["b"]:
        world.run(1)
        assert world.now - died <= 5
    assert world.answered("telecom") == ["b"] and world.answered("unicom") == ["b"]


def test_servers_that_die_while_their_controller_lives_are_left_as_well() -> None:
    world = World()
    world.run(10)
    world.dead_servers = {"b"}
    world.run(9)
    assert world.answered("unicom") == ["a"]


def test_users_are_led_back_after_it_was_well_for_long_enough_and_no_earlier() -> None:
    world = World()
    world.run(10)
    world.dead_servers = {"a"}
    world.run(20)
    world.dead_servers = set()
    world.run(29)
    assert world.answered("default") == ["b"]
    world.dead_servers = {"a"}
    world.run(1)
    world.dead_servers = set()
    world.run(29)
    assert world.answered("default") == ["b"]  # a failure in between: the time begins anew
    world.run(5)
    assert world.enabled == world.normal
    assert world.answered("default") == ["a"]


def test_a_short_failure_is_no_reason_to_switch() -> None:
    world = World()
    for _ in range(50):
        world.run(4)
        world.dead_servers = {"b"}
        world.run(1)
        world.dead_servers = set()
    assert world.history == []


def test_a_region_is_asked_at_its_first_failure_and_nobody_is_asked_any_more_when_it_answers() -> None:
    world = World()
    world.run(5)
    world.dead_servers = {"b"}
    world.run(1)
    assert world.cores["a"].questions.keys() == {"b"}
    world.dead_servers = set()
    world.run(2)
    assert not world.cores["a"].questions
    found = parse(world.notes["a"])
    assert found is not None and not found.asks


def test_regions_that_are_cut_apart_but_reach_their_users_switch_nothing() -> None:
    world = World()
    world.run(5)
    world.cut = {("a", "b"), ("b", "a")}
    world.run(600)
    assert world.history == []
    world.dead_servers = {"b"}  # then one really dies
    world.run(25)
    assert world.answered("unicom") == ["a"]


def test_a_controller_that_reaches_nobody_accuses_nobody() -> None:
    world = World()
    world.run(5)
    world.cut = {("a", "a"), ("a", "b")}
    world.dead_controllers = {"b"}
    world.run(100)
    assert (world.history, world.notes) == ([], {})


def test_nobody_leads_users_to_a_region_that_he_does_not_reach_himself() -> None:
    world = World(("a", "b", "c"))
    world.run(5)
    world.dead_servers, world.dead_controllers = {"a"}, {"a", "b"}
    world.run(3)
    world.cut = {("c", "b")}  # b serves its users, and cannot say so: it is asked, and time is not over
    world.run(3)
    assert world.cores["c"].taken_out(world.now) == {"a"}
    assert world.answered("default") == ["a"]
    world.run(5)
    assert world.answered("default") == ["c"]


def test_when_all_regions_are_dead_the_last_records_stay() -> None:
    world = World()
    world.run(5)
    world.dead_servers = {"a", "b"}
    world.run(100)
    assert world.enabled == world.normal


def test_a_region_that_dies_after_the_other_keeps_its_records() -> None:
    world = World()
    world.run(5)
    world.dead_servers = {"a"}
    world.run(20)
    world.dead_servers = {"a", "b"}
    world.run(100)
    assert all(world.answered(line) == ["b"] for line in ("default", "telecom", "unicom"))


def test_a_controller_that_is_started_again_remembers_whom_it_took_out() -> None:
    world = World()
    world.run(5)
    world.dead_servers, world.dead_controllers = {"a"}, {"a"}
    world.run(20)
    world.start("b")
    changes = len(world.history)
    world.run(60)
    assert len(world.history) == changes
    world.dead_servers, world.dead_controllers = set(), set()
    world.start("a")
    world.run(45)
    assert world.enabled == world.normal


def test_the_note_of_a_dead_controller_ends_by_itself() -> None:
    """The accuser dies right after it took the other out, and the other comes back."""
    world = World()
    world.run(5)
    world.dead_servers = {"b"}
    world.run(12)
    assert world.answered("unicom") == ["a"]
    world.dead_servers, world.dead_controllers = {"a"}, {"a"}
    world.run(45)
    assert all(world.answered(line) == ["b"] for line in ("default", "telecom", "unicom"))


def test_two_that_accuse_each_other_agree_on_the_first() -> None:
    """Each could write, and neither was heard in time."""
    world = World()
    world.run(5)
    for name, other in (("a", "b"), ("b", "a")):
        world.notes[name] = Note(100, {}, {}, frozenset({other})).text()
        world.start(name)
    world.cut = {("a", "b"), ("b", "a")}
    world.run(5)
    assert all(world.answered(line) == ["a"] for line in ("default", "telecom", "unicom"))
    world.run(120)
    assert all(world.answered(line) == ["a"] for line in ("default", "telecom", "unicom"))
    assert len({(at, line) for at, _, line, _, _ in world.history}) <= 3  # no to and fro
    world.cut = set()
    world.run(60)
    assert world.enabled == world.normal


def test_the_nearest_of_three_takes_over() -> None:
    world = World(("a", "b", "c"))
    world.run(5)
    world.dead_servers, world.dead_controllers = {"a"}, {"a"}
    world.run(10)
    assert (world.answered("default"), world.answered("telecom")) == (["b"], ["c"])


@pytest.mark.parametrize("seed", range(60))
def test_whatever_breaks_a_line_is_always_answered_and_all_is_as_before_in_the_end(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311
    regions = ("a", "b", "c") if draw.random() < 0.5 else ("a", "b")
    world = World(regions)
    for _ in range(40):
        pick = draw.random()
        region, other = draw.choice(regions), draw.choice(regions)
        if pick < 0.25:
            world.dead_servers ^= {region}
        elif pick < 0.4:
            world.dead_controllers ^= {region}
        elif pick < 0.6:
            world.cut ^= {(region, other)}
        elif pick < 0.75:
            world.no_zone ^= {region}
        elif pick < 0.85:
            world.start(region)
        for _ in range(draw.choice((1, 3, 10, 40))):
            world.run(1, draw)
            assert all(world.answered(line) for line in ("default", "telecom", "unicom"))
    world.dead_servers, world.dead_controllers, world.cut, world.no_zone = set(), set(), set(), set()
    world.run(120, draw)
    assert world.enabled == world.normal
    settled = len(world.history)
    world.run(100, draw)
    assert len(world.history) == settled


@pytest.mark.parametrize("seed", range(40))
def test_a_region_that_serves_its_users_and_says_so_is_never_taken_out(seed: int) -> None:
    """Whatever is cut between the regions, and however slowly controllers act."""
    draw = random.Random(seed)  # noqa: S311
    world = World(("a", "b", "c"))
    world.stale = {name for name in world.regions if draw.random() < 0.5}
    world.run(5, draw)
    for _ in range(60):
        world.cut ^= {draw.choice([(x, y) for x in world.regions for y in world.regions if x != y])}
        world.run(draw.choice((1, 2, 5, 20)), draw)
    assert world.history == []


@given(st.text())
def test_any_text_is_no_note_or_one_that_is_read_as_it_was_written(text: str) -> None:
    found = parse(text)
    assert found is None or parse(found.text()) == found


@settings(max_examples=8)
@given(st.text())
def test_no_text_in_the_zone_stops_a_controller(text: str) -> None:
    world = World()
    world.run(2)
    world.notes["b"] = text
    world.run(3)
    assert world.enabled == world.normal
