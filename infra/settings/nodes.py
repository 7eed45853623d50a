"""Settings of a business's node pools."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from infra.settings.base import Settings, option

INSTANCE_TYPE = r"^ecs\.[a-z0-9]+(-[a-z0-9]+)?\.[a-z0-9]+$"


class Autoscaling(Settings):
    """Limits between which the pool follows the load."""

    minimum: int = option(
        "Fewest nodes.", default=0, unit="nodes", why="Nothing is paid while nothing runs.", ge=0, le=500
    )
    maximum: int = option("Most nodes.", unit="nodes", why="It caps the bill.", ge=1, le=500)


class Spot(Settings):
    """Cheaper machines that the cloud may take back at a few minutes' notice; ElasticDL goes on without them."""

    on_demand_base: int = option(
        "Nodes that are always bought on demand, before any spot machine.",
        default=1,
        unit="nodes",
        why="Master and parameter server live on it, whose loss costs a restart from the last checkpoint.",
        ge=0,
        le=500,
    )
    on_demand_percentage: int = option(
        "Share of the further nodes that are bought on demand.",
        default=0,
        unit="percent",
        why="A lost worker costs its unfinished tasks only.",
        ge=0,
        le=100,
    )


class Nodes(Settings):
    """A pool of nodes, tainted and labelled for this business alone."""

    instance_type: str = option("ECS instance type.", why="The bill is mostly its price.", pattern=INSTANCE_TYPE)
    count: int | None = option(
        "Fixed number of nodes. Give either this or `autoscaling`.",
        default=None,
        unit="nodes",
        why="None: the two ways exclude each other.",
        ge=0,
        le=500,
    )
    autoscaling: Autoscaling | None = option(
        "Let the pool follow the load between two limits. Give either this or `count`.",
        default=None,
        why="None: the two ways exclude each other.",
    )
    disk_gibibytes: int = option(
        "System disk of a node (encrypted).",
        default=120,
        unit="GiB",
        why="Room for several versions of the trainer's image of 2 GB; ACK's own default.",
        ge=40,
        le=2048,
    )

    @property
    def maximum(self) -> int:
        """Most nodes that the pool can have."""
        return self.autoscaling.maximum if self.autoscaling else (self.count or 0)

    @property
    def minimum(self) -> int:
        """Fewest nodes that the pool can have."""
        return self.autoscaling.minimum if self.autoscaling else (self.count or 0)

    @model_validator(mode="after")
    def _one_way_of_sizing(self) -> Self:
        if (self.count is None) == (self.autoscaling is None):
            given = "both were given" if self.autoscaling else "neither was given"
            raise ValueError(f"give exactly one of `count` and `autoscaling`: {given}")
        return self


class TrainingNodes(Nodes):
    """A region's GPU nodes, which train."""

    instance_type: str = option(
        "ECS instance type with GPUs.",
        default="ecs.gn6i-c4g1.xlarge",
        why="The smallest with a whole GPU (NVIDIA T4, 4 vCPUs, 15 GiB).",
        pattern=INSTANCE_TYPE,
    )
    spot: Spot | None = option(
        "Buy nodes above a base as spot machines.", default=None, why="None: all on demand, so that none is taken back."
    )


class ServingNodes(Nodes):
    """A region's nodes that are always there: for the servers, the launcher of the training and the controllers."""

    instance_type: str = option(
        "ECS instance type.",
        default="ecs.g7.xlarge",
        why="The servers compute with NumPy: 4 vCPUs and 16 GiB, no GPU that would stand idle.",
        pattern=INSTANCE_TYPE,
    )
