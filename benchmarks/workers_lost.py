"""How long a job is without its workers when all of them are lost at once: `python -m benchmarks.workers_lost`.

A real control plane without root (etcd, API server, scheduler, controller manager) with a simulated GPU node for each
worker; the real status monitor, as a process; and ElasticDL's master with our corrections, whose workers are played
(`benchmarks.played_job`). All workers end in the same moment: once killed (137), which the master answers by itself,
and once crashed (1), where the monitor has to delete each pod before the master makes another. Simulated pods start
nothing: `--start-seconds` stands for what a worker's start takes on a node of its own, and is part of the figure.

The reference is what DLRover's users report for 30 workers: ten minutes. It does not run here.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.simulated_nodes import specifications
from controllers.config.monitor import MonitorSettings
from controllers.drill.observation import Observer
from controllers.errors import ControllerError
from controllers.monitor.kubernetes import Kubernetes
from controllers.monitor.model import Role
from sandbox import rootless
from sandbox.cloud.core.kubernetes import KubernetesClient
from sandbox.errors import SandboxError
from sandbox.paths import REPOSITORY
from sandbox.progress import Progress
from sandbox.region.rootless_region import RootlessRegion
from sandbox.settings import SandboxSettings
from sandbox.toolchain import install_tools

REGION, NAMESPACE, JOB = "cn-hangzhou", "default", "language-model"
REFERENCE_SECONDS, GOAL_SECONDS = 600.0, 60.0
KILLED, CRASHED = 137, 1
LIMIT_SECONDS = 180.0
CALLS_AT_ONCE = 10


@dataclass(frozen=True)
class Loss:
    """Seconds from the moment before the first worker ended."""

    code: int
    running: float
    """As many new pods run."""
    at_work: float
    """As many workers are at work, by the master's heartbeat."""


def settings_of(workers: int) -> MonitorSettings:
    """As the infrastructure program writes them; more repairs an hour, as workers are lost twice; and nodes may be
    silent for twice as long, since simulated ones renew their leases half as often as kubelets do."""
    found = MonitorSettings(business="benchmark", namespace=NAMESPACE, region=REGION, bucket="none", workers=workers)
    usual = found.detection
    heartbeats = {name: 2 * getattr(usual, name) for name in ("node_heartbeat_seconds", "node_witnessed_seconds")}
    changes = {
        "repairs": found.repairs.model_copy(update={"per_hour": 3600}),
        "detection": usual.model_copy(update=heartbeats),
    }
    return found.model_copy(update=changes)


def master_pod() -> dict[str, Any]:
    """What the master's parts, which run on this machine, are in the cluster."""
    name = f"elasticdl-{JOB}-master"
    labels = {"app": "elasticdl", "elasticdl-job-name": JOB, "elasticdl-replica-type": "master"}
    container = {"name": name, "image": "none"}
    return {"metadata": {"name": name, "namespace": NAMESPACE, "labels": labels}, "spec": {"containers": [container]}}


@contextlib.contextmanager
def programs(folder: Path, kubeconfig: Path, workers: int, start_seconds: float) -> Iterator[None]:
    """The status monitor and the master with its workers, until the end."""
    file = folder / "monitor.json"
    file.write_text(settings_of(workers).model_dump_json(), encoding="utf-8")
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "TF_CPP_MIN_LOG_LEVEL": "3"}
    stand_ins = REPOSITORY / "trainer" / "elasticdl" / "stand_ins"
    trainers = str(REPOSITORY / ".venv-trainer" / "bin" / "python")
    lines: tuple[tuple[list[str], dict[str, str]], ...] = (
        ([sys.executable, "-m", "controllers", "monitor", "--settings", str(file)], {}),
        (
            [trainers, "-m", "benchmarks.played_job", str(workers), str(start_seconds)],
            {"PYTHONPATH": f"{REPOSITORY}:{stand_ins}"},
        ),
    )
    started = []
    try:
        for number, (line, more) in enumerate(lines):
            log = (folder / f"{number}.log").open("wb")
            started.append(subprocess.Popen(line, cwd=REPOSITORY, env={**environment, **more}, stdout=log, stderr=log))
        yield
    except ControllerError as error:
        words = [(folder / f"{number}.log").read_text(errors="replace")[-1500:] for number in range(len(lines))]
        raise SandboxError(f"{error}\n" + "\n".join(words)) from error
    finally:
        for process in started:
            process.kill()
            process.wait()


