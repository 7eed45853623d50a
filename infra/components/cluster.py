"""A region's managed Kubernetes cluster (ACK): private API, workload identity, a fence-enforcing network plugin."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_alicloud as alicloud

from infra.components import TYPE_PREFIX
from infra.components.cluster_logs import ClusterLogs
from infra.components.network import Network
from infra.components.node_firewall import NodeFirewall
from infra.components.secrets_key import SecretsKey
from infra.naming import PlatformNames
from infra.settings.platform import Cluster as ClusterSettings

ADDONS: Mapping[str, dict[str, str]] = {
    "terway-eniip": {"IPVlan": "false", "NetworkPolicy": "true"},  # the plugin that enforces NetworkPolicy on ACK
    "csi-plugin": {},
    "csi-provisioner": {},
    "ack-pod-identity-webhook": {},  # gives pods their RAM role
    "metrics-server": {},  # what the servers' autoscaler measures by
}
FIXED = ("securityGroupId", "isEnterpriseSecurityGroup", "encryptionProviderKey")
"""What a change of would replace the cluster or rewrite its Secrets: an older cluster keeps what it was made with."""
CONTROL_PLANE = ("apiserver", "kcm", "scheduler", "ccm")
TIME_ZONE = "Asia/Shanghai"  # what ACK answers when none is given: said, so that no preview shows a change
GRACEFUL_SECONDS = 14400  # ACK's default, said for the same reason
FIRST_WINDOW = "2026-01-04"  # ACK wants a date too; only the time of day and the weekday count


@dataclass(frozen=True)
class ClusterArgs:
    """What a cluster is made from."""

    names: PlatformNames
    settings: ClusterSettings
    network: Network
    node_firewall: NodeFirewall
    logs: ClusterLogs
    secrets_key: SecretsKey | None
    protect: bool
    tags: Mapping[str, str]


class Cluster(pulumi.ComponentResource):
    """A region's cluster without nodes: each business brings its own."""

    cluster_id: pulumi.Output[str]
    kubeconfig: pulumi.Output[str]
    identity_provider: pulumi.Output[str]
    identity_issuer: pulumi.Output[str]

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(f"{TYPE_PREFIX}:Cluster", name, None, opts)
        maintenance = args.settings.maintenance
        cluster = alicloud.cs.ManagedKubernetes(
            f"{name}-cluster",
            name=args.names.cluster,
            version=args.settings.kubernetes_version,
            cluster_spec=args.settings.specification,
            vswitch_ids=args.network.switch_ids,
            pod_vswitch_ids=args.network.pod_switch_ids,
            service_cidr=str(args.settings.service_addresses),
            proxy_mode="ipvs",
            timezone=TIME_ZONE,
            slb_internet_enabled=args.settings.public_endpoint,
            new_nat_gateway=False,
            enable_rrsa=True,
            skip_set_certificate_authority=True,  # else the state holds the administrator's key
            security_group_id=args.node_firewall.group_id,
            encryption_provider_key=args.secrets_key.key_id if args.secrets_key else None,
            audit_log_config=alicloud.cs.ManagedKubernetesAuditLogConfigArgs(
                enabled=True, sls_project_name=args.logs.project_name
            ),
            control_plane_log_components=list(CONTROL_PLANE),
            control_plane_log_project=args.logs.project_name,
            control_plane_log_ttl=str(args.settings.log_retention_days),
            deletion_protection=args.protect,
            addons=[
                alicloud.cs.ManagedKubernetesAddonArgs(name=addon, config=json.dumps(config) if config else None)
                for addon, config in ADDONS.items()
            ],
            maintenance_window=alicloud.cs.ManagedKubernetesMaintenanceWindowArgs(
                enable=True,
                weekly_period=maintenance.weekday,
                maintenance_time=f"{FIRST_WINDOW}T{maintenance.start}:00.000+08:00",
                duration=f"{maintenance.hours}h",
            ),
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect, ignore_changes=list(FIXED)),
        )
        idle = f"{args.settings.scale_down_after_minutes}m"
        alicloud.cs.AutoscalingConfig(
            f"{name}-autoscaling",
            cluster_id=cluster.id,
            scaler_type="cluster-autoscaler",
            cool_down_duration=idle,
            unneeded_duration=idle,
            scan_interval="30s",
            utilization_threshold="0.5",
            gpu_utilization_threshold="0.5",
            expander="least-waste",
            scale_down_enabled=True,
            scale_up_from_zero=True,
            max_graceful_termination_sec=GRACEFUL_SECONDS,
            opts=pulumi.ResourceOptions(parent=self),
        )
        credential = alicloud.cs.get_cluster_credential_output(
            cluster_id=cluster.id, opts=pulumi.InvokeOutputOptions(parent=self)
        )
        self.cluster_id = cluster.id
        self.kubeconfig = pulumi.Output.secret(credential.kube_config)
        self.identity_provider = cluster.rrsa_metadata.ram_oidc_provider_arn
        self.identity_issuer = cluster.rrsa_metadata.rrsa_oidc_issuer_url
        self.register_outputs({"cluster_id": self.cluster_id})
