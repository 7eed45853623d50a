"""How many nodes of a region are real ones; those past that number are simulated."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from sandbox.cloud.core.store import Repository, Store

LARGEST_CLUSTER = 2000
"""Nodes of a region, real and simulated together. On two cores 300 with 3,000 pods took a minute; a thousand came up,
too."""
LARGEST_REAL = 190
"""As many addresses as a region's network has for nodes."""
FEWEST_BY_MEMORY, MOST_BY_MEMORY = 4, 16
BYTES_A_NODE = 5 * 1024**3 // 2
"""Memory of the machine for which a region gets one real node: a node takes 150 MB, its pods and a second region the
rest. So 24 GiB allow ten in each region: five businesses' servers, one's training with a standby, and one to spare."""


class NodeLimit(BaseModel):
    """What was set for one region."""

    model_config = ConfigDict(frozen=True)

    region: str
    real_nodes: int


def real_nodes_for(memory_bytes: int) -> int:
    """The default for a machine with this much memory."""
    return max(FEWEST_BY_MEMORY, min(MOST_BY_MEMORY, round(memory_bytes / BYTES_A_NODE)))


def checked_real_nodes(value: object, name: str) -> int:
    """A number of real nodes that a region can have. Raises ValueError, naming what was given and the limit."""
    try:
        count = int(str(value))
    except ValueError:
        count = -1
    if not 0 <= count <= LARGEST_REAL:
        raise ValueError(f"{name} is {value!r}; give a whole number of real nodes from 0 to {LARGEST_REAL}")
    return count


@dataclass
class NodeLimits:
    """The limits in force, kept over restarts where they were set for a region."""

    store: Store
    default: int
    can_be_real: bool = True
    """False without root: then every node is simulated."""

    def __post_init__(self) -> None:
        self._kept = Repository(self.store, "node-limit", NodeLimit)

    def real_nodes(self, region: str) -> int:
        """How many real nodes a region may have."""
        kept = self._kept.get(region)
        return (self.default if kept is None else kept.real_nodes) if self.can_be_real else 0

    def regions(self) -> set[str]:
        """The regions for which a number was set."""
        return {limit.region for limit in self._kept.list()}

    def set(self, region: str, real_nodes: int) -> None:
        """Set a region's; nodes that are there stay what they are. Raises ValueError when no node can be real."""
        if real_nodes and not self.can_be_real:
            raise ValueError("A rootless sandbox has simulated nodes only; start another one with root for real nodes.")
        self._kept.put(region, NodeLimit(region=region, real_nodes=real_nodes), region)
