"""Actions that tell of a cluster: its kubeconfig, what it uses."""

from __future__ import annotations

import datetime

from sandbox.cloud.core.clock import iso
from sandbox.cloud.core.service import Answer, Call, action
from sandbox.cloud.cs.errors import cluster_state
from sandbox.cloud.cs.log_settings import LogSettingActions

KUBECONFIG_LIFETIME = datetime.timedelta(days=3 * 365)


class ReportActions(LogSettingActions):
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
        if not cluster.answers:
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
