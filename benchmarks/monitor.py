"""What the status monitor costs, beside the goals that the project set itself and beside the standard library's JSON.

    python -m benchmarks.monitor [--pods 10000]

Memory and CPU are this process's own, in which nothing but the monitor's decoding, world and decisions runs. "Event to
decision" takes one line of a watch, as the API server sends it, to the action that answers it. "Listing" is what a
start or a lost connection costs; its reference is `json.loads` of the same bytes, which makes no values of it yet.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from typing import Any

from lightkube.core.decoders import decode_list, decode_object, decode_watch_event
from lightkube.resources.core_v1 import Pod

from controllers.config.monitor import MonitorSettings
from controllers.monitor import cluster
from controllers.monitor.core import Core
from controllers.monitor.kubernetes import PAGE
from controllers.monitor.model import PROGRESS_ANNOTATION, HeartbeatSeen, Listed, PodSeen
from controllers.monitor.run import TICK_SECONDS

GOAL_DECISION_SECONDS, GOAL_MEBIBYTES, GOAL_CPU_SHARE = 1.0, 100.0, 0.02
NODES = 100
HEARTBEAT_SECONDS, LEASE_SECONDS = 3, 10
REST_SECONDS = 120


def pod(index: int, version: int, phase: str = "Running", **status: Any) -> dict[str, Any]:
    """A worker's pod as the API server sends it, with what real ones carry."""
    labels = {"app": "elasticdl", "elasticdl-job-name": "language-model", "elasticdl-replica-type": "worker"}
    name = f"elasticdl-language-model-worker-{index}"
    resources = {"limits": {"memory": "4Gi", "nvidia.com/gpu": "1"}, "requests": {"cpu": "1", "memory": "4Gi"}}
    kinds = ("Initialized", "Ready", "ContainersReady", "PodScheduled")
    conditions = [{"type": kind, "status": "True"} for kind in kinds]
    state = status.get("state", {"running": {"startedAt": "2026-11-26T12:00:00Z"}})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "qa",
            "uid": f"00000000-0000-0000-0000-{index:012}",
            "resourceVersion": str(version),
            "creationTimestamp": "2026-11-26T12:00:00Z",
            "labels": {**labels, "elasticdl-replica-index": str(index)},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "master", "uid": "m"}],
        },
        "spec": {
            "nodeName": f"node-{index % NODES}",
            "containers": [{"name": name, "image": "trainer", "args": ["x" * 1500], "resources": resources}],
        },
        "status": {
            "phase": phase,
            "conditions": conditions,
            "containerStatuses": [
                {"name": name, "image": "i", "imageID": "", "ready": True, "restartCount": 0, "state": state}
            ],
        },
    }


def master(pods: int, version: int) -> dict[str, Any]:
    """The master's pod with its heartbeat; a job has at most 256 workers, so it names no more."""
    workers = {
        str(index): {"quiet": 0.4, "tasks": 9, "batches": 70, "seconds": 2.0, "standby": False}
        for index in range(min(pods, 256))
    }
    found = pod(0, version)
    found["metadata"]["name"], found["metadata"]["uid"] = "elasticdl-language-model-master", "m"
    found["metadata"]["labels"]["elasticdl-replica-type"] = "master"
    progress = {"step": version, "done": version, "left": 40, "given_again": 0, "workers": workers}
    found["metadata"]["annotations"] = {PROGRESS_ANNOTATION: json.dumps(progress)}
    return found


def line(kind: str, item: dict[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": item}).encode()


def take(core: Core, settings: MonitorSettings, text: bytes, now: float) -> None:
    """A watch's line into the world."""
    core.see(PodSeen(cluster.pod_of(decode_object(decode_watch_event(text).object, Pod), settings)), now)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, default=10_000, help="pods in the namespace (10000)")
    pods = parser.parse_args().pods
    settings = MonitorSettings(business="qa", namespace="qa", region="r", bucket="b", workers=2)
    core, now = Core(settings), 1_800_000_000.0
    listing = reference = 0.0
    for first in range(0, pods, PAGE):  # as the API server sends them
        items = [pod(index, 1) for index in range(first, min(pods, first + PAGE))]
        answer = json.dumps({"metadata": {"resourceVersion": "1"}, "items": items}).encode()
        del items
        started = time.process_time()
        for item in decode_list(answer, Pod)[2]:
            core.see(PodSeen(cluster.pod_of(item, settings)), now)
        listing += time.process_time() - started
        started = time.process_time()
        json.loads(answer)
        reference += time.process_time() - started
    core.see(Listed("pods", frozenset(core.world.pods)), now)

    take(core, settings, line("MODIFIED", master(pods, 2)), now)
    core.decide(now)
    crashed = line("MODIFIED", pod(7, 3, "Failed", state={"terminated": {"exitCode": 1, "reason": "Error"}}))
    started = time.perf_counter()
    take(core, settings, crashed, now)
    plan = core.decide(now)
    decision = time.perf_counter() - started
    if not plan.actions:
        raise SystemExit("the monitor did not answer the crash")

    started = time.process_time()
    for second in range(REST_SECONDS):
        now += TICK_SECONDS
        if second % HEARTBEAT_SECONDS == 0:
            take(core, settings, line("MODIFIED", master(pods, 10 + second)), now)
        for node in range(NODES):
            if (second + node) % LEASE_SECONDS == 0:
                core.see(HeartbeatSeen(f"node-{node}", str(now)), now)
        core.decide(now)
    share = (time.process_time() - started) / REST_SECONDS
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    print(f"{pods:,} pods, {NODES} nodes{'':<28} {'ours':>10} {'goal':>10} {'ratio':>7}")
    for name, ours, goal in (
        ("event to decision, s", decision, GOAL_DECISION_SECONDS),
        ("CPU at rest, share of a core", share, GOAL_CPU_SHARE),
        ("memory at its highest, MiB", memory, GOAL_MEBIBYTES),
    ):
        print(f"{name:<54} {ours:>10.4f} {goal:>10.2f} {ours / goal:>7.2f}")
    print(f"{'':<54} {'ours':>10} {'json.loads':>10} {'ratio':>7}")
    print(f"{'listing, CPU s':<54} {listing:>10.4f} {reference:>10.2f} {listing / reference:>7.2f}")


if __name__ == "__main__":
    main()
