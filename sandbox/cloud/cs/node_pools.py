"""Actions on node pools and nodes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from sandbox.cloud.core.accounts import random_text
from sandbox.cloud.core.context import Context
from sandbox.cloud.core.errors import CloudError
from sandbox.cloud.core.regions import IDENTIFIER_ALPHABET, new_identifier
from sandbox.cloud.core.service import Answer, Call, action
from sandbox.cloud.cs.descriptions import describe_node, describe_pool, describe_task
from sandbox.cloud.cs.errors import (
    cluster_not_found,
    cluster_state,
    invalid,
    node_pool_not_found,
    task_not_found,
)
from sandbox.cloud.cs.model import Cluster, Clusters, NodePool
from sandbox.cloud.cs.nodes import NodePlanner
from sandbox.cloud.cs.operations import Operations
from sandbox.cloud.cs.validation import changed_size, check_kubernetes_config, initial_size, section, texts
from sandbox.cloud.ecs.instance_types import instance_type
from sandbox.cloud.vpc.model import Networks

SECTIONS = (
    "nodepool_info scaling_group auto_scaling kubernetes_config management tee_config node_config auto_mode count"
)


class NodePoolActions:
    """Node pools, nodes, and the tasks that change them."""

    context: Context
    clusters: Clusters
    networks: Networks
    operations: Operations
    planner: NodePlanner

    @action("CreateClusterNodePool", SECTIONS, method="POST", path="/clusters/{cluster_id}/nodepools")
    def create_node_pool(self, call: Call) -> Answer:
        """Make a pool; its nodes come up in the background."""
        cluster = self.find_cluster(call)
        if not cluster.answers:
            raise cluster_state(cluster.identifier, cluster.state)
        info, group = section(call, "nodepool_info"), section(call, "scaling_group")
        scaling, kubernetes = section(call, "auto_scaling"), section(call, "kubernetes_config")
        if not info.get("name"):
            raise invalid("nodepool_info.name", "", "a node pool needs a name")
        if any(pool.name == info["name"] for pool in self.clusters.pools_of(cluster.identifier)):
            raise CloudError("NodePoolNameExists", f"cluster {cluster.identifier} has a pool {info['name']!r}", 400)
        self.check_scaling_group(cluster, group)
        check_kubernetes_config(kubernetes)
        now = self.context.clock.now()
        group.setdefault("security_group_id", cluster.security_group_id)
        group["scaling_group_id"] = new_identifier("asg", cluster.region)
        pool = NodePool(
            identifier="np" + random_text(32, IDENTIFIER_ALPHABET),
            cluster_id=cluster.identifier,
            region=cluster.region,
            created=now,
            updated=now,
            state="initial",
            size=initial_size(group, scaling, call.parameters.raw("count")),
            info={"resource_group_id": cluster.resource_group_id, **info},
            scaling_group=group,
            auto_scaling=scaling,
            kubernetes_config=kubernetes,
            other={name: section(call, name) for name in ("management", "tee_config", "node_config", "auto_mode")},
        )
        with self.context.store.transaction():
            self.planner.check_room(cluster.region, pool.identifier, pool.size)
            self.clusters.pools.put(pool.identifier, pool, cluster.region)
            task = self.operations.new_task(cluster.identifier, pool.identifier, "nodepool_create")
        self.converge(pool)
        return {"nodepool_id": pool.identifier, "task_id": task.identifier}

    @action("DescribeClusterNodePoolDetail", method="GET", path="/clusters/{cluster_id}/nodepools/{nodepool_id}")
    def describe_node_pool(self, call: Call) -> Answer:
        """One pool."""
        return describe_pool(self.clusters, self.find_pool(call))

    @action("DescribeClusterNodePools", "NodepoolName", method="GET", path="/clusters/{cluster_id}/nodepools")
    def describe_node_pools(self, call: Call) -> Answer:
        """The pools of a cluster."""
        name = call.parameters.text("NodepoolName")
        pools = [pool for pool in self.clusters.pools_of(self.find_cluster(call).identifier) if name in ("", pool.name)]
        return {"nodepools": [describe_pool(self.clusters, pool) for pool in pools]}

    @action(
        "ModifyClusterNodePool",
        SECTIONS + " update_nodes",
        method="PUT",
        path="/clusters/{cluster_id}/nodepools/{nodepool_id}",
    )
    def modify_node_pool(self, call: Call) -> Answer:
        """Change a pool. New labels and taints reach nodes that come later, and those there with update_nodes."""
        with self.context.store.transaction():  # from reading to writing: the autoscaler changes sizes, too
            cluster, pool = self.find_cluster(call), self.find_pool(call)
            changed = self.changed_pool(call, cluster, pool)
            self.planner.check_room(pool.region, pool.identifier, changed.size)
            self.clusters.pools.put(pool.identifier, changed, pool.region)
            task = self.operations.new_task(cluster.identifier, pool.identifier, "nodepool_update")
        self.converge(pool)
        return {"nodepool_id": pool.identifier, "task_id": task.identifier}

    @action("ScaleClusterNodePool", "count", method="POST", path="/clusters/{cluster_id}/nodepools/{nodepool_id}")
    def scale_node_pool(self, call: Call) -> Answer:
        """Add this many nodes to a pool."""
        pool = self.find_pool(call)
        size = pool.size + call.parameters.integer("count", 1, minimum=1)
        with self.context.store.transaction():
            self.planner.check_room(pool.region, pool.identifier, size)
            self.clusters.update_pool(pool.identifier, size=size, state="scaling")
            task = self.operations.new_task(pool.cluster_id, pool.identifier, "nodepool_scaleout")
        self.converge(pool)
        return {"task_id": task.identifier}

    @action("DeleteClusterNodepool", "force", method="DELETE", path="/clusters/{cluster_id}/nodepools/{nodepool_id}")
    def delete_node_pool(self, call: Call) -> Answer:
        """Delete a pool; one with nodes only with force."""
        pool = self.find_pool(call)
        if self.clusters.nodes_of(pool.identifier) and not call.parameters.boolean("force"):
            raise CloudError("ErrorNodePoolNotEmpty", f"nodepool {pool.identifier} has nodes; use force=true", 400)
        self.clusters.update_pool(pool.identifier, state="deleting")
        task = self.operations.new_task(pool.cluster_id, pool.identifier, "nodepool_delete")
        self.operations.submit(pool.region, pool.identifier, partial(self.operations.delete_pool, pool.identifier))
        return {"task_id": task.identifier}

    @action(
        "DescribeClusterNodes",
        "nodepool_id pageSize pageNumber state instanceIds",
        method="GET",
        path="/clusters/{cluster_id}/nodes",
    )
    def describe_nodes(self, call: Call) -> Answer:
        """The nodes of a cluster or pool."""
        cluster = self.find_cluster(call)
        pool_id = call.parameters.text("nodepool_id")
        size = call.parameters.integer("pageSize", 10, 1, 100)
        number = call.parameters.integer("pageNumber", 1, 1)
        found = [
            node
            for node in self.clusters.nodes.list(cluster.region)
            if node.cluster_id == cluster.identifier and pool_id in ("", node.pool_id)
        ]
        chosen = found[(number - 1) * size : number * size]
        return {
            "nodes": [describe_node(node) for node in chosen],
            "page": {"page_number": number, "page_size": size, "total_count": len(found)},
        }

    @action(
        "DeleteClusterNodes",
        "nodes release_node drain_node",
        method="POST",
        path="/clusters/{cluster_id}/nodes",
    )
    def delete_nodes(self, call: Call) -> Answer:
        """Remove nodes by name; their pools get smaller by them."""
        cluster = self.find_cluster(call)
        names = call.parameters.texts("nodes")
        known = {node.name for node in self.clusters.nodes.list() if node.cluster_id == cluster.identifier}
        unknown = sorted(set(names) - known)
        if unknown:
            raise CloudError("ErrorNodeNotFound", f"cluster {cluster.identifier} has no nodes {unknown}", 404)
        task = self.operations.new_task(cluster.identifier, cluster.identifier, "remove_nodes")
        for name in names:
            self.operations.submit(cluster.region, cluster.identifier, partial(self.operations.remove_node, name))
        return {"task_id": task.identifier, "cluster_id": cluster.identifier}

    @action("DescribeTaskInfo", method="GET", path="/tasks/{task_id}")
    def describe_task_info(self, call: Call) -> Answer:
        """How far something is that was started."""
        identifier = call.parameters.text("task_id")
        task = self.clusters.tasks.get(identifier)
        if task is None:
            raise task_not_found(identifier)
        return describe_task(task)

    def find_cluster(self, call: Call) -> Cluster:
        """The cluster in the call's path."""
        identifier = call.parameters.required("cluster_id")
        cluster = self.clusters.clusters.get(identifier)
        if cluster is None:
            raise cluster_not_found(identifier)
        return cluster

    def find_pool(self, call: Call) -> NodePool:
        """The pool in the call's path."""
        cluster = self.find_cluster(call)
        identifier = call.parameters.required("nodepool_id")
        pool = self.clusters.pools.get(identifier)
        if pool is None or pool.cluster_id != cluster.identifier:
            raise node_pool_not_found(identifier)
        return pool

    def changed_pool(self, call: Call, cluster: Cluster, pool: NodePool) -> NodePool:
        """The pool as the call wants it."""
        group = pool.scaling_group | section(call, "scaling_group")
        scaling = pool.auto_scaling | section(call, "auto_scaling")
        kubernetes = pool.kubernetes_config | section(call, "kubernetes_config")
        self.check_scaling_group(cluster, group)
        check_kubernetes_config(kubernetes)
        other = {name: value | section(call, name) for name, value in pool.other.items()}
        return pool.model_copy(
            update={
                "updated": self.context.clock.now(),
                "state": "updating",
                "info": pool.info | section(call, "nodepool_info"),
                "scaling_group": group,
                "auto_scaling": scaling,
                "kubernetes_config": kubernetes,
                "other": other,
                "update_nodes": call.parameters.boolean("update_nodes"),
                "size": changed_size(pool.size, section(call, "scaling_group"), scaling, call.parameters.raw("count")),
            }
        )

    def converge(self, pool: NodePool) -> None:
        """Bring the pool's nodes to its size in the background."""
        self.operations.submit(pool.region, pool.identifier, partial(self.operations.converge_pool, pool.identifier))

    def check_scaling_group(self, cluster: Cluster, group: Mapping[str, Any]) -> None:
        """Refuse unknown machines and switches."""
        types = texts("scaling_group.instance_types", group.get("instance_types"))
        if not types:
            raise invalid("scaling_group.instance_types", types, "name at least one instance type")
        for name in types:
            instance_type(name)
        switches = texts("scaling_group.vswitch_ids", group.get("vswitch_ids"))
        if not switches:
            raise invalid("scaling_group.vswitch_ids", switches, "name at least one vswitch")
        for identifier in switches:
            vswitch = self.networks.vswitches.get(identifier)
            if vswitch is None or vswitch.vpc_id != cluster.vpc_id:
                raise invalid("scaling_group.vswitch_ids", identifier, f"it is not a switch of {cluster.vpc_id}")
