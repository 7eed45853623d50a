"""Which nodes come next in a pool, whether they are real, and what they are made of."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from sandbox.cloud.core.context import Context
from sandbox.cloud.core.regions import new_identifier, zones
from sandbox.cloud.cs.errors import node_quota
from sandbox.cloud.cs.model import Clusters, Node, NodePool
from sandbox.cloud.cs.node_limits import LARGEST_CLUSTER, NodeLimits
from sandbox.cloud.ecs.instance_types import instance_type
from sandbox.cloud.vpc.model import Networks
from sandbox.region.specification import NodeSpec

GPU_MEMORY_MEBIBYTES = {"NVIDIA T4": 15360, "NVIDIA V100": 16384, "NVIDIA A10": 23028, "NVIDIA A100": 81920}
MEBIBYTES_A_GIBIBYTE = 1024
ZONE_LABEL = "topology.diskplugin.csi.alibabacloud.com/zone"
"""By which ACK tells its disks a node's zone, beside Kubernetes' own label."""


@dataclass
class NodePlanner:
    """Plans nodes: real ones up to the region's limit of those, simulated ones past it."""

    context: Context
    clusters: Clusters
    networks: Networks
    limits: NodeLimits

    def room(self, region: str) -> int:
        """How many nodes more the region can have."""
        return max(0, LARGEST_CLUSTER - sum(pool.size for pool in self.clusters.pools.list(region)))

    def check_room(self, region: str, pool_id: str, size: int) -> None:
        """Raise the cloud's quota error when a pool of this size would make too many nodes in the region."""
        others = sum(pool.size for pool in self.clusters.pools.list(region) if pool.identifier != pool_id)
        if others + size > LARGEST_CLUSTER:
            raise node_quota(region, others + size, LARGEST_CLUSTER)

    def plan(self, pool: NodePool, count: int) -> list[Node]:
        """New nodes of a pool: the lowest free numbers of the region's plan give their addresses and names."""
        slot, plan = self.context.slots.slot(pool.region), self.context.addresses
        present = self.clusters.nodes.list(pool.region)
        taken = {node.address for node in present}
        real = max(0, self.limits.real_nodes(pool.region) - sum(not node.simulated for node in present))
        places = self._zones(pool, Counter(node.zone for node in present if node.pool_id == pool.identifier))
        free = {
            False: (address for number in itertools.count() if (address := str(plan.node(slot, number))) not in taken),
            True: (
                address
                for number in itertools.count()
                if (address := str(plan.simulated_node(slot, number))) not in taken
            ),
        }
        return [self._node(pool, next(places), next(free[new >= real]), simulated=new >= real) for new in range(count)]

    def _node(self, pool: NodePool, zone: str, address: str, *, simulated: bool) -> Node:
        return Node(
            name=f"{pool.region}.{address}",
            instance_id=new_identifier("i", pool.region),
            pool_id=pool.identifier,
            cluster_id=pool.cluster_id,
            region=pool.region,
            zone=zone,
            address=address,
            instance_type=pool.instance_types[0],
            created=self.context.clock.now(),
            simulated=simulated,
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
            ZONE_LABEL: node.zone,
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
            **self._number(node),
        )

    def _number(self, node: Node) -> dict[str, int]:
        """The node's place in the region's address plan, from which its address comes."""
        addresses, slot, address = (
            self.context.addresses,
            self.context.slots.slot(node.region),
            IPv4Address(node.address),
        )
        if node.simulated:
            return {"simulated": addresses.simulated_number(slot, address)}
        return {"number": addresses.node_number(slot, address)}

    def _zones(self, pool: NodePool, present: Counter[str]) -> Iterator[str]:
        """Where the next nodes come: of the zones of the pool's switches, always the one that has the fewest.

        So a node that was lost is followed by one in its zone, where the disks of its pods are.
        """
        switches = [self.networks.vswitches.get(str(item)) for item in pool.scaling_group.get("vswitch_ids") or []]
        found = [vswitch.zone_id for vswitch in switches if vswitch is not None] or zones(pool.region)[:1]
        while True:
            chosen = min(found, key=present.__getitem__)
            present[chosen] += 1
            yield chosen
