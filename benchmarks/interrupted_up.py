"""Kills the engine in the middle of an `up`, and runs it again: `python -m benchmarks.interrupted_up --kills 20`.

Each round brings the stack up from nothing, kills the engine with SIGKILL at a seeded moment, brings it up again, and
compares what stands with what stands after an `up` that nobody disturbed: the stack resource by resource, and all that
the cloud and the clusters hold, so that nothing is there twice and nothing that no stack knows. Then the stack is
destroyed, after which the cloud must hold what it held before.

A moment is drawn as a number of resources that the stack knows, one in each of as many equal parts as there are kills,
and a delay after that: mostly a moment, sometimes up to 20 s, but not past the last resources. So a busy machine makes
no difference. In every second round all processes of the `up` are killed; in the others only the engine, whose plugins
live on.

Runs in a sandbox of its own (index 2, unless the environment names another), with toolchain and images in the cache.
A round takes a minute on two idle cores, two thirds of it in the two `up`s. In pieces: `--skip 5 --rounds 5` makes
the sixth to the tenth of the same kills.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.end_state import EndState, in_cloud, read
from sandbox import deployment, lifecycle
from sandbox.engine import Engine
from sandbox.errors import SandboxError
from sandbox.paths import REPOSITORY
from sandbox.progress import Progress
from sandbox.settings import SandboxSettings

UP = """
import sys
from pathlib import Path
from sandbox.engine import Engine
from sandbox.errors import SandboxError
from sandbox.settings import SandboxSettings

try:
    Engine(SandboxSettings.from_environment(), Path(sys.argv[1])).up(sys.argv[2])
except SandboxError as error:
    sys.exit(f"error: {error}")
"""
DESTROY = """
import sys
from pathlib import Path
from sandbox import deployment
from sandbox.engine import Engine
from sandbox.settings import SandboxSettings

