"""What a caller asks of a node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

GPU_RESOURCE = "nvidia.com/gpu"


@dataclass(frozen=True)
class NodeSpec:
    """A node as the cloud's node pool describes it.

    The processor cores and the memory are the instance type's and are what the node reports as its capacity, also when
    this machine has less: a sandbox shows how pods are placed, not how fast they run.
    """

    name: str
    labels: dict[str, str] = field(default_factory=dict)
    taints: list[dict[str, str]] = field(default_factory=list)
    """Each with "key", "value" and "effect"."""
    instance_type: str = ""
    cpu_cores: int = 2
    memory_mebibytes: int = 8192
    gpus: int = 0
    number: int | None = None
    """A real node's place in the region's address plan; None for the lowest that is free, as when it is taken."""
    simulated: int | None = None
    """Its number among the region's simulated nodes; None for a real one."""

    def to_dictionary(self) -> dict[str, Any]:
        """For the state file."""
        return asdict(self)

    @classmethod
    def from_dictionary(cls, values: Mapping[str, Any]) -> NodeSpec:
        """From the state file."""
        return cls(**dict(values))
