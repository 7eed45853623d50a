"""What makes a business: in each of its regions nodes, fences, buckets, training and an entry; and what joins them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_alicloud as alicloud

from controllers.config.backup import BACKUP_COPIED, BACKUP_NAME
from controllers.config.monitor import MONITOR_NAME
from controllers.config.traffic import TRAFFIC_NAME
from infra import regions
from infra.account import check_account
from infra.bucket_rules import backup_rules, version_rules
from infra.components.backup import Backup, BackupArgs
from infra.components.identity import Identity, IdentityArgs
from infra.components.monitor import Monitor, MonitorArgs
from infra.components.node_pool import NodePool, NodePoolArgs
from infra.components.object_store import AccessLog, Encryption, ObjectStore, ObjectStoreArgs
from infra.components.observability import Observability, ObservabilityArgs
from infra.components.serving import Serving, ServingArgs
from infra.components.tenancy import Tenancy, TenancyArgs
from infra.components.traffic import Traffic, TrafficArgs
from infra.components.traffic_controller import TrafficController, TrafficControllerArgs
from infra.components.training import Training, TrainingArgs
from infra.components.training_lease import TrainingLease, TrainingLeaseArgs
from infra.naming import BACKUPS, BUCKETS, DATA, MODELS, SERVING, TRAINING, BusinessNames
from infra.platform_reference import PlatformReference, PlatformRegionOutputs
from infra.providers import cloud_provider, cluster_provider
from infra.settings import Business, BusinessRegion, Platform
from infra.settings.keeping import Backup as BackupSettings
from infra.settings.keeping import TrafficController as TrafficControllerSettings
from infra.settings.monitor import Monitor as MonitorSettings
from infra.tags import cloud_tags
from trainer.config import LeaseSettings

INCIDENTS = "incidents/"
"""Where the monitor writes what happened."""
Places = dict[str, pulumi.Input[object]]


def deploy_business(platform: Platform, business: Business) -> None:
    """Provision the business in each of its regions and export where its things are."""
    reference = PlatformReference(business.platform)
    deployed = {region.name: reference.region(region.name) for region in business.regions}
    clouds = {region.name: cloud_provider(region.name, platform.account_type) for region in business.regions}
    check_account(platform.account, reference.account, clouds[business.regions[0].name])
    made = {
        region.name: RegionOfBusiness(platform, business, region, clouds[region.name], deployed[region.name])
        for region in business.regions
    }
    if business.traffic_controller is not None:
        addresses = {name: region.traffic.address for name, region in made.items()}
        for region in made.values():
            region.control_traffic(business.traffic_controller, addresses)
    for source, target in regions.pairs(business).items():
        for kind in BUCKETS:
            made[source].replicate(kind, made[target])
    pulumi.export("business", business.name)
    pulumi.export("dns_name", f"{business.name}.{platform.zone.name}")
    pulumi.export("training_region", regions.training_region(business))
    pulumi.export("regions", {name: region.places for name, region in made.items()})


@dataclass
class RegionOfBusiness:
    """A region's copy of the business. Making one provisions it; `places` says where its things are."""

    platform: Platform
    business: Business
    region: BusinessRegion
    cloud: alicloud.Provider
    outputs: PlatformRegionOutputs

    def __post_init__(self) -> None:
        business, region, outputs = self.business, self.region, self.outputs
        self.name = f"{business.name}-{region.name}"
        self.names = BusinessNames(self.platform.organization, business.name, region.name)
        self.tags = cloud_tags(business.owner, business.name, business.tags)
        cluster = cluster_provider(region.name, outputs.kubeconfig, outputs.cluster_id)
        self.in_cloud = pulumi.ResourceOptions(providers=[self.cloud])
        self.in_cluster = pulumi.ResourceOptions(providers=[cluster])
        self.in_both = pulumi.ResourceOptions(providers=[self.cloud, cluster])
        self.network = next(item.network for item in self.platform.regions if item.name == region.name)

        self.pools = {TRAINING: self._pool(TRAINING), SERVING: self._pool(SERVING)}
        self.tenancy = Tenancy(
            self.name,
            TenancyArgs(
                self.names, business.quota, business.container_defaults, self.network, business.serving.server.port
            ),
            self.in_cluster,
        )
        self.buckets = {kind: self._bucket(kind) for kind in BUCKETS}
        self.traffic = self._traffic()
        self.training = self._training()
        self.serving = self._serving()
        self._observability()
        if business.monitor is not None:
            self._monitor(business.monitor)
        if business.backup is not None:
            self._backup(business.backup)
        self.places = self._places()

    def _pool(self, kind: str) -> NodePool:
        settings = self.region.training_nodes if kind == TRAINING else self.region.serving_nodes
        arguments = NodePoolArgs(
            self.names, kind, settings, self.outputs.cluster_id, self.outputs.switch_ids, self.tags
        )
        return NodePool(f"{self.name}-{kind}", arguments, _formerly(self.in_cloud, self.name, kind == TRAINING))

    def _bucket(self, kind: str) -> ObjectStore:
        storage, bucket = self.business.storage, self.names.bucket(kind)
        versions = storage.versions
        arguments = ObjectStoreArgs(
            bucket=bucket,
            lifecycle=backup_rules(versions, storage.backups) if kind == BACKUPS else version_rules(versions),
            protect=self.business.protection.data,
            tags=self.tags,
            encryption=Encryption(storage.encryption, self.region.kms_key),
            access_log=AccessLog(self.outputs.access_logs_bucket, f"{bucket}/"),
        )
        return ObjectStore(f"{self.name}-{kind}", arguments, _formerly(self.in_cloud, self.name, kind == DATA))

    def _identity(self, workload: str, *, uses_api: bool) -> Identity:
        arguments = IdentityArgs(
            names=self.names,
            service_account=workload,
            namespace=self.tenancy.namespace,
            identity_provider=self.outputs.identity_provider,
            identity_issuer=self.outputs.identity_issuer,
            tags=self.tags,
            uses_api=uses_api,
        )
        return Identity(f"{self.name}-{workload}", arguments, self.in_both)

    def _training(self) -> Training:
        # ElasticDL's master and parameter servers talk to the API server.
        identity = self._identity(TRAINING, uses_api=True)
        access = [
            self.buckets[kind].grant_read_write_to(identity, self.names.policy(TRAINING, kind))
            for kind in (DATA, MODELS)
        ]
        lease = self._lease()
        if lease is not None:
            reach = TrainingLeaseArgs(self.names, lease, self.tenancy.namespace, identity, self.network)
            access.append(TrainingLease(self.name, reach, self.in_both).access)
        arguments = TrainingArgs(
            names=self.names,
            settings=self.business.training,
            namespace=self.tenancy.namespace,
            identity=identity,
            needs=[*self.pools.values(), self.tenancy, *access],
            lease=lease,
            active=self._trains,
        )
        return Training(self.name, arguments, self.in_cluster)

    def _lease(self) -> LeaseSettings | None:
        region = regions.lease_region(self.business)
        if region is None:
            return None
        bucket = BusinessNames(self.platform.organization, self.business.name, region).bucket(DATA)
        return LeaseSettings(bucket=bucket, region=region, seconds=self.business.training.lease_seconds)

    def _serving(self) -> Serving:
        identity = self._identity(SERVING, uses_api=False)
        access = self.buckets[MODELS].grant_read_to(identity, self.names.policy(SERVING, MODELS))
        arguments = ServingArgs(
            names=self.names,
            business=self.business,
            namespace=self.tenancy.namespace,
            identity=identity,
            load_balancer_id=self.traffic.load_balancer_id,
            needs=[self.pools[SERVING], self.tenancy, access],
        )
        return Serving(self.name, arguments, self.in_cluster)

    def _observability(self) -> None:
        seconds = self.business.serving.server.requests.timeout_seconds
        arguments = ObservabilityArgs(self.names, self.tenancy.namespace, seconds)
        Observability(self.name, arguments, self.in_cluster)

    def _monitor(self, settings: MonitorSettings) -> None:
        identity = self._identity(MONITOR_NAME, uses_api=True)
        policy = self.names.policy(MONITOR_NAME, DATA)
        access = self.buckets[DATA].grant_read_write_to(identity, policy, prefix=INCIDENTS)
        arguments = MonitorArgs(
            names=self.names,
            settings=settings,
            training=self.business.training,
            namespace=self.tenancy.namespace,
            identity=identity,
            needs=[self.pools[SERVING], self.tenancy, access],
            active=self._trains,
        )
        Monitor(self.name, arguments, self.in_cluster)

    def _backup(self, settings: BackupSettings) -> None:
        identity = self._identity(BACKUP_NAME, uses_api=True)
        policy = self.names.policy
        access = [self.buckets[kind].grant_backup_from(identity, policy(BACKUP_NAME, kind)) for kind in (DATA, MODELS)]
        access.append(self.buckets[BACKUPS].grant_backup_to(identity, policy(BACKUP_NAME, BACKUPS), self.region.name))
        needs = [self.pools[SERVING], self.tenancy, *access]
        arguments = BackupArgs(self.names, settings, self.tenancy.namespace, identity, needs)
        Backup(self.name, arguments, self.in_both)

    def replicate(self, kind: str, target: RegionOfBusiness) -> None:
        """Copy a bucket to the one of another region. A model's deletion is not carried over; backups are deleted when
        they are old, and their old versions stay there too."""
        prefixes = [f"{self.region.name}/{part}" for part in BACKUP_COPIED] if kind == BACKUPS else []
        self.buckets[kind].replicate_to(
            target.buckets[kind], target.region.name, removals=kind != MODELS, prefixes=prefixes
        )

    def control_traffic(self, settings: TrafficControllerSettings, addresses: Mapping[str, pulumi.Input[str]]) -> None:
        """Have the region's records switched; by the entries of all regions, which must be there."""
        arguments = TrafficControllerArgs(
            names=self.names,
            settings=settings,
            namespace=self.tenancy.namespace,
            identity=self._identity(TRAFFIC_NAME, uses_api=True),
            zone=self.platform.zone.name,
            addresses=addresses,
            lines=regions.lines(self.business),
            network=self.network,
            needs=[self.pools[SERVING], self.tenancy],
        )
        TrafficController(self.name, arguments, self.in_both)

    @property
    def _trains(self) -> bool:
        return self.region.name == regions.training_region(self.business)

    def _traffic(self) -> Traffic:
        arguments = TrafficArgs(
            names=self.names,
            zone=self.outputs.zone,
            ttl_seconds=self.business.dns.ttl_seconds,
            records=list(regions.records(self.business, self.region.name)),
            bandwidth_megabits=self.region.bandwidth_megabits,
            tags=self.tags,
        )
        return Traffic(self.name, arguments, self.in_cloud)

    def _places(self) -> Places:
        namespace, deployment = self.tenancy.namespace, self.training.deployment_name
        models = self.buckets[MODELS].bucket_name
        return {
            "namespace": namespace,
            "bucket": self.buckets[DATA].bucket_name,
            "buckets": {kind: bucket.bucket_name for kind, bucket in self.buckets.items()},
            "models": pulumi.Output.concat("oss://", models, "/models/"),
            "role": self.training.identity.role_arn,
            "entry_address": self.traffic.address,
            "dns_name": self.traffic.dns_name,
            "training_deployment": deployment,
            "serving_deployment": self.serving.deployment_name,
            "logs": pulumi.Output.concat("kubectl --namespace ", namespace, " logs --follow deployment/", deployment),
        }


def _formerly(options: pulumi.ResourceOptions, name: str, was: bool) -> pulumi.ResourceOptions:
    """The options of a component that had this name when there was one of its kind in a region; its children follow."""
    aliases = pulumi.ResourceOptions(aliases=[pulumi.Alias(name=name)] if was else None)
    return pulumi.ResourceOptions.merge(options, aliases)
