"""Settings of what answers a business's users."""

from __future__ import annotations

from infra.settings.base import Settings, option
from infra.settings.training import IMAGE
from trainer.config import ResourceRequest, ServingSettings


class Replicas(Settings):
    """Limits between which the number of servers follows the load."""

    minimum: int = option(
        "Fewest servers in a region.",
        default=2,
        unit="pods",
        why="One is left while the other is replaced.",
        ge=1,
        le=1000,
    )
    maximum: int = option(
        "Most servers in a region.", default=6, unit="pods", why="Three times the least absorbs a burst.", ge=1, le=1000
    )


class Serving(Settings):
    """The servers of each region, behind the region's load balancer."""

    image: str | None = option(
        "The server's image, with its tag.",
        default=None,
        why="None: the trainer's image, which holds the server too.",
        pattern=IMAGE,
    )
    replicas: Replicas = option("How many servers.", default=Replicas(), why="Two, growing to six under load.")
    request: ResourceRequest = option(
        "What a server requests.",
        default=ResourceRequest(cpu=0.1, memory_mebibytes=256),
        why="A model of 30,000 words in NumPy takes about 100 MB; the CPU request is what scaling is measured against.",
    )
    cpu_utilization_percent: int = option(
        "CPU use, in percent of what a server requests, above which servers are added.",
        default=70,
        unit="percent",
        why="Leaves room for the half minute that a new server takes.",
        ge=10,
        le=400,
    )
    server: ServingSettings = option(
        "How a server listens, limits, batches and follows the models.",
        default=ServingSettings(),
        why="The server's own defaults, measured on one core.",
    )