def end_all(api: KubernetesClient, names: Sequence[str], code: int) -> None:
    """As kubelets would say it."""
    ended = {"terminated": {"exitCode": code, "reason": "Error"}}

    def end(name: str) -> None:
        status = {"name": name, "image": "none", "imageID": "", "ready": False, "restartCount": 0, "state": ended}
        body = {"status": {"phase": "Failed", "containerStatuses": [status]}}
        api.merge(f"/api/v1/namespaces/{NAMESPACE}/pods/{name}/status", body)

    with ThreadPoolExecutor(CALLS_AT_ONCE) as callers:
        list(callers.map(end, names))


async def lose(api: KubernetesClient, observer: Observer, workers: int, code: int) -> Loss:
    """All workers, once. Raises DrillError if they do not come back."""
    await observer.until("job at work", observer.steady, LIMIT_SECONDS)
    lost = observer.running(Role.WORKER)
    uids, indexes = {pod.uid for pod in lost}, [pod.index for pod in lost]
    began = time.time()
    await asyncio.to_thread(end_all, api, [pod.name for pod in lost], code)

    def replaced() -> bool:
        pods = observer.world.of(Role.WORKER)
        return sum(pod.phase == "Running" and pod.uid not in uids for pod in pods) >= workers

    running = await observer.until("replacement of all workers", replaced, LIMIT_SECONDS) - began
    at_work = await observer.until("job at work again", lambda: observer.at_work(began, indexes), LIMIT_SECONDS) - began
    return Loss(code, running, at_work)


async def measure(api: KubernetesClient, workers: int) -> list[Loss]:
    """Killed, then crashed."""
    client = Kubernetes(NAMESPACE)
    try:
        async with Observer(client, settings_of(workers)) as observer:
            return [await lose(api, observer, workers, code) for code in (KILLED, CRASHED)]
    finally:
        await client.close()


def run(settings: SandboxSettings, workers: int, start_seconds: float) -> list[Loss]:
    """In a region of its own, which is gone in the end."""
    region = RootlessRegion(REGION, 0, settings)
    region.purge()
    try:
        region.start()
        region.add_simulated_nodes(specifications(workers + 1))
        with tempfile.TemporaryDirectory() as folder:
            kubeconfig = Path(folder) / "kubeconfig"
            kubeconfig.write_text(region.kubeconfig(), encoding="utf-8")
            os.environ["KUBECONFIG"] = str(kubeconfig)
            api = KubernetesClient(region.kubeconfig())
            api.create(f"/api/v1/namespaces/{NAMESPACE}/pods", master_pod())
            with programs(Path(folder), kubeconfig, workers, start_seconds):
                return asyncio.run(measure(api, workers))
    finally:
        region.purge()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both, beside the goal and the reference; 1 when one is over the goal."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workers_lost", description=__doc__)
    parser.add_argument("--workers", type=int, default=30)
    parser.add_argument("--start-seconds", type=float, default=10.0, help="of a worker, from Running to its first task")
    options = parser.parse_args(arguments)
    os.environ["SANDBOX_NAME"], os.environ["SANDBOX_INDEX"] = "benchmark", "2"
    settings = replace(SandboxSettings.from_environment(), rootless=True)
    try:
        install_tools(Progress(), names=rootless.TOOLS)
        losses = run(settings, options.workers, options.start_seconds)
    except SandboxError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(
        f"{options.workers} workers at once, seconds{'':<10} {'Running':>9} {'at work':>9} {'DLRover':>9} {'ratio':>7}"
    )
    for loss in losses:
        name = "killed (137), by the master" if loss.code == KILLED else "crashed (1), by the monitor"
        print(
            f"{name:<37} {loss.running:>9.1f} {loss.at_work:>9.1f} {REFERENCE_SECONDS:>9.0f} "
            f"{REFERENCE_SECONDS / loss.at_work:>7.0f}"
        )
    return 1 if any(loss.at_work > GOAL_SECONDS for loss in losses) else 0


if __name__ == "__main__":
    sys.exit(main())
