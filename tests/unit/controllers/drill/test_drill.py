"""What a drill reports, and that it refuses what it can't do. The drills themselves are run in tests/sandbox."""

from __future__ import annotations

import dataclasses

import pytest

from controllers.config import MonitorSettings
from controllers.drill.__main__ import parser
from controllers.drill.faults import DRILLS, Commands, kill
from controllers.drill.observation import Observer
from controllers.drill.run import Result, table
from controllers.errors import DrillError
from controllers.monitor.model import Pod, Role

RESULT = Result("worker", "killed", ["worker-1"], 10, 0.2, 3.0, 2.5, 2, 0, ("worker-killed",))


def observer() -> Observer:
    settings = MonitorSettings(business="qa", namespace="qa", region="", bucket="")
    return Observer(None, settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "passed"),
    [
        ({}, True),
        ({"at_work": 10.1}, False),
        ({"at_work": None}, False),
        ({"problem": "the monitor wrote nothing down"}, False),
    ],
)
def test_a_drill_passes_when_the_job_is_at_work_in_time_and_the_monitor_noticed(
    changed: dict[str, object], passed: bool
) -> None:
    assert dataclasses.replace(RESULT, **changed).passed is passed


def test_the_table_holds_a_line_a_drill_with_its_figures() -> None:
    missed = dataclasses.replace(RESULT, drill="node", at_work=None, problem="no job at work | again")
    lines = table([RESULT, missed]).splitlines()
    assert lines[2] == ("| worker | killed: worker-1 | 0.2 s | 3.0 s | 2.5 s | 10 s | 2 tasks | worker-killed | met |")
    assert lines[3].endswith("| missed no job at work / again |")


async def test_a_drill_that_needs_a_command_says_which_option_gives_it() -> None:
    with pytest.raises(DrillError, match="needs --kill-command"):
        await kill(observer(), Pod("worker-0", "u", 1, Role.WORKER), Commands())


async def test_a_command_that_fails_is_named() -> None:
    with pytest.raises(DrillError, match="`false --now worker-0` failed with exit code 1"):
        await kill(observer(), Pod("worker-0", "u", 1, Role.WORKER), Commands(kill="false --now"))


def test_without_a_running_job_a_drill_says_what_there_is() -> None:
    with pytest.raises(DrillError, match="no worker runs; there are: no pods"):
        observer().working()


def test_the_help_names_every_drill_with_its_objective() -> None:
    text = parser().format_help()
    assert all(drill.name in text and f"({drill.objective_seconds:.0f} s)" in text for drill in DRILLS.values())
