"""How long until two regions stand: `python -m benchmarks.regions`.

Runs in a sandbox of its own (index 2). The clock starts with `python -m sandbox up`, the toolchain and the images being
in the cache; then a cluster and a node pool are asked for in both regions at once, through the cloud's API as Pulumi
would, and the cloud boots them side by side.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.container_service import ContainerService
from sandbox import lifecycle
from sandbox.paths import REPOSITORY
from sandbox.progress import Progress
from sandbox.settings import SandboxSettings

REGIONS = ("cn-hangzhou", "cn-shanghai")
GOAL_SECONDS = 25.0
UP_SECONDS = 120.0


def measure(settings: SandboxSettings) -> dict[str, float]:
    """Seconds since `sandbox up` began: until the cloud answers, until each region's API server and first node do."""
    begun = time.monotonic()
    subprocess.run([sys.executable, "-m", "sandbox", "up"], cwd=REPOSITORY, check=True, timeout=UP_SECONDS)
    cloud = time.monotonic() - begun

    def boot(region: str) -> tuple[float, float]:
        service = ContainerService(settings, region)
        cluster, switch = service.create_cluster()
        ready = time.monotonic() - begun
        service.create_pool(cluster, switch, 1)
        return ready, time.monotonic() - begun

    with ThreadPoolExecutor(len(REGIONS)) as booting:
        found = list(booting.map(boot, REGIONS))
    return {
        "cloud answers": cloud,
        **{f"{region}: API server ready": ready for region, (ready, _) in zip(REGIONS, found, strict=True)},
        **{f"{region}: first node Ready": node for region, (_, node) in zip(REGIONS, found, strict=True)},
    }


def main() -> int:
    """Measure, print the table, remove the sandbox; 1 when the goal is missed."""
    os.environ["SANDBOX_NAME"], os.environ["SANDBOX_INDEX"] = "benchmark", "2"
    settings, progress = SandboxSettings.from_environment(), Progress()
    lifecycle.prepare(settings, progress)
    lifecycle.stop(settings, progress, purge=True)
    try:
        figures = measure(settings)
    finally:
        lifecycle.stop(settings, progress, purge=True)
    print(f"{'seconds from `sandbox up`':<44} {'ours':>8}")
    for name, seconds in figures.items():
        print(f"{name:<44} {seconds:>8.1f}")
    last = max(figures.values())
    print(f"{'two regions Ready: goal, ratio':<44} {GOAL_SECONDS:>8.0f} {last / GOAL_SECONDS:>7.2f}")
    return 0 if last < GOAL_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
