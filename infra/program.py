"""The composition root: which components make a platform or a business stack, and what each exports."""

from __future__ import annotations

import pulumi
import pulumi_alicloud as alicloud

from infra.components.cluster import Cluster, ClusterArgs
from infra.components.identity import Identity, IdentityArgs
from infra.components.network import Network, NetworkArgs
from infra.components.node_pool import NodePool, NodePoolArgs
from infra.components.object_store import ObjectStore, ObjectStoreArgs
from infra.components.tenancy import Tenancy, TenancyArgs
from infra.components.traffic import Traffic, TrafficArgs
from infra.components.training import Training, TrainingArgs
from infra.naming import TRAINING, BusinessNames, PlatformNames
from infra.platform_reference import PlatformReference, PlatformRegionOutputs
from infra.providers import cloud_provider, cluster_provider
from infra.settings import Business, BusinessRegion, Platform, PlatformRegion, StackSettings
from infra.tags import cloud_tags


def deploy(settings: StackSettings) -> None:
    """Provision what the settings say and export what people and other stacks need."""
    if settings.business is None:
        _deploy_platform(settings.platform)
    else:
        _deploy_business(settings.platform, settings.business)


# ---- platform


def _deploy_platform(platform: Platform) -> None:
    regions: dict[str, dict[str, object]] = {}
    kubeconfigs: dict[str, pulumi.Output[str]] = {}
    providers = {region.name: cloud_provider(region.name, platform.account_type) for region in platform.regions}
    home = providers[platform.regions[0].name]
    _check_account(platform, home)
    zone = alicloud.dns.AlidnsDomain(
        "zone",
        domain_name=platform.zone.name,
        remark="Names of the language-model businesses",
        tags=cloud_tags(platform.owner, extra=platform.tags),
        opts=pulumi.ResourceOptions(provider=home, protect=platform.protection.zone),
    )
    for region in platform.regions:
        network, cluster = _platform_region(platform, region, providers[region.name])
        regions[region.name] = {
            "cluster_id": cluster.cluster_id,
            "network_id": network.network_id,
            "switch_ids": network.switch_ids,
            "identity_provider": cluster.identity_provider,
            "identity_issuer": cluster.identity_issuer,
        }
        kubeconfigs[region.name] = cluster.kubeconfig
        pulumi.export("account", cluster.identity_provider.apply(_account_of))
    pulumi.export("zone", zone.domain_name)
    pulumi.export("zone_servers", zone.dns_servers)
    pulumi.export("regions", regions)
    pulumi.export("kubeconfigs", pulumi.Output.secret(kubeconfigs))


def _platform_region(
    platform: Platform, region: PlatformRegion, provider: alicloud.Provider
) -> tuple[Network, Cluster]:
    names = PlatformNames(platform.organization, region.name)
    tags = cloud_tags(platform.owner, extra=platform.tags)
    options = pulumi.ResourceOptions(providers=[provider])
    network = Network(region.name, NetworkArgs(names, region.network, tags), options)
    arguments = ClusterArgs(names, region.cluster, network, platform.protection.cluster, tags)
    return network, Cluster(region.name, arguments, options)


# ---- a business


def _deploy_business(platform: Platform, business: Business) -> None:
    reference = PlatformReference(business.platform)
    deployed = {region.name: reference.region(region.name) for region in business.regions}
    providers = {region.name: cloud_provider(region.name, platform.account_type) for region in business.regions}
    _check_account(platform, providers[business.regions[0].name])
    regions = {
        region.name: _business_region(platform, business, region, providers[region.name], deployed[region.name])
        for region in business.regions
    }
    pulumi.export("business", business.name)
    pulumi.export("dns_name", f"{business.name}.{platform.zone.name}")
    pulumi.export("regions", regions)


def _business_region(
    platform: Platform,
    business: Business,
    region: BusinessRegion,
    cloud: alicloud.Provider,
    outputs: PlatformRegionOutputs,
) -> dict[str, pulumi.Input[str]]:
    """A region's copy of the business; returns where its things are."""
    names = BusinessNames(platform.organization, business.name, region.name)
    tags = cloud_tags(business.owner, business.name, business.tags)
    cluster = cluster_provider(region.name, outputs.kubeconfig, outputs.cluster_id)
    in_cloud = pulumi.ResourceOptions(providers=[cloud])
    in_cluster = pulumi.ResourceOptions(providers=[cluster])
    in_both = pulumi.ResourceOptions(providers=[cloud, cluster])
    name = f"{business.name}-{region.name}"
    network = next(item.network for item in platform.regions if item.name == region.name)

    pool = NodePool(name, NodePoolArgs(names, region.nodes, outputs.cluster_id, outputs.switch_ids, tags), in_cloud)
    tenancy = Tenancy(name, TenancyArgs(names, business.quota, business.container_defaults, network), in_cluster)
    store = ObjectStore(name, ObjectStoreArgs(names, business.storage, business.protection.data, tags), in_cloud)
    identity = Identity(
        f"{name}-{TRAINING}",
        IdentityArgs(names, TRAINING, tenancy.namespace, outputs.identity_provider, outputs.identity_issuer, tags),
        in_both,
    )
    access = store.grant_read_write_to(identity)
    arguments = TrainingArgs(names, business.training, tenancy.namespace, identity, [pool, tenancy, access])
    training = Training(name, arguments, in_cluster)
    entry = TrafficArgs(names, outputs.zone, business.dns.ttl_seconds, region.bandwidth_megabits, tags)
    traffic = Traffic(name, entry, in_cloud)
    return {
        "namespace": tenancy.namespace,
        "bucket": store.bucket_name,
        "models": pulumi.Output.concat("oss://", store.bucket_name, "/models/"),
        "role": identity.role_arn,
        "entry_address": traffic.address,
        "dns_name": traffic.dns_name,
        "training_deployment": training.deployment_name,
        "logs": pulumi.Output.concat(
            "kubectl --namespace ", tenancy.namespace, " logs --follow deployment/", training.deployment_name
        ),
    }


# ---- guard


def _check_account(platform: Platform, provider: alicloud.Provider) -> None:
    """Refuse credentials of another account than the one that the settings name, when they name one.

    Asked before anything is made, so that a shell with the wrong credentials changes nothing.
    """
    if platform.account is None:
        return
    try:
        account = alicloud.get_account(opts=pulumi.InvokeOptions(provider=provider)).id
    except Exception as error:  # the SDK raises plain Exception when a call fails
        reason = str(error).rsplit(": ", 1)[-1]
        raise pulumi.RunError(
            f"Alibaba Cloud did not say whose credentials these are: {reason}; nothing was changed; way out: check "
            "ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, and that its STS service can be reached"
        ) from error
    if account != platform.account:
        raise pulumi.RunError(
            f"these credentials belong to the account {account}, the stack files to {platform.account} "
            "(`account` in the platform's stack file); nothing was changed; way out: switch credentials"
        )


def _account_of(arn: str) -> str:
    """The account in the middle of a resource name such as acs:ram::1234567890123456:role/x."""
    return arn.split(":")[3]
