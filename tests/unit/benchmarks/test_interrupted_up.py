"""The moments at which updates are killed. What comes of the kills is measured by the command itself."""

from __future__ import annotations

from benchmarks.interrupted_up import moments

KILLS, RESOURCES = 20, 209


def test_moments_are_spread_over_the_whole_update_and_the_same_for_the_same_seed() -> None:
    chosen = moments(KILLS, 1, RESOURCES)
    assert chosen == moments(KILLS, 1, RESOURCES) != moments(KILLS, 2, RESOURCES)
    parts = sorted(moment.known * KILLS // RESOURCES for moment in chosen)
    assert all(abs(part - number) <= 1 for number, part in enumerate(parts))
    assert sum(moment.whole for moment in chosen) == KILLS // 2


def test_no_moment_waits_for_the_end_of_the_update() -> None:
    assert all(moment.latest < RESOURCES for moment in moments(KILLS, 1, RESOURCES))
