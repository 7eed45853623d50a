"""Which node comes next in a pool, and what it is made of."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.cloud.core.context import Context
from sandbox.cloud.core.regions import new_identifier, zones
from sandbox.cloud.cs.errors import node_quota
from sandbox.cloud.cs.model import Clusters, Node, NodePool
from sandbox.cloud.ecs.instance_types import instance_type
from sandbox.cloud.vpc.model import Networks
from sandbox.region.specification import NodeSpec

GPU_MEMORY_MEBIBYTES = {"NVIDIA T4": 15360, "NVIDIA V100": 16384, "NVIDIA A10": 23028, "NVIDIA A100": 81920}
MEBIBYTES_A_GIBIBYTE = 1024


@dataclass
class NodePlanner:
    """Plans nodes within the region's limit of real ones."""

    context: Context
    clusters: Clusters
    networks: Networks
    maximum_nodes: int

    def check_room(self, region: str, pool_id: str, size: int) -> None:
        """Raise the cloud's quota error when a pool of this size would make too many nodes in the region."""
        others = sum(pool.size for pool in self.clusters.pools.list(region) if pool.identifier != pool_id)
        if others + size > self.maximum_nodes:
            raise node_quota(region, others + size, self.maximum_nodes)

    def plan(self, pool: NodePool) -> Node:
        """A new node: the lowest free number of the region's plan gives its address and name."""
        slot = self.context.slots.slot(pool.region)
        taken = {node.address for node in self.clusters.nodes.list(pool.region)}
        number = 0
        while (address := str(self.context.addresses.node(slot, number))) in taken:
            number += 1
        position = len(self.clusters.nodes_of(pool.identifier))
        return Node(
            name=f"{pool.region}.{address}",
            instance_id=new_identifier("i", pool.region),
            pool_id=pool.identifier,
            cluster_id=pool.cluster_id,
            region=pool.region,
            zone=self._zone(pool, position),
            address=address,
            instance_type=pool.instance_types[0],
            created=self.context.clock.now(),
        )

    def specification(self, pool: NodePool, node: Node) -> NodeSpec:
        """What the real node is made of: the pool's labels and taints, and those that ACK gives every node."""
        size = instance_type(node.instance_type)
        labels = {
            str(label["key"]): str(label.get("value") or "") for label in pool.kubernetes_config.get("labels") or []
        }
        labels |= {
            "ack.aliyun.com": pool.cluster_id,
            "alibabacloud.com/nodepool-id": pool.identifier,
            "node.alibabacloud.com/nodepool-id": pool.identifier,
            "node.kubernetes.io/instance-type": node.instance_type,
            "topology.kubernetes.io/region": node.region,
            "topology.kubernetes.io/zone": node.zone,
        }
        if size.gpus:
            labels["aliyun.accelerator/nvidia_name"] = size.gpu_model.replace(" ", "-")
            labels["aliyun.accelerator/nvidia_count"] = str(size.gpus)
            labels["aliyun.accelerator/nvidia_mem"] = f"{GPU_MEMORY_MEBIBYTES[size.gpu_model]}MiB"
        taints = [
            {"key": str(taint["key"]), "value": str(taint.get("value") or ""), "effect": str(taint["effect"])}
            for taint in pool.kubernetes_config.get("taints") or []
        ]
        return NodeSpec(
            name=node.name,
            labels=labels,
            taints=taints,
            instance_type=node.instance_type,
            cpu_cores=size.cpu_cores,
            memory_mebibytes=size.memory_gibibytes * MEBIBYTES_A_GIBIBYTE,
            gpus=size.gpus,
        )

    def _zone(self, pool: NodePool, position: int) -> str:
        """Nodes go round the zones of the pool's switches."""
        switches = [self.networks.vswitches.get(str(item)) for item in pool.scaling_group.get("vswitch_ids") or []]
        found = [vswitch.zone_id for vswitch in switches if vswitch is not None] or zones(pool.region)[:1]
        return found[position % len(found)]
