"""The versions of Kubernetes that clusters can have, and which may follow which."""

from __future__ import annotations

import re

from sandbox.cloud.cs.model import DEFAULT_VERSION, Cluster

VERSIONS = ("1.31.9-aliyun.1", "1.32.7-aliyun.1", "1.33.3-aliyun.1", DEFAULT_VERSION)
"""What clusters can be upgraded to, oldest first; the last is what the sandbox runs."""
NUMBERS = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
VERSION_FORM = re.compile(r"1\.\d{2}\.\d+-aliyun\.\d+")


def numbers(version: str) -> tuple[int, int, int]:
    """A version's numbers, for comparison."""
    match = NUMBERS.match(version)
    if match is None:
        return 0, 0, 0
    return int(match[1]), int(match[2]), int(match[3] or 0)


def following(version: str) -> list[str]:
    """The versions that this one can be upgraded to: newer ones, of the same minor version or the next."""
    own = numbers(version)
    return [other for other in VERSIONS if own < numbers(other) and numbers(other)[1] - own[1] <= 1]


def next_version(cluster: Cluster) -> str:
    """The newest version that a cluster can be upgraded to; empty when there is none."""
    newer = following(cluster.version)
    return newer[-1] if newer else ""
