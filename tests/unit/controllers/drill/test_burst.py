"""What a burst shows, with users, servers and time made by hand. That it is so in a cluster: docs/elasticity.md."""

from __future__ import annotations

import argparse
import asyncio
import json
import threading
from collections.abc import Callable

import pytest

from controllers.drill.burst import Burst, Plan, Seen, main, parser, plan
from controllers.drill.burst_plot import plot
from controllers.drill.crowd import Answer, Crowd, Outcome, judge
from controllers.drill.elasticity import AFTER, BURST, CALM, SHRINKING, BurstResult, Scaling, percentile, table
from controllers.drill.nodes import is_ready
from controllers.drill.probing import Counts
from controllers.errors import DrillError

SCALING = Scaling(minimum=2, maximum=6, quiet_seconds=300, shrink_pods=1, shrink_period=60)
ENTRY = "192.0.2.1"


class Place:
    """A business whose autoscaler follows the users `lag` seconds late, and forgets them `quiet` seconds late."""

    def __init__(self, lag: float = 20.0, quiet: float = 30.0) -> None:
        self.now = 1000.0
        self.lag, self.quiet = lag, quiet
        self.users = 0
        self.since = self.now
        self.taken = 0.0
        self.desired = 2

    def become(self, users: int) -> None:
        self.users, self.since = users, self.now

    def take(self) -> list[Answer]:
        """Each user is answered once a second, the slower the more there are for a server."""
        slow = 0.01 * max(1, self.users / self.desired)
        return [Answer(self.now, slow, Outcome.ANSWERED) for _ in range(self.users)]

    async def look(self) -> Seen:
        busy = self.users > 4
        if busy and self.now - self.since >= self.lag:
            self.desired = 6
        elif not busy and self.now - self.since >= self.quiet:
            self.desired = 2
        return Seen(self.desired, self.desired, 50, 2, 1 if self.desired == 2 else 2, 3)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    def carry_out(self, shrink: float = 100.0) -> BurstResult:
        phases = ((CALM, 1, 10.0), (BURST, 24, 60.0), (AFTER, 1, 10.0))
        burst = Burst(Plan(phases, shrink), self, self.look, lambda: self.now, self.sleep)  # type: ignore[arg-type]
        asyncio.run(burst.carry_out())
        return BurstResult(
            SCALING, burst.samples, burst.answers, Counts(50, 0), workers=2, waited_for_shrinking=shrink > 0
        )


def test_servers_that_grow_and_shrink_with_the_load_keep_the_promise() -> None:
    result = Place().carry_out()
    assert result.problems() == []
    assert [result.before, result.most] == [2, 6]
    assert result.first(lambda sample: sample.ready > 2) == pytest.approx(20, abs=1.5)
    assert result.shrank_at == pytest.approx(30, abs=1.5)
    assert [sample.phase for sample in result.samples].count(BURST) == 60
    assert result.samples[0].at == pytest.approx(-10)
    assert result.samples[-1].phase == SHRINKING


def test_the_table_has_a_row_a_phase_and_says_how_long_it_took() -> None:
    text = table(Place().carry_out())
    assert "| burst | 60 | 24 | 1,440 | 24.0 | 40 ms | 120 ms | 0 | 0 | 2 to 6 | 4 to 5 | 2 |" in text
    assert "one more was ready after 20 s, all 6 after 20 s" in text
    assert "so from 6 to 2 at the earliest 480 s after the load; it began 31 s after" in text
    assert "missed" not in text


def test_servers_that_stay_as_they_are_do_not() -> None:
    result = Place(lag=1e9).carry_out()
    assert result.problems() == ["servers did not grow with the load: 2 before it, 2 at the most"]
    assert "growing: none" in table(result)


def test_servers_that_never_become_fewer_do_not_unless_nobody_waits_for_it() -> None:
    assert "did not become fewer" in Place(quiet=1e9).carry_out(shrink=40.0).problems()[0]
    result = Place(quiet=1e9).carry_out(shrink=0.0)
    assert result.problems() == []
    assert "not waited for" in table(result)


def test_a_refusal_is_no_failure_and_a_failure_is_told_with_its_reason() -> None:
    result = Place().carry_out()
    result.answers.append(Answer(30.0, 0.1, Outcome.REFUSED, "status 429"))
    assert result.problems() == []
    result.answers.append(Answer(31.0, 0.1, Outcome.FAILED, "status 500"))
    assert len(result.problems()) == 1
    assert "1 of 1" in result.problems()[0]
    assert "1 times: status 500" in table(result)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"others": Counts(50, 3)}, "3 of 50 requests to other businesses failed"),
        ({"workers": 3}, "2 of 3 workers are at work at the end"),
        ({"tasks_missing": 4}, "4 tasks of the training were lost"),
    ],
)
def test_what_others_and_the_training_lose_is_a_problem(change: dict[str, object], problem: str) -> None:
    result = Place().carry_out()
    for name, value in change.items():
        setattr(result, name, value)
    assert result.problems() == [problem]


