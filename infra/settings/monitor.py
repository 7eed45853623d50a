"""Settings of a business's status monitor."""

from __future__ import annotations

from controllers.config.monitor import DetectionSettings, RepairSettings
from infra.settings.base import Settings, option
from infra.settings.training import IMAGE
from trainer.config import ResourceRequest

REPLICAS = 2
"""One leads, the other takes over within seconds."""


class Monitor(Settings):
    """The status monitor of the region that trains: it finds faults of the job and repairs them."""

    image: str = option(
        "The controllers' image, with its tag.",
        why="Pinned, so that a repaired node runs the same program.",
        pattern=IMAGE,
    )
    request: ResourceRequest = option(
        "What a replica requests; there are two.",
        default=ResourceRequest(cpu=0.05, memory_mebibytes=128),
        why="At rest it takes under 100 MB and 2 % of a core.",
    )
    detection: DetectionSettings = option(
        "After how long something is a fault.",
        default=DetectionSettings(),
        why="The monitor's own.",
    )
    repairs: RepairSettings = option("How often the monitor acts.", default=RepairSettings(), why="The monitor's own.")
