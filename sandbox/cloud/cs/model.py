"""Domain objects of the container service and where they are kept."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from sandbox.cloud.core.store import Repository, Store

DEFAULT_VERSION = "1.34.4-aliyun.1"
RRSA_ADDON = "ack-pod-identity-webhook"

ClusterState = Literal["initial", "running", "upgrading", "failed", "deleting"]
PoolState = Literal["initial", "active", "scaling", "updating", "deleting"]
TaskState = Literal["running", "success", "failed"]
Expander = Literal["least-waste", "random", "priority"]


class Addon(BaseModel):
    """A component installed in a cluster."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str = ""
    config: str = ""


class AutoscalingConfig(BaseModel):
    """How a cluster's autoscaler is set; the defaults are ACK's. Durations and shares are kept as they were written."""

    model_config = ConfigDict(frozen=True)

    scaler: str = "cluster-autoscaler"
    shrinks: bool = True
    unneeded: str = "10m"
    """How long a node is not needed before it goes."""
    delay_after_growth: str = "10m"
    """How long after a node came none goes."""
    scan: str = "30s"
    threshold: str = "0.5"
    gpu_threshold: str = "0.5"
    expander: Expander = "least-waste"
    priorities: dict[str, list[str]] = {}
    """Scaling groups (or pools) by priority, for the expander "priority"."""
    keeps_system_pods: bool = False
    keeps_local_storage: bool = False
    evicts_daemon_pods: bool = False
    longest_termination: int = 14400
    fewest_replicas: int = 0
    grows_from_zero: bool = True
    deletes_recycled_nodes: bool = False
    """Shown back; no effect, because pools of the sandbox release their machines and never stop them for later."""


class Cluster(BaseModel):
    """A managed cluster. `request` is the body it was made with, for what is only shown back."""

    model_config = ConfigDict(frozen=True)

    identifier: str
    region: str
    name: str
    created: datetime.datetime
    updated: datetime.datetime
    state: ClusterState
    reason: str = ""
    version: str
    profile: str
    cluster_spec: str
    vpc_id: str
    vswitch_ids: list[str]
    security_group_id: str
    owns_security_group: bool
    resource_group_id: str
    load_balancer_id: str
    deletion_protection: bool
    public_endpoint: bool
    rrsa: bool
    addons: list[Addon]
    tags: dict[str, str]
    request: dict[str, Any]
    autoscaling: AutoscalingConfig | None = None
    """None until the autoscaler was set by a call."""
    first_version: str = ""
    """The version that it was made with; empty while that is still its version."""
    upgrades_to: str = ""
    """The version to which it is being brought; empty while it is not."""

    @property
    def answers(self) -> bool:
        """Whether its API server is there, save for moments."""
        return self.state in ("running", "upgrading")

    def has_addon(self, name: str) -> bool:
        """Whether the component is installed."""
        return any(addon.name == name for addon in self.addons)

    @property
    def oidc_provider_name(self) -> str:
        """The name of the identity provider that RAM has for the cluster's service accounts."""
        return f"ack-rrsa-{self.identifier}"


class NodePool(BaseModel):
    """A node pool. Sections of the request that are shown back as they came are kept as they came."""

    model_config = ConfigDict(frozen=True)

    identifier: str
    cluster_id: str
    region: str
    created: datetime.datetime
    updated: datetime.datetime
    state: PoolState
    reason: str = ""
    size: int
    info: dict[str, Any]
    scaling_group: dict[str, Any]
    auto_scaling: dict[str, Any]
    kubernetes_config: dict[str, Any]
    other: dict[str, Any]
    update_nodes: bool = False
    """Whether the last change of labels and taints is meant for the nodes that are there, too."""

    @property
    def name(self) -> str:
        """The pool's name."""
        return str(self.info.get("name", ""))

    @property
    def instance_types(self) -> list[str]:
        """The types of its machines, most wanted first."""
        return [str(item) for item in self.scaling_group.get("instance_types") or []]

    @property
    def scales(self) -> bool:
        """Whether the autoscaler decides how many nodes it has."""
        return bool(self.auto_scaling.get("enable"))


class Node(BaseModel):
    """A machine of a pool, with the labels and taints that it was last given."""

    model_config = ConfigDict(frozen=True)

    name: str
    instance_id: str
    pool_id: str
    cluster_id: str
    region: str
    zone: str
    address: str
    instance_type: str
    created: datetime.datetime
    ready: bool = False
    labels: dict[str, str] = {}
    taints: list[dict[str, str]] = []
    simulated: bool = False
    """Whether nothing runs on it."""


class Task(BaseModel):
    """What a call started and has not waited for."""

    model_config = ConfigDict(frozen=True)

    identifier: str
    cluster_id: str
    target: str
    kind: str
    created: datetime.datetime
    updated: datetime.datetime
    state: TaskState = "running"
    error: str = ""


@dataclass
class Clusters:
    """All that the container service keeps."""

    store: Store

    def __post_init__(self) -> None:
        self.clusters = Repository(self.store, "cluster", Cluster)
        self.pools = Repository(self.store, "node-pool", NodePool)
        self.nodes = Repository(self.store, "node", Node)
        self.tasks = Repository(self.store, "cluster-task", Task)

    def pools_of(self, cluster_id: str) -> list[NodePool]:
        """The pools of a cluster."""
        return self.pools.list(cluster_id=cluster_id)

    def nodes_of(self, pool_id: str) -> list[Node]:
        """The nodes of a pool, oldest first."""
        return self.nodes.list(pool_id=pool_id)

    def unfinished_tasks(self, target: str) -> list[Task]:
        """What was started on a cluster or pool and has not ended."""
        return self.tasks.list(target=target, state="running")

    def update_cluster(self, identifier: str, **changes: Any) -> Cluster | None:
        """Change fields of a cluster, unless it is gone."""
        with self.store.transaction():
            cluster = self.clusters.get(identifier)
            if cluster is None:
                return None
            return self.clusters.put(identifier, cluster.model_copy(update=changes), cluster.region)

    def update_pool(self, identifier: str, **changes: Any) -> NodePool | None:
        """Change fields of a pool, unless it is gone."""
        with self.store.transaction():
            pool = self.pools.get(identifier)
            if pool is None:
                return None
            return self.pools.put(identifier, pool.model_copy(update=changes), pool.region)
