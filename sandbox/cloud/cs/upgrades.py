"""Actions that upgrade clusters, their pools and their nodes' settings.

An upgrade really restarts the cluster's API server. The program stays the one that the sandbox was built with, whatever
version is asked for; what changes is the version that the service tells.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from sandbox.cloud.core.service import Answer, Call, action
from sandbox.cloud.cs.errors import cluster_state, invalid
from sandbox.cloud.cs.model import DEFAULT_VERSION
from sandbox.cloud.cs.node_pools import NodePoolActions
from sandbox.cloud.cs.validation import section
from sandbox.cloud.cs.versions import VERSION_FORM, VERSIONS, following, numbers

NODE_SETTINGS = {
    "kubelet_config": "kubelet_configuration",
    "os_config": "os_config",
    "containerd_config": "containerd_config",
}
"""What is set of a pool's nodes, and how it is shown back."""


class UpgradeActions(NodePoolActions):
    """Upgrades."""

    @action(
        "DescribeKubernetesVersionMetadata",
        "Region ClusterType KubernetesVersion Mode Profile runtime QueryUpgradableVersion",
        method="GET",
        path="/api/v1/metadata/versions",
    )
    def describe_versions(self, call: Call) -> Answer:
        """The versions there are, and what each can be upgraded to."""
        wanted = call.parameters.text("KubernetesVersion")
        return [
            {
                "version": version,
                "creatable": version == DEFAULT_VERSION,
                "runtimes": [{"name": "containerd", "version": "1.6.39"}],
                "upgradable_versions": following(version),
                "capabilities": {},
                "images": [],
            }
            for version in VERSIONS
            if wanted in ("", version)
        ]

    @action(
        "UpgradeCluster",
        "next_version version master_only component_name rolling_policy",
        method="POST",
        path="/api/v2/clusters/{cluster_id}/upgrade",
    )
    def upgrade_cluster(self, call: Call) -> Answer:
        """Bring the control plane to a newer version: one minor version at a time, and never back."""
        parameters = call.parameters
        wanted = parameters.text("next_version") or parameters.text("version")
        parameters.boolean("master_only", default=True)
        parameters.text("component_name")
        with self.context.store.transaction():
            cluster = self.find_cluster(call)
            if cluster.state != "running":
                raise cluster_state(cluster.identifier, cluster.state)
            newer = following(cluster.version)
            if wanted not in newer:
                choice = f"it must be one of {', '.join(newer)}" if newer else "it has the newest version"
                raise invalid("next_version", wanted, f"from {cluster.version}, {choice}")
            now = self.context.clock.now()
            self.clusters.update_cluster(cluster.identifier, state="upgrading", upgrades_to=wanted, updated=now)
            task = self.operations.new_task(cluster.identifier, cluster.identifier, "cluster_upgrade")
        step = partial(self.operations.upgrade_cluster, cluster.identifier)
        self.operations.submit(cluster.region, cluster.identifier, step)
        return {"cluster_id": cluster.identifier, "task_id": task.identifier, "request_id": call.request_id}

    @action("GetUpgradeStatus", method="GET", path="/api/v2/clusters/{cluster_id}/upgrade/status")
    def get_upgrade_status(self, call: Call) -> Answer:
        """How far the latest upgrade is."""
        cluster = self.find_cluster(call)
        tasks = [task for task in self.clusters.tasks.list() if task.cluster_id == cluster.identifier]
        upgrades = [task for task in tasks if task.kind == "cluster_upgrade"]
        status = {"running": "running", "success": "success", "failed": "fail"}
        latest = upgrades[-1] if upgrades else None
        return {
            "status": status[latest.state] if latest is not None else "",
            "upgrade_step": "upgrade_control_plane" if cluster.upgrades_to else "",
            "error_message": latest.error if latest is not None else "",
        }

    @action(
        "UpgradeClusterNodepool",
        "kubernetes_version image_id runtime_version runtime_type use_replace node_names rolling_policy",
        method="POST",
        path="/clusters/{cluster_id}/nodepools/{nodepool_id}/upgrade",
    )
    def upgrade_node_pool(self, call: Call) -> Answer:
        """Bring a pool's nodes to a version, at most the cluster's; with `use_replace` each is really made anew."""
        parameters = call.parameters
        cluster, pool = self.find_cluster(call), self.find_pool(call)
        wanted = parameters.text("kubernetes_version", cluster.version)
        if VERSION_FORM.fullmatch(wanted) is None or numbers(wanted) > numbers(cluster.version):
            raise invalid("kubernetes_version", wanted, f"it is at most the cluster's, {cluster.version}")
        known = {node.name for node in self.clusters.nodes_of(pool.identifier)}
        names = parameters.texts("node_names") or sorted(known)
        unknown = sorted(set(names) - known)
        if unknown:
            raise invalid("node_names", unknown, f"pool {pool.identifier} does not have them")
        kept = {
            name: parameters.text(name)
            for name in ("image_id", "runtime_version", "runtime_type")
            if parameters.text(name)
        }
        section(call, "rolling_policy")
        other = pool.other | {"version": {"kubernetes_version": wanted, **kept}}
        self.clusters.update_pool(pool.identifier, other=other, state="updating", updated=self.context.clock.now())
        task = self.operations.new_task(cluster.identifier, pool.identifier, "nodepool_upgrade")
        if parameters.boolean("use_replace"):
            step = partial(self.operations.replace_nodes, pool.identifier, names)
            self.operations.submit(pool.region, pool.identifier, step)
        else:
            self.converge(pool)
        return {"task_id": task.identifier, "request_id": call.request_id}

    @action(
        "ModifyNodePoolNodeConfig",
        "kubelet_config os_config containerd_config rolling_policy",
        method="PUT",
        path="/clusters/{cluster_id}/nodepools/{nodepool_id}/node_config",
    )
    def modify_node_config(self, call: Call) -> Answer:
        """Note settings of a pool's kubelets and systems, and show them back; nodes keep theirs."""
        cluster, pool = self.find_cluster(call), self.find_pool(call)
        section(call, "rolling_policy")
        given = {
            field: section(call, name) for name, field in NODE_SETTINGS.items() if call.parameters.raw(name) is not None
        }
        node_config: dict[str, Any] = {**(pool.other.get("node_config") or {}), **given}
        other = pool.other | {"node_config": node_config}
        self.clusters.update_pool(pool.identifier, other=other, updated=self.context.clock.now())
        task = self.operations.new_task(cluster.identifier, pool.identifier, "nodepool_update")
        self.converge(pool)
        return {"task_id": task.identifier, "nodepool_id": pool.identifier, "request_id": call.request_id}
