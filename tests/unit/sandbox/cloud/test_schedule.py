"""The cloud's clock moves, and what is due on the way is done: in order, once, and remembered."""

from __future__ import annotations

import datetime
from typing import Any

import aiohttp
import pytest

from sandbox.cloud.core.calls import CallLog
from sandbox.cloud.core.clock import CloudClock, ManualClock
from sandbox.cloud.core.schedule import Schedule
from sandbox.cloud.core.store import Store
from sandbox.cloud.server import CloudServer

BEGIN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


def moments(schedule: Schedule, clock: Any, name: str, interval: datetime.timedelta) -> list[tuple[str, Any]]:
    """A list that notes each run of a job."""
    seen: list[tuple[str, Any]] = []

    async def work() -> None:
        seen.append((name, clock.now()))

    schedule.every(name, interval, work)
    return seen


async def test_ninety_days_run_a_daily_job_on_each_of_them() -> None:
    clock = ManualClock(BEGIN)
    schedule = Schedule(Store(None), clock, CallLog(None))
    seen = moments(schedule, clock, "daily", DAY)
    assert await schedule.advance(90 * DAY) == 91
    assert [moment for _, moment in seen] == [BEGIN + number * DAY for number in range(91)]
    assert clock.now() == BEGIN + 90 * DAY


async def test_nothing_runs_before_it_is_due() -> None:
    clock = ManualClock(BEGIN)
    schedule = Schedule(Store(None), clock, CallLog(None))
    seen = moments(schedule, clock, "daily", DAY)
    await schedule.run_due()
    await schedule.advance(DAY - datetime.timedelta(seconds=1))
    assert len(seen) == 1
    assert await schedule.advance(datetime.timedelta(seconds=1)) == 1


async def test_a_job_that_fails_stops_neither_the_others_nor_its_next_run() -> None:
    clock = ManualClock(BEGIN)
    schedule = Schedule(Store(None), clock, CallLog(None))
    failures = 0

    async def fail() -> None:
        nonlocal failures
        failures += 1
        raise RuntimeError("no")

    schedule.every("failing", DAY, fail)
    seen = moments(schedule, clock, "well", DAY)
    await schedule.advance(2 * DAY)
    assert (failures, len(seen)) == (3, 3)


async def test_a_restart_neither_repeats_nor_skips_a_run() -> None:
    store, clock = Store(None), ManualClock(BEGIN)
    first = Schedule(store, clock, CallLog(None))
    moments(first, clock, "daily", DAY)
    await first.run_due()
    second = Schedule(store, clock, CallLog(None))
    seen = moments(second, clock, "daily", DAY)
    assert await second.run_due() == 0
    clock.advance(3 * DAY)
    assert await second.run_due() == 1
    assert len(seen) == 1


async def test_single_moments_run_once_in_order_among_the_daily_jobs_and_may_ask_for_more() -> None:
    clock = ManualClock(BEGIN)
    schedule = Schedule(Store(None), clock, CallLog(None))
    seen = moments(schedule, clock, "daily", DAY)

    def again() -> None:
        seen.append(("first", clock.now()))
        schedule.at(clock.now() + DAY, lambda: seen.append(("second", clock.now())))

    schedule.at(BEGIN + 1.5 * DAY, again)
    schedule.at(BEGIN - DAY, lambda: seen.append(("long past", clock.now())))
    await schedule.advance(3 * DAY)
    assert seen == [
        ("long past", BEGIN),
        ("daily", BEGIN),
        ("daily", BEGIN + DAY),
        ("first", BEGIN + 1.5 * DAY),
        ("daily", BEGIN + 2 * DAY),
        ("second", BEGIN + 2.5 * DAY),
        ("daily", BEGIN + 3 * DAY),
    ]


async def test_a_single_moment_that_fails_is_over_and_stops_nothing() -> None:
    clock = ManualClock(BEGIN)
    schedule = Schedule(Store(None), clock, CallLog(None))
    seen: list[str] = []

    def fail() -> None:
        raise RuntimeError("no")

    schedule.at(BEGIN, fail)
    schedule.at(BEGIN, lambda: seen.append("after"))
    assert (await schedule.advance(DAY), seen) == (2, ["after"])


@pytest.mark.parametrize("days", [-1, 4000])
async def test_a_move_back_or_out_of_bounds_is_refused_and_moves_nothing(days: int) -> None:
    clock = ManualClock(BEGIN)
    with pytest.raises(ValueError, match="cannot be moved"):
        await Schedule(Store(None), clock, CallLog(None)).advance(days * DAY)
    assert clock.now() == BEGIN


def test_the_clouds_clock_stays_ahead_over_a_restart_and_never_goes_back() -> None:
    store, machine = Store(None), ManualClock(BEGIN)
    CloudClock(store, machine).advance(5 * DAY)
    clock = CloudClock(store, machine)
    assert clock.now() == BEGIN + 5 * DAY
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance(-DAY)


async def test_the_clock_is_moved_over_http_and_bad_requests_are_refused(world: Any) -> None:
    server = CloudServer(world.cloud, None)
    await server.start("127.0.0.1", 0, 0, None)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:
            before = world.cloud.context.clock.now()
            async with session.post("/_sandbox/clock", json={"advance_seconds": 86400}) as response:
                assert response.status == 200
            assert world.cloud.context.clock.now() == before + DAY
            for body in ({"advance_seconds": -1}, {"advance_seconds": True}, {"advance_seconds": 1e30}, {}, []):
                async with session.post("/_sandbox/clock", json=body) as response:
                    assert (response.status, "message" in await response.json()) == (400, True)
            async with session.post("/_sandbox/clock", data="advance_seconds=1") as response:
                assert response.status == 415
            async with session.delete("/_sandbox/clock", headers={"Content-Type": "application/json"}) as response:
                assert response.status == 405
            assert world.cloud.context.clock.now() == before + DAY
    finally:
        await server.stop()
