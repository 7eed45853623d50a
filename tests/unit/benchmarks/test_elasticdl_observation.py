"""What is counted of a job, and that nothing of it outlives who asked for it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks import elasticdl_observation
from benchmarks.elasticdl_observation import JobError, Observation, Window, require_namespaces, spoken, window
from benchmarks.elasticdl_throughput import report


def observed(*steps: tuple[float, int, dict[str, int]]) -> Iterator[Observation]:
    return (Observation(second, step, {"worker-0": second / 2, "ps-0": second / 4}, who) for second, step, who in steps)


def test_measured_is_from_when_every_worker_has_done_its_first_steps() -> None:
    found = window(
        observed(
            (0.0, 0, {}),
            (5.0, 30, {"0": 31}),
            (6.0, 45, {"0": 40, "1": 8}),
            (7.0, 70, {"0": 52, "1": 21}),
            (8.0, 90, {"0": 60, "1": 33}),
            (17.5, 490, {"0": 300, "1": 200}),
            (99.0, 500, {}),
        ),
        workers=2,
        first_step=20,
        seconds=10.0,
    )
    assert found == Window(420, 10.5, {"worker-0": 5.25, "ps-0": 2.625})
    assert (found.rate, found.milliseconds, found.cores) == (40.0, 18.75, 0.75)


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([(0.0, 50, {"0": 50})], "ended before it was measured"),
        ([(0.0, 50, {"0": 50}), (20.0, 50, {"0": 50})], "no step in 10 s"),
        ([(0.0, 0, {}), (1000.0, 10, {"0": 10})], "not all of 1 workers train"),
    ],
)
def test_a_job_that_does_not_train_is_an_error(steps: list[tuple[float, int, dict[str, int]]], reason: str) -> None:
    with pytest.raises(JobError, match=reason):
        window(observed(*steps), workers=1, first_step=20, seconds=10.0)


def test_the_report_holds_one_worker_against_keras_and_two_against_one() -> None:
    keras, one, two = (Window(steps, 10.0, {"worker-0": 8.0, "ps-0": 1.0}) for steps in (1000, 790, 1106))
    lines = report(keras, one, two)
    assert "0.79 (goal 0.8): not met" in lines[-2]
    assert "1.40 (goal 1.4): met" in lines[-1]
    assert lines[-4].endswith("worker-0 10.13, ps-0 1.27")


def gone(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_command_ends_with_the_context_whatever_happens_in_it() -> None:
    with pytest.raises(ZeroDivisionError), spoken(["sh", "-c", "echo $$; exec sleep 600"]) as lines:
        number = int(next(lines))
        raise ZeroDivisionError
    wait(lambda: gone(number))


def test_a_command_that_fails_says_why() -> None:
    with (
        pytest.raises(JobError, match=r"^worker-0 failed$"),
        spoken(["sh", "-c", "echo 1; echo worker-0 failed >&2; exit 1"]) as lines,
    ):
        assert list(lines) == ["1\n"]


@pytest.mark.parametrize("signal", ["TERM", "INT"])
def test_what_was_begun_ends_when_the_benchmark_is_told_to_end(signal: str) -> None:
    program = (
        "from benchmarks.elasticdl_observation import *\n"
        "end_on_signals()\n"
        "with spoken(['sh', '-c', 'echo $$; exec sleep 600']) as lines:\n"
        "    for line in lines: print(line, end='', flush=True)\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as benchmark:
        assert benchmark.stdout is not None
        number = int(benchmark.stdout.readline())
        subprocess.run(["kill", f"-{signal}", str(benchmark.pid)], check=True)
        try:
            assert benchmark.wait(60) != 0
        finally:
            benchmark.kill()
    wait(lambda: gone(number))


def test_a_machine_that_refuses_namespaces_is_told_how_to_allow_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elasticdl_observation, "apart", lambda _: ["sh", "-c", "echo not permitted >&2; exit 1"])
    with pytest.raises(JobError, match=r"refuses .not permitted.: run as root, or allow them"):
        require_namespaces()


def test_a_machine_without_unshare_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elasticdl_observation, "apart", lambda _: ["no-such-program"])
    with pytest.raises(JobError, match="apt-get install util-linux"):
        require_namespaces()
