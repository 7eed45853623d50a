"""Settings of a business stack: the only file that a business team edits."""

from __future__ import annotations

from controllers.config.drills import DrillObjectives
from infra.settings.base import DnsLine, OwnerName, RegionName, Settings, ShortName, TagKey, TagValue, option
from infra.settings.keeping import Backup, TrafficController
from infra.settings.monitor import Monitor
from infra.settings.nodes import Autoscaling, ServingNodes, TrainingNodes
from infra.settings.serving import Serving
from infra.settings.storage import Storage
from infra.settings.training import Training
from infra.settings.version import CURRENT, Version
from trainer.config import BusinessKind

DEFAULT_LINE = "default"


class BusinessRegion(Settings):
    """What the business has in one region."""

    name: RegionName = option("Region; one of the platform's.", why="Where this business's users are.")
    lines: tuple[DnsLine, ...] = option(
        "Parts of the network whose users this region is nearest to, by the DNS service's line codes (`default` is "
        "everybody else; others are `telecom`, `unicom`, `mobile`, `edu`, `oversea`). Each line stands in one region; "
        "in the others its record stands by.",
        why="Exactly one region must take `default`; which carriers are nearest is known to who runs the business.",
        max_length=32,
    )
    training_nodes: TrainingNodes = option(
        "The region's GPU nodes.",
        default=TrainingNodes(autoscaling=Autoscaling(minimum=0, maximum=2)),
        why="From zero: in a region that stands by nothing is paid.",
    )
    serving_nodes: ServingNodes = option(
        "The region's nodes for servers and controllers.",
        default=ServingNodes(autoscaling=Autoscaling(minimum=1, maximum=3)),
        why="One node carries the default servers; more come with the load.",
    )
    bandwidth_megabits: int = option(
        "Peak bandwidth of the region's load balancer.",
        default=5,
        unit="Mbit/s",
        why="Billed by traffic, so the peak only caps the damage of an attack; enough for 1,000 answers a second.",
        ge=1,
        le=5000,
    )
    replicate_to: RegionName | None = option(
        "The paired region, to which the buckets are copied; one of this file's.",
        default=None,
        why="None: the next of `regions`, and for the last the first. Of two regions each has the other.",
    )
    kms_key: str | None = option(
        "Id of a KMS key of the region for the buckets. Only with `storage.encryption: KMS`.",
        default=None,
        why="None: OSS's default KMS key.",
        pattern=r"^[A-Za-z0-9-]{8,64}$",
    )


class Quota(Settings):
    """The most that the business may use of each region's cluster (ResourceQuota): its fence towards the others."""

    gpu: int = option("GPUs.", unit="GPUs", why="Equal to what the node pools hold.", ge=0, le=4000)
    cpu: float = option("CPUs that pods may request.", unit="cores", why="The sum of all pods'.", gt=0, le=64_000)
    memory_gibibytes: int = option(
        "Memory that pods may request.", unit="GiB", why="The sum of all pods'.", ge=1, le=512_000
    )
    pods: int = option("Pods.", default=50, unit="pods", why="A runaway controller stops here.", ge=1, le=10_000)
    volume_claims: int = option(
        "Persistent volume claims.", default=0, unit="claims", why="Data lives in object storage.", ge=0, le=1000
    )
    storage_gibibytes: int = option(
        "Storage that volume claims may request together.",
        default=0,
        unit="GiB",
        why="Data lives in object storage.",
        ge=0,
        le=1_000_000,
    )
    load_balancers: int = option(
        "Services of type LoadBalancer.",
        default=1,
        unit="services",
        why="Each is billed; the servers' entry is the one that is needed.",
        ge=0,
        le=50,
    )


class ContainerDefaults(Settings):
    """What a container gets that asks for nothing (LimitRange)."""

    cpu: float = option("CPU request.", default=0.1, unit="cores", why="Enough to start.", gt=0, le=16)
    memory_mebibytes: int = option(
        "Memory request and limit.",
        default=256,
        unit="MiB",
        why="Enough to start; small enough to be noticed.",
        ge=16,
        le=65_536,
    )


class Dns(Settings):
    """The business's name: `<business>.<the platform's zone>`."""

    ttl_seconds: int = option(
        "How long resolvers may keep an answer; the zone's edition sets the least.",
        default=600,
        unit="seconds",
        why="The least of the free edition.",
        ge=1,
        le=86_400,
    )


class BusinessProtection(Settings):
    """What may not be deleted by mistake."""

    data: bool = option(
        "Keep the buckets: Pulumi does not delete them. To delete one after all: write `false`, run `pulumi up`, empty "
        "the bucket (with its old versions), and then destroy.",
        default=True,
        why="They hold the only copy of data, checkpoints and models.",
    )


class Business(Settings):
    """A business stack."""

    settings_version: Version = option(
        "Version of this file's form. An older file is brought up to date by `python -m infra.settings upgrade FILE`.",
        why=f"So that an old file is never half understood; this program reads version {CURRENT}.",
    )
    name: ShortName = option(
        "Name of the business: its namespace, its DNS name, and a part of every object's name. Don't change it later: "
        "everything would be made anew.",
        why="It tells the businesses apart.",
    )
    kind: BusinessKind = option(
        "What the business does with its model, and thereby what its servers answer.",
        why="It cannot be told from the name; several businesses may be of one kind.",
    )
    owner: OwnerName = option(
        "Who answers for the business: a team's name or mail address. Becomes a tag.",
        why="An object without an owner is never cleaned up.",
    )
    platform: str = option(
        "Stack name of the platform that the business stands on; its stack file lies beside this one.",
        default="platform",
        why="There is one platform.",
        pattern=r"^[A-Za-z0-9_.-]{1,100}$",
    )
    regions: tuple[BusinessRegion, ...] = option(
        "Where the business runs.", why="Each region has a full copy of the business.", min_length=1, max_length=8
    )
    quota: Quota = option("The most that the business may use of a cluster.", why="It is the fence between businesses.")
    container_defaults: ContainerDefaults = option(
        "What a container gets that asks for nothing.", default=ContainerDefaults(), why="Small."
    )
    storage: Storage = option("The buckets.", default=Storage(), why="Versioned, encrypted, replicated.")
    training: Training = option("The training job.", why="The image must be named.")
    serving: Serving = option("What answers users.", default=Serving(), why="Two small servers a region.")
    monitor: Monitor | None = option(
        "The status monitor, which repairs the training.",
        default=None,
        why="None: nobody but ElasticDL's master replaces what is lost. Its image must be named.",
    )
    backup: Backup | None = option(
        "The backups of each region.",
        default=None,
        why="None: only the buckets' old versions and their copies in the paired region. Its image must be named.",
    )
    traffic_controller: TrafficController | None = option(
        "What leads users away from a dead region.",
        default=None,
        why="None: a dead region's users wait until somebody switches the records by hand. Its image must be named.",
    )
    drills: DrillObjectives = option(
        "Within how many seconds the business must be at work again in each drill; `python -m controllers.drill` fails "
        "one that takes longer.",
        default=DrillObjectives(),
        why="What the product promises; a smaller figure holds it to more.",
    )
    dns: Dns = option("The business's name.", default=Dns(), why="Right for the free edition.")
    protection: BusinessProtection = option(
        "What may not be deleted by mistake.", default=BusinessProtection(), why="All protected."
    )
    tags: dict[TagKey, TagValue] = option(
        "Further tags of every cloud object.",
        default={},
        why="None needed; for your own cost accounting.",
        max_length=10,
    )
