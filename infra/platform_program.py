"""What makes a platform: the zone, and in each region the network, the cluster and what all businesses stand on."""

from __future__ import annotations

import pulumi
import pulumi_alicloud as alicloud

from infra.account import account_of, check_account, deployed_account
from infra.bucket_rules import access_log_rules
from infra.components.cluster import Cluster, ClusterArgs
from infra.components.cluster_logs import ClusterLogs, ClusterLogsArgs
from infra.components.egress import Egress, EgressArgs
from infra.components.ground_rules import GroundRules, GroundRulesArgs
from infra.components.network import Network, NetworkArgs
from infra.components.node_firewall import NodeFirewall, NodeFirewallArgs
from infra.components.object_store import ObjectStore, ObjectStoreArgs
from infra.components.registry import Registry, RegistryArgs
from infra.components.secrets_key import SecretsKey, SecretsKeyArgs
from infra.naming import PlatformNames
from infra.providers import cloud_provider, cluster_provider
from infra.settings import Platform, PlatformRegion
from infra.tags import cloud_tags


def deploy_platform(platform: Platform) -> None:
    """Provision the platform and export what business stacks and people need."""
    providers = {region.name: cloud_provider(region.name, platform.account_type) for region in platform.regions}
    home = providers[platform.regions[0].name]
    check_account(platform.account, deployed_account(), home)
    zone = alicloud.dns.AlidnsDomain(
        "zone",
        domain_name=platform.zone.name,
        remark="Names of the language-model businesses",
        tags=cloud_tags(platform.owner, extra=platform.tags),
        opts=pulumi.ResourceOptions(provider=home, protect=platform.protection.zone),
    )
    regions: dict[str, dict[str, object]] = {}
    kubeconfigs: dict[str, pulumi.Output[str]] = {}
    for region in platform.regions:
        regions[region.name], cluster = _region(platform, region, providers[region.name])
        kubeconfigs[region.name] = cluster.kubeconfig
        pulumi.export("account", cluster.identity_provider.apply(account_of))
    pulumi.export("zone", zone.domain_name)
    pulumi.export("zone_servers", zone.dns_servers)
    pulumi.export("regions", regions)
    pulumi.export("kubeconfigs", pulumi.Output.secret(kubeconfigs))


def _region(
    platform: Platform, region: PlatformRegion, provider: alicloud.Provider
) -> tuple[dict[str, object], Cluster]:
    """A region of the platform, and what it exports."""
    names = PlatformNames(platform.organization, region.name)
    tags = cloud_tags(platform.owner, extra=platform.tags)
    in_cloud = pulumi.ResourceOptions(providers=[provider])
    addresses, egress_megabits = str(region.network.addresses), region.network.egress_megabits

    network = Network(region.name, NetworkArgs(names, region.network, tags), in_cloud)
    egress = Egress(f"{region.name}-egress", EgressArgs(names, network, addresses, egress_megabits, tags), in_cloud)
    firewall = NodeFirewall(region.name, NodeFirewallArgs(names, network, addresses, tags), in_cloud)
    registry = Registry(f"{region.name}-registry", RegistryArgs(platform.registry_namespace), in_cloud)
    logs = ClusterLogs(
        f"{region.name}-logs",
        ClusterLogsArgs(names, region.cluster.log_retention_days, platform.protection.logs, tags),
        in_cloud,
    )
    key = SecretsKeyArgs(names, platform.protection.keys, tags)
    secrets_key = SecretsKey(f"{region.name}-secrets", key, in_cloud) if region.cluster.encrypt_secrets else None
    cluster = Cluster(
        region.name,
        ClusterArgs(names, region.cluster, network, firewall, logs, secrets_key, platform.protection.cluster, tags),
        in_cloud,
    )
    access_logs = ObjectStore(
        f"{region.name}-access-logs",
        ObjectStoreArgs(
            bucket=names.access_logs,
            lifecycle=access_log_rules(platform.access_logs.retention_days),
            protect=platform.protection.access_logs,
            tags=tags,
        ),
        in_cloud,
    )
    inside = cluster_provider(region.name, cluster.kubeconfig, cluster.cluster_id)
    GroundRules(f"{region.name}-ground-rules", GroundRulesArgs(), pulumi.ResourceOptions(providers=[inside]))
    return {
        "cluster_id": cluster.cluster_id,
        "network_id": network.network_id,
        "switch_ids": network.switch_ids,
        "egress_address": egress.address,
        "identity_provider": cluster.identity_provider,
        "identity_issuer": cluster.identity_issuer,
        "access_logs_bucket": access_logs.bucket_name,
        "log_project": logs.project_name,
        "registry_namespace": registry.namespace,
    }, cluster