settings = SandboxSettings.from_environment()
deployment.destroy_stack(settings, Engine(settings, Path(sys.argv[1])), sys.argv[2])
"""
UP_SECONDS = 600.0
SHOWN, LAST_WORDS = 20, 40
"""Lines of what is wrong with a round, and of the log of an `up` that failed."""
LONGEST_DELAY_SECONDS = 20.0
LAST_RESOURCES = 3
POLL_SECONDS = 0.05
DELETED_LATER = ("kms-key ", "tags-kms ")
"""A key that is destroyed waits for its end for a month, as in the cloud."""


@dataclass(frozen=True)
class Moment:
    """When and what to kill."""

    known: int
    """Once the stack knows so many resources,"""
    delay_seconds: float
    """and so long after,"""
    latest: int
    """or once it knows so many: soon after, the `up` is over, and nothing is left to kill."""
    whole: bool
    """Whether all processes of the `up` are killed, and not the engine alone."""


@dataclass(frozen=True)
class Round:
    """One kill and what came of it."""

    moment: Moment
    after: float
    """Seconds after the `up` began."""
    over: bool
    """Whether the `up` was over by then, so that nothing was killed."""
    known: int
    """Resources that the stack knew then."""
    pending: int
    """Resources that were being made."""
    adopted: list[str]
    """What the next `up` found made."""
    absent: int
    """What it found not made."""
    seconds: float
    """How long the next `up` took."""
    wrong: list[str] = field(default_factory=list)

    def row(self) -> str:
        """A line of the table."""
        found = Counter(line.split()[0] for line in self.adopted)
        adopted = ", ".join(f"{count} {kind}" if count > 1 else kind for kind, count in sorted(found.items())) or "-"
        killed = "nothing" if self.over else "all" if self.moment.whole else "engine"
        return (
            f"{self.after:>6.1f} {killed:<7} {self.known:>5} {self.pending:>7} "
            f"{self.absent:>6} {self.seconds:>8.1f}  {'same' if not self.wrong else 'WRONG':<6} {adopted}"
        )


HEADER = f"{'at s':>6} {'killed':<7} {'known':>5} {'pending':>7} {'unmade':>6} {'again s':>8}  {'end':<6} adopted"


class Experiment:
    """The rounds of one stack, in a sandbox that runs."""

    def __init__(self, settings: SandboxSettings, stack: str, log: Path, project: Path = REPOSITORY) -> None:
        self._settings = settings
        self._stack = stack
        self._log = log
        self._project = project
        self._engine = Engine(settings, project)

    def up(self) -> float:
        """An `up` to its end; how many seconds it took."""
        begun = time.monotonic()
        with self._up() as process:
            if process.wait(UP_SECONDS) != 0:
                last = self._log.read_text(errors="replace").splitlines()[-LAST_WORDS:]
                raise SandboxError("an `up` failed; its last words:\n" + "\n".join(last))
        return time.monotonic() - begun

    def end_state(self) -> EndState:
        """What stands now."""
        platform = self._project == REPOSITORY
        regions = self._engine.outputs(deployment.PLATFORM).get("kubeconfigs", {}) if platform else {}
        files = {name: str(deployment.kubeconfig_file(self._settings, name)) for name in regions}
        return read(self._settings, self._engine, self._stack, files)

    def round(self, moment: Moment, undisturbed: EndState) -> Round:
        """Kill an `up` at a moment, run it again, and compare."""
        after, over = self._kill(moment)
        known, pending = self._left()
        mark = self._log.stat().st_size
        seconds = self.up()
        said = self._log.read_bytes()[mark:].decode(errors="replace").splitlines()
        adopted = [line for line in said if " is the stack's now, as " in line]
        absent = sum(line.endswith(" was not made") for line in said)
        wrong = self.end_state().differences(undisturbed)
        return Round(moment, after, over, known, pending, adopted, absent, seconds, wrong)

    def destroy(self) -> None:
        """Take the stack down."""
        command = [sys.executable, "-c", DESTROY, str(self._project), self._stack]
        with self._log.open("ab") as stream:
            subprocess.run(command, cwd=REPOSITORY, stdout=stream, stderr=stream, timeout=UP_SECONDS, check=True)

    def held(self) -> Counter[str]:
        """What the cloud holds, but for what is on its way out."""
        return Counter(what for what in in_cloud(self._settings) if not what.startswith(DELETED_LATER))

    def _up(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as stream:
            return subprocess.Popen(
                [sys.executable, "-c", UP, str(self._project), self._stack],
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )

    def _kill(self, moment: Moment) -> tuple[float, bool]:
        """Begin an `up` and kill it; after how many seconds, and whether it was over before."""
        begun = time.monotonic()
        with self._up() as process:
            while process.poll() is None and self._known() < moment.known:
                time.sleep(POLL_SECONDS)
            until = time.monotonic() + moment.delay_seconds
            while process.poll() is None and time.monotonic() < until and self._known() < moment.latest:
                time.sleep(POLL_SECONDS)
            over = process.poll() is not None
            if not over:
                kill(process.pid, whole=moment.whole)
            return time.monotonic() - begun, over

    def _known(self) -> int:
        """How many resources the stack's file names: counted, since reading all of it takes the engine's time."""
        folder = self._settings.state / "pulumi" / "backend" / ".pulumi" / "stacks"
        return max((file.read_bytes().count(b'"urn":') for file in folder.glob(f"*/{self._stack}.json")), default=0)

    def _left(self) -> tuple[int, int]:
        """How many resources the stack knows, and how many it was making."""
        if self._stack not in self._engine.stacks():
            return 0, 0
        content = self._engine.state(self._stack).get("deployment") or {}
        pending = [item for item in content.get("pending_operations") or () if item["type"] == "creating"]
        return len(content.get("resources") or ()), len(pending)


def kill(pid: int, *, whole: bool) -> None:
    """Kill the engine that a process has started; `whole`: the process itself, too, and all of its session."""
    for child in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if child.name() == "pulumi":
                child.kill()
    if whole:
        os.killpg(pid, signal.SIGKILL)


def moments(kills: int, seed: int, resources: int) -> list[Moment]:
    """Seeded moments of an `up` that makes so many resources, in no order; every second one kills everything."""
    chance = random.Random(seed)  # noqa: S311 (repeatable, not secret)
    known = [int(resources * (number + chance.random()) / kills) for number in range(kills)]
    chance.shuffle(known)
    return [
        Moment(count, LONGEST_DELAY_SECONDS * chance.random() ** 4, resources - LAST_RESOURCES, whole=number % 2 == 1)
        for number, count in enumerate(known)
    ]


def run(experiment: Experiment, chosen: Sequence[Moment], undisturbed: EndState) -> list[Round]:
    """All rounds, each told when it is over; before and after each the stack is destroyed."""
    rounds: list[Round] = []
    for moment in chosen:
        experiment.destroy()
        before = experiment.held()
        done = experiment.round(moment, undisturbed)
        rounds.append(done)
        print(done.row(), flush=True)
        for line in done.wrong[:SHOWN]:
            print(f"         {line}", flush=True)
        if len(rounds) == len(chosen):
            experiment.destroy()
            left = experiment.held() - before
            print(f"left after the last destroy: {', '.join(left) or 'nothing'}")
            done.wrong.extend(f"left after destroy: {what}" for what in left)
    return rounds


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status: 0 when each round ended as if nothing had happened."""
    try:
        return _measure(_parser().parse_args(arguments))
    except SandboxError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _measure(options: argparse.Namespace) -> int:
    """Run the rounds in a sandbox that is made for them."""
    os.environ.setdefault("SANDBOX_NAME", "benchmark")
    os.environ.setdefault("SANDBOX_INDEX", "2")
    settings, progress = SandboxSettings.from_environment(), Progress()
    lifecycle.prepare(settings, progress)
    lifecycle.stop(settings, progress, purge=True)
    log = Path(tempfile.gettempdir()) / f"interrupted-up-{settings.name}.log"
    log.write_text("")
    try:
        lifecycle.start(settings, progress)
        engine = Engine(settings)
        engine.prepare()
        if options.stack != deployment.PLATFORM:
            with progress.step("pulumi up --stack platform"):
                Experiment(settings, deployment.PLATFORM, log).up()
        experiment = Experiment(settings, options.stack, log)
        with progress.step(f"pulumi up --stack {options.stack}, undisturbed"):
            seconds = experiment.up()
        undisturbed = experiment.end_state()
        print(f"undisturbed: {seconds:.1f} s, {len(undisturbed.resources)} resources; all output: {log}\n{HEADER}")
        chosen = moments(options.kills, options.seed, len(undisturbed.resources))[options.skip :]
        rounds = run(experiment, chosen[: options.rounds], undisturbed)
    finally:
        lifecycle.stop(settings, progress, purge=True)
    wrong, over = sum(bool(one.wrong) for one in rounds), sum(one.over for one in rounds)
    print(f"{len(rounds)} rounds, {over} of them over before the kill; {wrong} with another end state or an orphan")
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.interrupted_up", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--kills", type=int, default=20, help="moments over an `up` (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="chooses the moments (default: %(default)s)")
    parser.add_argument("--stack", default="qa", help="`platform`, or a business (default: %(default)s)")
    parser.add_argument("--skip", type=int, default=0, metavar="N", help="leave out the first N kills")
    parser.add_argument("--rounds", type=int, metavar="N", help="only so many kills, of all")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
