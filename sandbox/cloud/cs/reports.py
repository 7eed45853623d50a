"""Actions that tell of a cluster: its kubeconfig, what it uses, what is logged."""

from __future__ import annotations

import datetime

from sandbox.cloud.core.clock import iso
from sandbox.cloud.core.service import Answer, Call, action
from sandbox.cloud.cs.errors import cluster_state
from sandbox.cloud.cs.node_pools import NodePoolActions

KUBECONFIG_LIFETIME = datetime.timedelta(days=3 * 365)


class ReportActions(NodePoolActions):
    """What can be asked of a cluster."""

    @action(
        "DescribeClusterUserKubeconfig",
        "PrivateIpAddress TemporaryDurationMinutes",
        method="GET",
        path="/k8s/{cluster_id}/user_config",
    )
    def describe_user_kubeconfig(self, call: Call) -> Answer:
        """The real cluster's kubeconfig. Its certificate's lifetime is the region's, whatever duration is asked for."""
        cluster = self.find_cluster(call)
        if cluster.state != "running":
            raise cluster_state(cluster.identifier, cluster.state)
        minutes = call.parameters.integer("TemporaryDurationMinutes", 0, 0, 4320)
        lifetime = datetime.timedelta(minutes=minutes) if minutes else KUBECONFIG_LIFETIME
        expires = iso(self.context.clock.now() + lifetime)
        return {"config": self.operations.backend(cluster.region).kubeconfig(), "expiration": expires}

    @action(
        "DescribeClusterResources",
        "with_addon_resources",
        method="GET",
        path="/clusters/{cluster_id}/resources",
    )
    def describe_cluster_resources(self, call: Call) -> Answer:
        """What the cluster uses of other services."""
        cluster = self.find_cluster(call)
        kinds = {
            "SLB": cluster.load_balancer_id,
            "VPC": cluster.vpc_id,
            "SecurityGroup": cluster.security_group_id,
        }
        return [
            {
                "cluster_id": cluster.identifier,
                "resource_type": kind,
                "instance_id": identifier,
                "resource_info": "",
                "state": "CREATE_COMPLETE",
                "auto_create": 1 if kind == "SLB" or (kind == "SecurityGroup" and cluster.owns_security_group) else 0,
                "created": iso(cluster.created),
            }
            for kind, identifier in kinds.items()
        ]

    @action("CheckControlPlaneLogEnable", method="GET", path="/clusters/{cluster_id}/controlplanelog")
    def check_control_plane_log(self, call: Call) -> Answer:
        """Which control-plane logs are to be kept (they are not: the sandbox has no log service yet)."""
        request = self.find_cluster(call).request
        return {
            "aliuid": self.context.accounts.account_id,
            "components": request.get("controlplane_log_components") or [],
            "log_project": request.get("controlplane_log_project") or "",
            "log_ttl": str(request.get("controlplane_log_ttl") or ""),
        }

    @action("GetClusterAuditProject", method="GET", path="/clusters/{cluster_id}/audit")
    def get_audit_project(self, call: Call) -> Answer:
        """Whether the audit log is on."""
        config = self.find_cluster(call).request.get("audit_log_config") or {}
        return {
            "audit_enabled": bool(config.get("enabled")),
            "sls_project_name": str(config.get("sls_project_name") or ""),
        }
