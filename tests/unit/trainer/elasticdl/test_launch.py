"""The launcher's decisions, with a cluster that does what the test says. Real pods: tests/sandbox."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.trainer.small_data import job, upload
from trainer.elasticdl import launch
from trainer.elasticdl.cluster import Pods
from trainer.elasticdl.context import RunContext
from trainer.elasticdl.launch import Launcher
from trainer.errors import TrainingError
from trainer.storage.object_store import DirectoryStore, get_json, put_json

SECONDS = 10


class FakeCluster:
    """Each master that is started ends as the next of `ends` says; "Succeeded" leaves the trained weights."""

    def __init__(self, store: DirectoryStore, ends: list[str]) -> None:
        self.store, self.ends = store, ends
        self.pods = Pods(None)
        self.submitted: list[list[str]] = []
        self.removals = 0
        self.looks = 0
        self.run: RunContext | None = None

    def look(self) -> Pods:
        self.looks += 1
        seen = self.pods
        if seen.master == "Running" and self.run is not None:
            end = self.ends.pop(0) if self.ends else "Failed"
            if end == "Succeeded":
                put_json(self.store, f"{self.run.checkpoint_prefix}final.json", {"version": 7})
            self.pods = Pods(None) if end == "gone" else Pods(end, seen.master_run, detail="Error (exit code 1)")
        return seen

    def submit(self, run: RunContext, arguments: list[str]) -> None:
        self.submitted.append(arguments)
        self.start(run)

    def start(self, run: RunContext) -> None:
        self.run = run
        self.pods = Pods("Running", run.encode(), workers={"worker-0": "Running"})

    def remove(self, still_wanted: Callable[[], bool]) -> None:
        self.removals += 1
        self.pods = Pods(None)

    def log(self, pod: str, seconds: int) -> str:
        if pod == "worker-0":
            return "Loss = 2.5, steps = 20\nLoss = 2.25, steps = 40\n"
        return "Starting epoch 1\nTask:3 completed, 9 remaining tasks\n"

    def master_name(self) -> str:
        return "elasticdl-language-model-master"


class FakeTurn:
    """Held until a test says otherwise."""

    def __init__(self) -> None:
        self.held, self.term, self.detail = True, 0, "cn-beijing holds the lease"


class Setting:
    """A launcher in a thread, its bucket and its cluster."""

    def __init__(self, folder: Path, ends: list[str]) -> None:
        self.store = DirectoryStore(folder)
        self.cluster = FakeCluster(self.store, ends)
        self.published: list[str] = []
        self.changed = threading.Event()
        self.error: TrainingError | None = None
        self.turn = FakeTurn()
        self.launcher = Launcher(job(), self.store, self.cluster, self._publish, turn=self.turn)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _publish(self, run: RunContext) -> None:
        self.published.append(run.run)
        entry = {"version": f"v{len(self.published)}", "run": run.run, "perplexity": {"network": 1.0}}
        put_json(self.store, "models/latest.json", entry)

    def _run(self) -> None:
        try:
            self.launcher.run()
        except TrainingError as error:
            self.error = error

    def start(self) -> None:
        self._thread.start()

    def wait(self, what: str, holds: Callable[[], bool]) -> None:
        """Until it holds."""
        tick = threading.Event()
        for _ in range(SECONDS * 200):
            if holds():
                return
            tick.wait(0.005)
        raise AssertionError(f"not within {SECONDS} s: {what}; the launcher is {self.launcher.status()}")

    def noted(self) -> dict[str, Any]:
        """What the bucket says of the job."""
        return get_json(self.store, "checkpoints/language-model/status.json")

    def wait_for_phase(self, phase: str) -> None:
        self.wait(f"phase {phase}", lambda: self.launcher.status()["phase"] == phase)

    def stop(self) -> None:
        self.launcher.stop()
        self._thread.join(timeout=SECONDS)
        assert not self._thread.is_alive()


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Setting]]:
    monkeypatch.setattr(launch, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(launch, "LOG_POLL_SECONDS", 0.001)
    monkeypatch.setattr(launch, "DATA_POLL_SECONDS", (0.001, 0.001))
    monkeypatch.setattr(launch, "FIRST_BACKOFF_SECONDS", 0.001)
    made: list[Setting] = []

    def setting(*ends: str, data: bool = True) -> Setting:
        one = Setting(tmp_path, list(ends))
        if data:
            upload(one.store)
        made.append(one)
        return one

    yield setting
    for one in made:
        if one._thread.ident is not None:
            one.stop()


def test_it_waits_for_data_then_trains_publishes_and_stays(make: Callable[..., Setting]) -> None:
    setting = make("Succeeded", data=False)
    setting.start()
    setting.wait_for_phase("waiting-for-data")
    upload(setting.store)
    setting.wait_for_phase("done")
    assert len(setting.published) == 1
    setting.wait("the phase in the bucket", lambda: setting.noted()["phase"] == "done")
    status = setting.noted()
    assert status["model"]["version"] == "v1"
    assert status["progress"]["losses"] == [[20, 2.5], [40, 2.25]]
    assert status["progress"]["tasks_remaining"] == 9


@pytest.mark.parametrize("end", ["Failed", "gone", "Succeeded-without-weights"])
def test_a_master_that_ends_too_early_is_started_again(make: Callable[..., Setting], end: str) -> None:
    setting = make("Succeeded" if end == "Succeeded" else end, "Succeeded")
    setting.start()
    setting.wait_for_phase("done")
    assert len(setting.cluster.submitted) == 2
    assert setting.launcher.status()["restarts"] == 1


def test_a_restart_does_the_epochs_that_the_checkpoint_leaves(make: Callable[..., Setting]) -> None:
    setting = make("Succeeded")
    sentences = launch.read_manifest(setting.store, "data/").sentences("train")
    version = launch.read_manifest(setting.store, "data/").version
    run = RunContext(job=job(), data_version=version)
    put_json(setting.store, f"{run.checkpoint_prefix}latest.json", {"version": 1 + 2 * sentences // 16})
    setting.start()
    setting.wait_for_phase("done")
    (arguments,) = setting.cluster.submitted
    assert arguments[arguments.index("--num_epochs") + 1] == "1"


def test_a_running_master_of_the_same_run_is_adopted(make: Callable[..., Setting]) -> None:
    setting = make("Succeeded")
    version = launch.read_manifest(setting.store, "data/").version
    setting.cluster.start(RunContext(job=job(), data_version=version))
    setting.start()
    setting.wait_for_phase("done")
    assert setting.cluster.submitted == []
    assert len(setting.published) == 1


def test_a_running_master_of_another_run_is_replaced(make: Callable[..., Setting]) -> None:
    setting = make("Succeeded")
    setting.cluster.pods = Pods("Running", RunContext(job=job(), data_version="old").encode())
    setting.start()
    setting.wait_for_phase("done")
    assert len(setting.cluster.submitted) == 1


def test_a_finished_run_is_not_trained_again_after_a_restart_of_the_launcher(make: Callable[..., Setting]) -> None:
    first = make("Succeeded")
    first.start()
    first.wait_for_phase("done")
    first.stop()
    second = make()
    second.start()
    second.wait_for_phase("done")
    assert (second.cluster.submitted, second.published) == ([], [])


def test_new_data_is_trained_on(make: Callable[..., Setting]) -> None:
    setting = make("Succeeded", "Succeeded")
    setting.start()
    setting.wait_for_phase("done")
    upload(setting.store, count=700)
    setting.wait("a second model", lambda: len(setting.published) == 2)
    setting.wait_for_phase("done")
    assert len(set(setting.published)) == 2


def test_after_too_many_deaths_it_gives_up_and_says_where_to_look(make: Callable[..., Setting]) -> None:
    setting = make(*["Failed"] * 10)
    setting.start()
    setting.wait_for_phase("failed")
    setting.stop()
    assert len(setting.cluster.submitted) == 6
    assert "kubectl -n qa logs elasticdl-language-model-master" in str(setting.error)


def test_stopping_leaves_the_pods_running(make: Callable[..., Setting]) -> None:
    setting = make("Running", *["Running"] * 100_000)
    setting.start()
    setting.wait("looks", lambda: setting.cluster.looks > 5)
    removals = setting.cluster.removals
    setting.stop()
    assert setting.cluster.removals == removals
    assert setting.cluster.pods.master == "Running"


def test_a_master_that_dies_often_but_gets_on_each_time_is_always_started_again(make: Callable[..., Setting]) -> None:
    setting = make(*["Failed"] * 9, "Succeeded")

    def log(pod: str, _: int) -> str:
        return f"Loss = 2.5, steps = {100 * len(setting.cluster.submitted)}\n" if pod == "worker-0" else ""

    setting.cluster.log = log  # type: ignore[method-assign]
    setting.start()
    setting.wait_for_phase("done")
    assert len(setting.cluster.submitted) == 10
    assert setting.launcher.status()["restarts"] == 9


def test_a_region_whose_turn_it_is_not_starts_nothing_until_it_is(make: Callable[..., Setting]) -> None:
    setting = make("Succeeded")
    setting.turn.held = False
    setting.start()
    setting.wait_for_phase("standing-by")
    setting.wait("the phase in the bucket", lambda: setting.noted().get("detail") == "cn-beijing holds the lease")
    assert setting.cluster.submitted == []
    setting.turn.term, setting.turn.held = 2, True
    setting.wait_for_phase("done")
    assert setting.cluster.run is not None
    assert setting.cluster.run.term == 2


def test_a_region_that_loses_its_turn_ends_its_job_and_goes_on_later_under_another_term(
    make: Callable[..., Setting],
) -> None:
    setting = make(*["Running"] * 100_000)
    setting.turn.term = 1
    setting.start()
    setting.wait("a master", lambda: setting.cluster.looks > 5)
    setting.turn.held = False
    setting.wait_for_phase("standing-by")
    setting.wait("no pod is left", lambda: setting.cluster.pods.master is None)
    assert setting.published == []
    setting.cluster.ends = ["Succeeded"]
    setting.turn.term, setting.turn.held = 3, True
    setting.wait_for_phase("done")
    assert [len(setting.cluster.submitted), setting.cluster.run and setting.cluster.run.term] == [2, 3]


def test_a_region_that_takes_over_goes_on_from_what_the_other_left(make: Callable[..., Setting]) -> None:
    setting = make("Succeeded")
    manifest = launch.read_manifest(setting.store, "data/")
    other = RunContext(job=job(), data_version=manifest.version, term=4)
    steps = 1 + 2 * manifest.sentences("train") // 16
    put_json(setting.store, f"{other.checkpoint_prefix}latest.json", {"version": 1})
    put_json(setting.store, f"{other.own_prefix}latest.json", {"version": steps})
    setting.turn.term = 5
    setting.start()
    setting.wait_for_phase("done")
    (arguments,) = setting.cluster.submitted
    assert arguments[arguments.index("--num_epochs") + 1] == "1"