def test_without_a_training_nothing_is_asked_of_its_workers() -> None:
    result = Place().carry_out()
    result.training, result.workers, result.tasks_missing = False, 0, 0
    assert result.problems() == []
    assert "training:" not in table(result)


def test_shrinking_takes_the_quiet_window_and_then_a_period_a_server() -> None:
    assert SCALING.seconds_to_shrink(6) == 300 + 3 * 60
    assert SCALING.seconds_to_shrink(2) == 300
    assert Scaling(2, 6, 60, None, 0).seconds_to_shrink(6) == 60


def test_percentiles_are_values_that_were_seen() -> None:
    assert percentile([], 0.5) is None
    assert percentile([3.0], 0.99) == 3.0
    assert percentile(list(range(1, 101)), 0.99) == 99
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0


def test_the_picture_has_four_panels_over_the_same_seconds_and_is_the_same_each_time() -> None:
    result = Place().carry_out()
    drawn = plot(result)
    for title in ("servers", "training workers", "nodes of the business", "milliseconds until the answer"):
        assert f"<!-- {title} -->" in drawn or f">{title}<" in drawn
    assert drawn == plot(result)


def test_a_picture_can_be_drawn_of_nothing_so_that_a_missing_library_shows_before_the_load() -> None:
    assert plot(BurstResult(SCALING, [])).startswith("<?xml")


def test_the_samples_can_be_kept() -> None:
    found = json.loads(Place().carry_out().to_json())
    assert found["samples"][0]["phase"] == CALM
    assert found["answers"]["answered"] > 0


# ---- the users


def eventually(condition: Callable[[], bool]) -> None:
    """Wait on what other threads do."""
    done = threading.Event()
    for _ in range(500):
        if condition():
            return
        done.wait(0.01)
    raise AssertionError("it did not come")


def test_each_user_looks_the_name_up_once_while_its_answer_holds() -> None:
    asked: list[str] = []
    looked_up: list[str] = []

    def resolve(line: str) -> tuple[list[str], float]:
        looked_up.append(line)
        return [ENTRY], 1000.0

    def ask(address: str, number: int) -> tuple[Outcome, str]:
        asked.append(address)
        return Outcome.ANSWERED, ""

    with Crowd(resolve, ask, "telecom", 0.001) as crowd:
        crowd.become(3)
        eventually(lambda: len(asked) > 30)
        crowd.become(1)
    assert looked_up == ["telecom"] * 3
    assert set(asked) == {ENTRY}
    assert len(crowd.take()) == len(asked)
    assert crowd.take() == []


def test_a_name_that_is_not_answered_for_is_a_failed_request() -> None:
    def resolve(line: str) -> tuple[list[str], float]:
        raise DrillError("the DNS server does not answer")

    found: list[Answer] = []
    with Crowd(resolve, lambda address, number: (Outcome.ANSWERED, ""), "default", 0.001) as crowd:
        crowd.become(1)
        eventually(lambda: bool(found.extend(crowd.take()) or found))
    assert found[0].outcome is Outcome.FAILED
    assert "does not answer" in found[0].reason


@pytest.mark.parametrize(
    ("status", "retry_after", "body", "outcome"),
    [
        (200, None, b'{"sentences": [{"log_probability": -1.5}]}', Outcome.ANSWERED),
        (200, None, b'{"sentences": []}', Outcome.FAILED),
        (200, None, b"<html>", Outcome.FAILED),
        (429, "1", b"", Outcome.REFUSED),
        (503, "1", b"", Outcome.REFUSED),
        (503, None, b"", Outcome.FAILED),
        (500, "1", b"", Outcome.FAILED),
    ],
)
def test_only_a_score_is_an_answer_and_only_with_a_time_to_come_again_is_it_a_refusal(
    status: int, retry_after: str | None, body: bytes, outcome: Outcome
) -> None:
    assert judge(status, retry_after, body, 1)[0] is outcome


# ---- the command


def test_the_phases_come_from_the_command_line() -> None:
    options = parser().parse_args(["--site", "site.yaml", "--users", "40", "--seconds", "90", "--calm", "15"])
    assert plan(options).phases == ((CALM, 1, 15.0), (BURST, 40, 90.0), (AFTER, 1, 15.0))


@pytest.mark.parametrize("given", [["--users", "0"], ["--users", "5000"], ["--seconds", "1e9"], ["--shrink", "-1"]])
def test_what_is_beyond_a_limit_is_refused_with_the_limit(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(["--site", "site.yaml", *given])
    assert error.value.code == 2
    assert "write a whole number from" in capsys.readouterr().err


def test_a_site_that_is_not_there_is_told_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--site", "nowhere.yaml"]) == 2
    assert capsys.readouterr().err.startswith("burst: nowhere.yaml:")


@pytest.mark.parametrize(("status", "ready"), [("True", True), ("False", False), ("Unknown", False)])
def test_a_node_is_ready_by_its_condition(status: str, ready: bool) -> None:
    condition = argparse.Namespace(type="Ready", status=status)
    node = argparse.Namespace(status=argparse.Namespace(conditions=[condition]))
    assert is_ready(node) is ready
