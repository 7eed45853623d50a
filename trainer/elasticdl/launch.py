"""The launcher: the one process of the `training` deployment.

It waits for data in the bucket, has ElasticDL's master started (or adopts one that runs already), follows it, starts it
again from the last checkpoint when it dies, and has the finished model measured and registered. Then it stays, ready,
until the data changes. Everything it decides by is in the bucket or in the cluster, so it can be restarted any time.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainer.config import TrainingJob
from trainer.data.dataset import Manifest, read_manifest
from trainer.elasticdl import arguments
from trainer.elasticdl.cluster import JobCluster, Pods
from trainer.elasticdl.context import RunContext
from trainer.elasticdl.pointers import FINAL, LATEST, find
from trainer.elasticdl.turn import AlwaysOurs, Turn
from trainer.errors import DataError, ObjectNotFoundError, StoreError, TrainingError
from trainer.health import Status
from trainer.progress import Progress
from trainer.registry import versions as registry
from trainer.storage.object_store import ObjectStore, get_json, put_json

LOG = logging.getLogger("trainer.launch")
POLL_SECONDS = 1.0
LOG_POLL_SECONDS = 9.0
LOG_WINDOW_SECONDS = 30
"""Twice over, so that a slow look misses nothing; lines that come again change nothing."""
DATA_POLL_SECONDS = (2.0, 30.0)
FIRST_BACKOFF_SECONDS, LAST_BACKOFF_SECONDS = 1.0, 300.0
PUBLISH_SECONDS = 3600

Publisher = Callable[[RunContext], None]


class Launcher:
    """Drives one job. `run` returns when `stop` is set; errors that only a person can mend are raised."""

    def __init__(
        self,
        job: TrainingJob,
        store: ObjectStore,
        cluster: JobCluster,
        publish: Publisher,
        address: str = "",
        turn: Turn | None = None,
    ) -> None:
        self._job = job
        self._store = store
        self._cluster = cluster
        self._publish = publish
        self._address = address
        self._turn = turn or AlwaysOurs()
        self._stop = threading.Event()
        self._progress = Progress()
        self._status: Status = {"phase": "starting", "job": job.job_name, "business": job.business, "restarts": 0}
        self._restarts = 0
        self._fruitless = 0
        """Masters that died one after another without a step between: those that `master_restarts` limits."""
        self._step_at_death = 0

    def stop(self) -> None:
        """Leave at the next occasion. The job's pods go on; the next launcher adopts them."""
        self._stop.set()

    def status(self) -> Status:
        """For the web server and for `trainer status`."""
        return {**self._status, "progress": self._progress.to_json()}

    def run(self) -> None:
        """Train whatever data the bucket holds, again and again."""
        self._write("status.json", self.status())  # what an earlier launcher wrote may be about other settings
        finished = ""
        while not self._stop.is_set():
            manifest = self._wait_for_data(unlike=finished)
            if manifest is None:
                return
            if not self._await_turn():
                return
            run = RunContext(job=self._job, data_version=manifest.version, address=self._address, term=self._turn.term)
            if not self._is_registered(run):
                self._train(run, manifest)
                if self._stop.is_set():
                    return
                if not self._turn.held:
                    continue
                self._phase("evaluating", run=run.run)
                self._publish(run)
            self._cluster.remove(lambda: not self._stop.is_set())
            entry = registry.latest(self._store, self._job.model_prefix)
            self._phase("done", run=run.run, model=entry)
            LOG.info(
                "model %s is registered; perplexity %s", (entry or {}).get("version"), (entry or {}).get("perplexity")
            )
            finished = manifest.version

    def _wait_for_data(self, unlike: str) -> Manifest | None:
        """The data set's manifest, once there is one of another version. None when asked to stop."""
        wait, reason = DATA_POLL_SECONDS[0], ""
        while not self._stop.is_set():
            try:
                manifest = read_manifest(self._store, self._job.data_prefix)
                if manifest.version != unlike:
                    LOG.info("data %s: %d training sentences", manifest.version, manifest.sentences("train"))
                    return manifest
                wait = DATA_POLL_SECONDS[1]
            except (ObjectNotFoundError, DataError, StoreError) as error:
                if not unlike:
                    self._phase("waiting-for-data", detail=str(error))
                if str(error) != reason:
                    reason = str(error)
                    LOG.info("waiting for data: %s (python -m trainer prepare uploads it)", reason)
            self._stop.wait(wait)
            wait = min(DATA_POLL_SECONDS[1], wait * 1.5)
        return None

    def _await_turn(self) -> bool:
        """Return once this region may train; False when asked to stop. What ran here while it might is ended."""
        if not self._turn.held and not self._stop.is_set():
            self._phase("standing-by", detail=self._turn.detail)
            self._cluster.remove(lambda: not self._stop.is_set() and not self._turn.held)
        while not self._turn.held and not self._stop.is_set():
            self._phase("standing-by", detail=self._turn.detail)
            self._stop.wait(POLL_SECONDS)
        return not self._stop.is_set()

    def _is_registered(self, run: RunContext) -> bool:
        entry = registry.latest(self._store, self._job.model_prefix)
        return entry is not None and entry.get("run") == run.run

    def _train(self, run: RunContext, manifest: Manifest) -> None:
        """Until the trained weights are in the bucket, over as many masters as it takes."""
        self._progress = self._earlier_progress(run)
        self._restarts = self._fruitless = self._step_at_death = 0
        started = time.monotonic()
        while self._may_train() and find(self._store, run.checkpoint_prefix, FINAL) is None:
            pods = self._cluster.look()
            if pods.master in ("Pending", "Running") and pods.master_run == run.encode():
                LOG.info("adopting the running master %s", self._cluster.master_name())
            else:
                self._start(run, manifest)
            pods = self._follow(run)
            if not self._may_train() or find(self._store, run.checkpoint_prefix, FINAL) is not None:
                break
            self._back_off(pods)
        self._note_progress(run, seconds=round(time.monotonic() - started, 1))

    def _may_train(self) -> bool:
        return self._turn.held and not self._stop.is_set()

    def _start(self, run: RunContext, manifest: Manifest) -> None:
        self._cluster.remove(lambda: not self._stop.is_set())
        checkpoint = find(self._store, run.checkpoint_prefix, LATEST)
        steps = int(checkpoint["version"]) if checkpoint else 0
        epochs = arguments.remaining_epochs(run, steps, manifest.sentences("train"))
        line = arguments.train_arguments(run, epochs, arguments.minibatches_per_task(run))
        LOG.info("run %s: %d epochs, from step %d: elasticdl %s", run.run, epochs, steps, _shown(line))
        self._progress.restart(steps)
        self._phase("training", run=run.run, detail="the master was submitted")
        self._cluster.submit(run, line)

    def _follow(self, run: RunContext) -> Pods:
        """Until the master ended or is gone; what it was like at the end."""
        read_logs_at = 0.0
        detail = ""
        while True:
            pods = self._cluster.look()
            ended = pods.master not in ("Pending", "Running")
            if ended or not self._may_train() or time.monotonic() >= read_logs_at:
                read_logs_at = time.monotonic() + LOG_POLL_SECONDS
                self._read_logs(pods)
                self._note_progress(run)
                shown = self._describe(pods)
                if shown != detail:
                    detail = shown
                    LOG.info("%s", detail)
                self._phase("training", run=run.run, detail=detail)
            if ended or not self._may_train():
                return pods
            self._stop.wait(POLL_SECONDS)

    def _read_logs(self, pods: Pods) -> None:
        if pods.master:
            self._progress.read_master(self._cluster.log(self._cluster.master_name(), LOG_WINDOW_SECONDS))
        for name, phase in pods.workers.items():
            if phase != "Pending":
                self._progress.read_worker(name, self._cluster.log(name, LOG_WINDOW_SECONDS))

    def _describe(self, pods: Pods) -> str:
        progress = self._progress
        loss = "none yet" if progress.loss is None else f"{progress.loss:.4f}"
        running = sum(phase == "Running" for phase in pods.workers.values())
        cluster = self._job.cluster
        least = cluster.workers + cluster.standby_workers
        most = max(least, (cluster.maximum_workers or 0) + cluster.standby_workers)
        wanted = f"{least}" if most == least else f"{least} to {most}"
        note = f" ({pods.detail})" if pods.detail else ""
        return (
            f"master {pods.master or 'gone'}{note}, {running} of {wanted} workers running, "
            f"epoch {progress.epoch + 1}, step {progress.step}, loss {loss}, tasks done {len(progress.tasks_done)}, "
            f"remaining in this epoch {progress.tasks_remaining}"
        )

    def _back_off(self, pods: Pods) -> None:
        """After a master's death. Raises TrainingError when that happened too often without a step forward between."""
        why = f"master {pods.master or 'disappeared'} {pods.detail}".strip()
        self._restarts += 1
        self._fruitless = 1 if self._progress.step > self._step_at_death else self._fruitless + 1
        self._step_at_death = max(self._step_at_death, self._progress.step)
        if self._fruitless > self._job.schedule.master_restarts:
            self._phase("failed", detail=why)
            raise TrainingError(
                f"{why}, for the {self._fruitless}th time (master_restarts: {self._job.schedule.master_restarts}); "
                f"see kubectl -n {self._job.namespace} logs {self._cluster.master_name()}"
            )
        wait = min(LAST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** (self._fruitless - 1))
        LOG.warning("%s; starting another from the last checkpoint in %.0f s", why, wait)
        self._phase("training", detail=f"{why}; restarting")
        self._stop.wait(wait)

    def _phase(self, phase: str, **more: Any) -> None:
        """Note the phase, in the bucket too when it changed."""
        changed = phase != self._status["phase"]
        kept = {key: value for key, value in self._status.items() if key not in ("detail",)}
        self._status = {**kept, "phase": phase, "restarts": self._restarts, **more}
        if changed:
            LOG.info("phase: %s", phase)
            self._write("status.json", self.status())

    def _note_progress(self, run: RunContext, **more: Any) -> None:
        self._write(f"{run.run}/progress.json", {**self._progress.to_json(), "restarts": self._restarts, **more})
        self._write("status.json", self.status())

    def _earlier_progress(self, run: RunContext) -> Progress:
        try:
            return Progress.from_json(get_json(self._store, f"{run.checkpoint_prefix}progress.json"))
        except (ObjectNotFoundError, DataError):
            return Progress()

    def _write(self, name: str, value: dict[str, Any]) -> None:
        try:
            put_json(self._store, f"{self._job.checkpoint_prefix}{self._job.job_name}/{name}", value)
        except StoreError as error:
            LOG.warning("status not written: %s", error)


def publish_in_subprocess(config: Path, address: str) -> Publisher:
    """Measuring and exporting take TensorFlow and half a gigabyte: in a process of their own, which then is gone."""

    def publish(run: RunContext) -> None:
        command = [sys.executable, "-m", "trainer", "publish", "--config", str(config)]
        command += ["--store", address] if address else []
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
        try:
            done = subprocess.run(command, env=environment, timeout=PUBLISH_SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise TrainingError(f"publishing the model took more than {PUBLISH_SECONDS} s") from error
        if done.returncode:
            raise TrainingError(
                f"publishing the model failed with exit code {done.returncode}; its reason stands above"
            )

    return publish


def _shown(line: list[str]) -> str:
    """The command line for a log, without the encoded settings."""
    return " ".join(word if len(word) < 200 else f"{word[:40]}..." for word in line)
