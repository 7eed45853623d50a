"""How long a person waits, each figure beside the goal that the project set itself: `python -m benchmarks`.

Runs in a sandbox of its own (index 2), with the toolchain and the images in the cache; their build is reported by
`make toolchain` itself, with its elapsed time.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from benchmarks import regions
from benchmarks.pulumi_command import NO_CHANGE, pulumi, timed
from sandbox import deployment, lifecycle
from sandbox.progress import Progress
from sandbox.region import NodeSpec, Region
from sandbox.settings import SandboxSettings

BUSINESS = "qa"


@dataclass(frozen=True)
class Figure:
    """One measurement in seconds, and the goal it is held against."""

    name: str
    seconds: float
    goal_seconds: float

    def row(self) -> str:
        """A line of the table; a ratio under 1 is better than the goal."""
        return (
            f"{self.name:<58} {self.seconds:>8.1f} {self.goal_seconds:>8.0f} {self.seconds / self.goal_seconds:>7.2f}"
        )


def region_ready(settings: SandboxSettings) -> tuple[float, float]:
    """Seconds until a region's API server is ready, and until its first node is."""
    region = Region("cn-hangzhou", 0, settings)
    specification = NodeSpec(
        name="benchmark-node",
        labels={},
        taints=[],
        instance_type="ecs.g7.xlarge",
        cpu_cores=4,
        memory_mebibytes=16384,
        gpus=0,
    )
    try:
        return timed(region.start), timed(lambda: region.add_node(specification))
    finally:
        region.stop()


def measure(settings: SandboxSettings, progress: Progress) -> list[Figure]:
    """Every figure, in the order in which a person meets it."""
    lifecycle.prepare(settings, progress)
    lifecycle.stop(settings, progress, purge=True)
    lifecycle.require_healthy_machine(settings)
    control_plane, node = region_ready(settings)
    lifecycle.stop(settings, progress, purge=True)
    two_regions = max(regions.measure(settings).values())
    lifecycle.stop(settings, progress, purge=True)
    cold = timed(lambda: deployment.deploy(settings, BUSINESS, progress))
    preview = timed(lambda: pulumi(settings, "preview", "--stack", BUSINESS, NO_CHANGE))
    second = timed(lambda: pulumi(settings, "up", "--yes", "--skip-preview", "--stack", BUSINESS, NO_CHANGE))
    again = timed(lambda: deployment.deploy(settings, BUSINESS, progress))
    lifecycle.stop(settings, progress)
    resumed = timed(lambda: deployment.deploy(settings, BUSINESS, progress))
    return [
        Figure("region: API server ready", control_plane, 20),
        Figure("region: first node Ready", node, 20),
        Figure("two regions with a Ready node, from `sandbox up`", two_regions, regions.GOAL_SECONDS),
        Figure("make up, nothing but the cache, to a trained model", cold, 900),
        Figure("pulumi preview, no change", preview, 15),
        Figure("pulumi up, no change", second, 15),
        Figure("make up while all runs", again, 240),
        Figure("make up after make down", resumed, 240),
    ]


def main() -> int:
    """Measure, print the table, remove the sandbox."""
    os.environ["SANDBOX_NAME"], os.environ["SANDBOX_INDEX"] = "benchmark", "2"
    settings, progress = SandboxSettings.from_environment(), Progress()
    try:
        figures = measure(settings, progress)
    finally:
        lifecycle.stop(settings, progress, purge=True)
    print(f"{'seconds, wall clock':<58} {'ours':>8} {'goal':>8} {'ratio':>7}")
    for figure in figures:
        print(figure.row())
    return 0


if __name__ == "__main__":
    sys.exit(main())
