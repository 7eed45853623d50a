"""The container service, API version 2015-12-15: clusters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from sandbox.cloud.core.accounts import random_text
from sandbox.cloud.core.context import Context
from sandbox.cloud.core.regions import check_region, new_identifier
from sandbox.cloud.core.service import Answer, Call, Service, action
from sandbox.cloud.cs.addons import AddonActions, addons_of
from sandbox.cloud.cs.descriptions import describe_cluster
from sandbox.cloud.cs.errors import cluster_quota, deletion_protected, invalid
from sandbox.cloud.cs.model import DEFAULT_VERSION, RRSA_ADDON, Cluster, Clusters
from sandbox.cloud.cs.nodes import NodePlanner
from sandbox.cloud.cs.operations import Operations
from sandbox.cloud.cs.reports import ReportActions
from sandbox.cloud.cs.validation import section, tags, texts
from sandbox.cloud.ecs.model import Compute, SecurityGroup
from sandbox.cloud.sls.model import LogStores
from sandbox.cloud.vpc.model import Networks
from sandbox.cloud.vpc.networks import default_resource_group

CREATE = (
    "name region_id cluster_type profile cluster_spec kubernetes_version vpcid vswitch_ids security_group_id "
    "is_enterprise_security_group "
    "resource_group_id deletion_protection tags addons enable_rrsa endpoint_public_access service_cidr container_cidr "
    "node_cidr_mask proxy_mode ip_stack timezone cluster_domain maintenance_window operation_policy "
    "controlplane_log_components controlplane_log_ttl controlplane_log_project audit_log_config encryption_provider_key"
)
SHOWN_BACK = (
    "service_cidr",
    "container_cidr",
    "node_cidr_mask",
    "proxy_mode",
    "ip_stack",
    "timezone",
    "cluster_domain",
    "maintenance_window",
    "operation_policy",
    "controlplane_log_components",
    "controlplane_log_ttl",
    "controlplane_log_project",
    "audit_log_config",
    "encryption_provider_key",
)
"""Fields that are noted and described back, without an effect on the real cluster."""

SECTIONS_SHOWN_BACK = ("maintenance_window", "operation_policy", "audit_log_config")

VERSION = re.compile(r"1\.\d{2}\.\d+-aliyun\.\d+|1\.\d{2}(\.\d+)?")


@dataclass
class CsService(AddonActions, ReportActions, Service):
    """Managed clusters."""

    name: ClassVar[str] = "CS"
    version: ClassVar[str] = "2015-12-15"
    hosts: ClassVar[tuple[str, ...]] = ("cs",)

    context: Context
    clusters: Clusters
    networks: Networks
    compute: Compute
    operations: Operations
    planner: NodePlanner
    log_stores: LogStores

    def start(self) -> None:
        """Bring back the clusters and nodes that should be there."""
        self.operations.resume()

    def stop(self) -> None:
        """Let the running step finish."""
        self.operations.stop()

    @action("CreateCluster", CREATE, method="POST", path="/clusters")
    def create_cluster(self, call: Call) -> Answer:
        """Make a cluster; it boots in the background."""
        parameters, region = call.parameters, check_region(call.region)
        parameters.choice("cluster_type", "ManagedKubernetes", ("ManagedKubernetes",))
        vpc_id, vswitch_ids = self.check_network(call)
        version = parameters.text("kubernetes_version", DEFAULT_VERSION)
        if VERSION.fullmatch(version) is None:
            raise invalid("kubernetes_version", version, f"it looks like {DEFAULT_VERSION}")
        group_id = parameters.text("security_group_id")
        if group_id and self.compute.security_groups.get(group_id) is None:
            raise invalid("security_group_id", group_id, "there is no such group")
        addons = addons_of(parameters.raw("addons") or [])
        now = self.context.clock.now()
        identifier = "c" + random_text(32, "0123456789abcdef")
        resource_group = parameters.text("resource_group_id", default_resource_group(self.context))
        cluster = Cluster(
            identifier=identifier,
            region=region,
            name=parameters.required("name"),
            created=now,
            updated=now,
            state="initial",
            version=version,
            profile=parameters.text("profile", "Default"),
            cluster_spec=parameters.text("cluster_spec", "ack.pro.small"),
            vpc_id=vpc_id,
            vswitch_ids=vswitch_ids,
            security_group_id=group_id or new_identifier("sg", region),
            owns_security_group=not group_id,
            resource_group_id=resource_group,
            load_balancer_id=new_identifier("lb", region),
            deletion_protection=parameters.boolean("deletion_protection"),
            public_endpoint=parameters.boolean("endpoint_public_access"),
            rrsa=parameters.boolean("enable_rrsa"),
            addons=addons,
            tags=tags("tags", parameters.raw("tags")),
            request=shown_back(call, SHOWN_BACK),
        )
        with self.context.store.transaction():
            existing = self.clusters.clusters.list(region)
            if existing:
                raise cluster_quota(region, existing[0].identifier)
            self.context.slots.slot(region)
            cluster = cluster.model_copy(update={"request": self.with_log_stores(cluster, cluster.request)})
            self.clusters.clusters.put(identifier, cluster, region)
            if cluster.owns_security_group:
                self.put_security_group(cluster, enterprise=parameters.boolean("is_enterprise_security_group"))
            task = self.operations.new_task(identifier, identifier, "cluster_create")
        self.operations.submit(region, identifier, partial(self.operations.boot_cluster, identifier))
        return {"cluster_id": identifier, "task_id": task.identifier, "request_id": call.request_id}

    @action("DescribeClusterDetail", method="GET", path="/clusters/{cluster_id}")
    def describe_cluster_detail(self, call: Call) -> Answer:
        """One cluster."""
        return self.describe(self.find_cluster(call))

    @action(
        "DescribeClustersV1",
        "name cluster_id cluster_type profile region_id page_size page_number",
        method="GET",
        path="/api/v1/clusters",
    )
    def describe_clusters(self, call: Call) -> Answer:
        """All clusters (of a region)."""
        name, identifier = call.parameters.text("name"), call.parameters.text("cluster_id")
        found = [
            self.describe(cluster)
            for cluster in self.clusters.clusters.list(call.parameters.text("region_id") or None)
            if name in cluster.name and identifier in ("", cluster.identifier)
        ]
        return {
            "clusters": found,
            "page_info": {"page_number": 1, "page_size": max(1, len(found)), "total_count": len(found)},
        }

    @action(
        "ModifyCluster",
        "cluster_name deletion_protection resource_group_id enable_rrsa maintenance_window operation_policy "
        "vswitch_ids vpcid timezone security_group_id",
        method="PUT",
        path="/api/v2/clusters/{cluster_id}",
    )
    def modify_cluster(self, call: Call) -> Answer:
        """Change a cluster."""
        cluster, parameters = self.find_cluster(call), call.parameters
        changes: dict[str, Any] = {"updated": self.context.clock.now()}
        for parameter, field in (
            ("cluster_name", "name"),
            ("resource_group_id", "resource_group_id"),
            ("security_group_id", "security_group_id"),
        ):
            if parameters.text(parameter):
                changes[field] = parameters.text(parameter)
        if parameters.raw("deletion_protection") is not None:
            changes["deletion_protection"] = parameters.boolean("deletion_protection")
        if parameters.raw("enable_rrsa") is not None:
            changes["rrsa"] = parameters.boolean("enable_rrsa")
        if parameters.raw("vswitch_ids"):
            changes["vswitch_ids"] = self.check_network(call)[1]
        shown = shown_back(call, ("maintenance_window", "operation_policy", "timezone"))
        changes["request"] = cluster.request | shown
        self.clusters.update_cluster(cluster.identifier, **changes)
        task = self.operations.new_task(cluster.identifier, cluster.identifier, "cluster_modify")
        step = partial(self.operations.boot_cluster, cluster.identifier)
        self.operations.submit(cluster.region, cluster.identifier, step)
        return {"cluster_id": cluster.identifier, "task_id": task.identifier, "request_id": call.request_id}

    @action("ModifyClusterTags", "body", method="POST", path="/clusters/{cluster_id}/tags")
    def modify_cluster_tags(self, call: Call) -> Answer:
        """Replace a cluster's tags."""
        cluster = self.find_cluster(call)
        self.clusters.update_cluster(cluster.identifier, tags=tags("body", call.parameters.raw("body")))
        return {}

    @action(
        "DeleteCluster",
        "retain_resources retain_all_resources keep_slb delete_options",
        method="DELETE",
        path="/clusters/{cluster_id}",
    )
    def delete_cluster(self, call: Call) -> Answer:
        """Delete a cluster with its pools; what it made for itself goes too."""
        cluster = self.find_cluster(call)
        if cluster.deletion_protection:
            raise deletion_protected(cluster.identifier)
        with self.context.store.transaction():
            self.clusters.update_cluster(cluster.identifier, state="deleting", updated=self.context.clock.now())
            if cluster.owns_security_group:
                self.compute.security_groups.delete(cluster.security_group_id)
            task = self.operations.new_task(cluster.identifier, cluster.identifier, "cluster_delete")
        step = partial(self.operations.delete_cluster, cluster.identifier)
        self.operations.submit(cluster.region, cluster.identifier, step)
        return {"cluster_id": cluster.identifier, "task_id": task.identifier, "request_id": call.request_id}

    def describe(self, cluster: Cluster) -> dict[str, Any]:
        """A cluster as the service describes it, with what the real one says of itself once it runs."""
        kubeconfig = issuer = ""
        if cluster.answers:
            backend = self.operations.backend(cluster.region)
            kubeconfig, issuer = backend.kubeconfig(), backend.issuer
        return describe_cluster(self.context, self.clusters, cluster, kubeconfig, issuer)

    def check_network(self, call: Call) -> tuple[str, list[str]]:
        """The network and switches that the call names, which must belong together."""
        vswitch_ids = texts("vswitch_ids", call.parameters.raw("vswitch_ids"))
        if not vswitch_ids:
            raise invalid("vswitch_ids", vswitch_ids, "name at least one vswitch")
        vpc_id = ""
        for identifier in vswitch_ids:
            vswitch = self.networks.vswitches.get(identifier)
            if vswitch is None or vpc_id not in ("", vswitch.vpc_id):
                raise invalid("vswitch_ids", identifier, "it is not a switch of the cluster's network")
            vpc_id = vswitch.vpc_id
        named = call.parameters.text("vpcid", vpc_id)
        if named != vpc_id:
            raise invalid("vpcid", named, f"the vswitches belong to {vpc_id}")
        return vpc_id, vswitch_ids

    def put_security_group(self, cluster: Cluster, *, enterprise: bool) -> None:
        """Make the group that ACK makes for a cluster that is given none."""
        group = SecurityGroup(
            identifier=cluster.security_group_id,
            region=cluster.region,
            created=cluster.created,
            name=f"alicloud-cs-auto-created-security-group-{cluster.identifier}",
            description="security group of ACK Cluster",
            vpc_id=cluster.vpc_id,
            resource_group_id=cluster.resource_group_id,
            kind="enterprise" if enterprise else "normal",
        )
        self.compute.security_groups.put(group.identifier, group, group.region)

    def uses(self, identifier: str) -> str | None:
        """The cluster that uses this network, switch or group, if any."""
        for cluster in self.clusters.clusters.list():
            if identifier in (cluster.vpc_id, cluster.security_group_id, *cluster.vswitch_ids):
                return cluster.identifier
        return None

    def status(self) -> dict[str, Any]:
        """What the status page shows."""
        nodes = self.clusters.nodes.list()
        regions = {cluster.region for cluster in self.clusters.clusters.list()}
        return {
            "clusters": [
                {
                    "id": cluster.identifier,
                    "name": cluster.name,
                    "region": cluster.region,
                    "state": cluster.state,
                    "reason": cluster.reason,
                    "identity_webhook": cluster.rrsa or cluster.has_addon(RRSA_ADDON),
                }
                for cluster in self.clusters.clusters.list()
            ],
            "nodes": {node.name: ("Ready" if node.ready else "NotReady") for node in nodes if not node.simulated},
            "simulated_nodes": dict(Counter(node.region for node in nodes if node.simulated)),
            "real_nodes_a_region": {region: self.planner.limits.real_nodes(region) for region in sorted(regions)},
        }


def shown_back(call: Call, names: Iterable[str]) -> dict[str, Any]:
    """The fields of the request that are described back; sections must be objects, and texts no objects."""
    found: dict[str, Any] = {}
    for name in names:
        value = call.parameters.raw(name)
        if value is None:
            continue
        if name in SECTIONS_SHOWN_BACK:
            found[name] = section(call, name)
        elif name == "controlplane_log_components":
            found[name] = texts(name, value)
        else:
            found[name] = call.parameters.text(name)
    return found
