"""What the benchmarks of ElasticDL see of a job, and how they run one: free of TensorFlow.

A job runs in a process of its own (`benchmarks.elasticdl_job`), in namespaces of its own, and tells how far it is. It
ends with whoever asked for it, however that ends.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from benchmarks.local_pods import apart

REPOSITORY = Path(__file__).parents[1]
START_SECONDS = 240.0
"""In which every worker has to be at work; ten to twenty on a machine with nothing else to do."""


class JobError(Exception):
    """The job could not be run; the message says why."""


@dataclass(frozen=True)
class Observation:
    """A job at a moment."""

    seconds: float
    """By the monotonic clock."""
    step: int
    """The parameter server's version: gradients applied, of all workers."""
    processor: dict[str, float] = field(default_factory=dict)
    """Seconds of processor that each pod has used, by its name without the job's."""
    batches: dict[str, int] = field(default_factory=dict)
    """Begun by each worker, from the master's heartbeat."""
    over: str = ""
    """How the job ended, if it has."""


@dataclass(frozen=True)
class Window:
    """So many steps, what they took, and which processes took it."""

    steps: int
    seconds: float
    processor: dict[str, float]

    @property
    def rate(self) -> float:
        """Steps a second."""
        return self.steps / self.seconds

    @property
    def milliseconds(self) -> float:
        """Of processor, for a step."""
        return 1000 * sum(self.processor.values()) / self.steps

    @property
    def cores(self) -> float:
        """That were at work."""
        return sum(self.processor.values()) / self.seconds


def window(observations: Iterable[Observation], workers: int, first_step: int, seconds: float) -> Window:
    """From the first observation after which all workers have done `first_step` steps, for so long: what comes before
    is start-up. Reads no further. Raises JobError if the observations end before, or the job does not begin."""
    first: Observation | None = None
    begun: Observation | None = None
    for found in observations:
        first = first or found
        at_work = len(found.batches) >= workers and min(found.batches.values()) > first_step
        if begun is None and at_work and found.step >= first_step * workers:
            begun = found
        elif begun is None and found.seconds - first.seconds > START_SECONDS:
            raise JobError(f"after {START_SECONDS:.0f} s not all of {workers} workers train (step {found.step})")
        elif begun is not None and found.seconds - begun.seconds >= seconds:
            steps = found.step - begun.step
            if steps < 1:
                raise JobError(f"no step in {seconds:.0f} s: the job has stopped at step {begun.step}")
            used = {name: found.processor[name] - begun.processor.get(name, 0.0) for name in found.processor}
            return Window(steps, found.seconds - begun.seconds, used)
    raise JobError("the job ended before it was measured: give it more epochs")


@contextlib.contextmanager
def job(store: Path, settings: str, folder: Path, steps: int = 0) -> Iterator[Iterator[Observation]]:
    """Run a job for as long as the context lasts; its observations. See `benchmarks.elasticdl_job` for the arguments.

    Raises JobError when this machine can't run it, or the job fails.
    """
    require_namespaces()
    module = [sys.executable, "-m", "benchmarks.elasticdl_job"]
    with spoken(apart([*module, str(store), settings, str(folder), str(steps)])) as lines:
        yield (Observation(**json.loads(line)) for line in lines)


@contextlib.contextmanager
def spoken(command: Sequence[str]) -> Iterator[Iterator[str]]:
    """Lines that a command of the trainer's environment prints. It is killed at the end, and ends by itself when its
    standard input does. Raises JobError with what it wrote if it fails."""
    stand_ins = REPOSITORY / "trainer" / "elasticdl" / "stand_ins"
    environment = {"PYTHONPATH": f"{REPOSITORY}:{stand_ins}", "TF_CPP_MIN_LOG_LEVEL": "3"}
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        process = subprocess.Popen(
            ["env", *(f"{name}={value}" for name, value in environment.items()), *command],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )

        def lines() -> Iterator[str]:
            yield from process.stdout or ()
            if process.wait():
                errors.seek(0)
                raise JobError(errors.read()[-4000:].strip() or f"{command[-1]} ended with {process.returncode}")

        try:
            yield lines()
        finally:
            process.kill()
            process.communicate()


def require_namespaces() -> None:
    """Raises JobError where a process may not have namespaces of its own."""
    try:
        tried = subprocess.run(apart(["true"]), capture_output=True, text=True, timeout=30, check=False)
    except FileNotFoundError as error:
        raise JobError("unshare is not there: apt-get install util-linux") from error
    if tried.returncode:
        raise JobError(
            f"the job's processes need namespaces of their own, which this machine refuses ({tried.stderr.strip()}): "
            "run as root, or allow them (sysctl kernel.unprivileged_userns_clone=1, or "
            "kernel.apparmor_restrict_unprivileged_userns=0)"
        )


def end_on_signals() -> None:
    """Let SIGTERM and SIGINT end this process with all that it has begun: the latter, too, where a shell that starts it
    in the background has it ignored."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
