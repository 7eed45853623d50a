"""Clusters (ACK) and their node pools."""

from __future__ import annotations

from collections.abc import Iterator

from policies.model import Level, Resource, rule
from policies.values import UNKNOWN, at, is_off, items

CLUSTERS = ("alicloud:cs/managedKubernetes:ManagedKubernetes", "alicloud:cs/kubernetes:Kubernetes")
NODE_POOL = "alicloud:cs/nodePool:NodePool"
TERWAY, FLANNEL = "terway-eniip", "flannel"


@rule(
    "cluster-enforces-network-policies", source="CKV_ALI_26", level=Level.MANDATORY, types=CLUSTERS,
    description="A cluster has a network plugin, with the addresses that it needs and apart from the nodes'.",
    reason="Without one NetworkPolicies are words.",
)  # fmt: skip
def cluster_enforces_network_policies(cluster: Resource) -> Iterator[str]:
    """Terway takes pods' addresses from switches of their own, Flannel from a block."""
    addons = cluster.at("addons")
    if addons is UNKNOWN:
        return
    names = [at(addon, "name") for addon in items(addons)]
    if TERWAY in names:
        pods = cluster.at("podVswitchIds")
        if is_off(pods) or pods == []:
            yield "Terway has no `podVswitchIds`; give it a switch a zone"
        nodes = [*items(cluster.at("vswitchIds")), *items(cluster.at("workerVswitchIds"))]
        shared = [switch for switch in items(pods) if switch is not UNKNOWN and switch in nodes]
        if shared:
            yield f"pods and nodes share the switches {', '.join(shared)}; give pods switches of their own"
    elif FLANNEL not in names or is_off(cluster.at("podCidr")):
        yield "neither Terway nor Flannel with a `podCidr`; add `terway-eniip` to `addons`"


@rule(
    "node-pool-repairs-nodes", source="CKV_ALI_31", level=Level.ADVISORY, types=(NODE_POOL,),
    description="A node pool repairs its broken nodes by itself.",
    reason="At night nobody else does. It takes ACK's node-problem-detector and lifecycle controller.",
)  # fmt: skip
def node_pool_repairs_nodes(pool: Resource) -> Iterator[str]:
    """The switch stands in the pool's management."""
    if is_off(pool.at("management")) or is_off(pool.at("management.autoRepair")):
        yield "broken nodes stay; set `management.autoRepair`"
