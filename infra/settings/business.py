"""Settings of a business stack: the only file that a business team edits."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from infra.settings.base import OwnerName, RegionName, Settings, ShortName, TagKey, TagValue, option
from trainer.config import ModelSettings, ResourceRequest, ScheduleSettings


class Autoscaling(Settings):
    """Limits between which the pool follows the load."""

    minimum: int = option(
        "Fewest nodes.", default=0, unit="nodes", why="Nothing is paid while nothing runs.", ge=0, le=500
    )
    maximum: int = option("Most nodes.", unit="nodes", why="It caps the bill.", ge=1, le=500)


class TrainingNodes(Settings):
    """A region's GPU nodes: tainted and labelled for this business alone."""

    instance_type: str = option(
        "ECS instance type with GPUs.",
        default="ecs.gn6i-c4g1.xlarge",
        why="The smallest with a whole GPU (NVIDIA T4, 4 vCPUs, 15 GiB).",
        pattern=r"^ecs\.[a-z0-9]+(-[a-z0-9]+)?\.[a-z0-9]+$",
    )
    count: int | None = option(
        "Fixed number of nodes. Give either this or `autoscaling`.",
        default=None,
        unit="nodes",
        why="None: the two ways exclude each other.",
        ge=0,
        le=500,
    )
    autoscaling: Autoscaling | None = option(
        "Let the pool follow the load between two limits. Give either this or `count`.",
        default=None,
        why="None: the two ways exclude each other.",
    )
    disk_gibibytes: int = option(
        "System disk of a node (encrypted).",
        default=120,
        unit="GiB",
        why="Room for several versions of the trainer's image of 2 GB; ACK's own default.",
        ge=40,
        le=2048,
    )

    @property
    def maximum(self) -> int:
        """Most nodes that the pool can have."""
        return self.autoscaling.maximum if self.autoscaling else (self.count or 0)

    @model_validator(mode="after")
    def _one_way_of_sizing(self) -> Self:
        if (self.count is None) == (self.autoscaling is None):
            given = "both were given" if self.autoscaling else "neither was given"
            raise ValueError(f"give exactly one of `count` and `autoscaling`: {given}")
        return self


class BusinessRegion(Settings):
    """What the business has in one region."""

    name: RegionName = option("Region; one of the platform's.", why="Where this business's users are.")
    nodes: TrainingNodes = option("The region's GPU nodes.", why="The bill is mostly theirs, so they are stated.")
    bandwidth_megabits: int = option(
        "Peak bandwidth of the region's public address.",
        default=5,
        unit="Mbit/s",
        why="Billed by traffic, so the peak only caps the damage of an attack; enough for 1,000 answers a second.",
        ge=1,
        le=200,
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
    load_balancers: int = option(
        "Services of type LoadBalancer.",
        default=0,
        unit="services",
        why="Each is billed; entry is the public address.",
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


class Backup(Settings):
    """How long overwritten and deleted objects stay recoverable (versioning and lifecycle rules of the bucket)."""

    retention_days: int = option(
        "How long an overwritten or deleted object can be brought back.",
        default=90,
        unit="days",
        why="A quarter: long enough to notice a bad model and go back.",
        ge=1,
        le=3650,
    )
    infrequent_access_after_days: int = option(
        "When an old version moves to the Infrequent Access class.",
        default=30,
        unit="days",
        why="That class bills at least 30 days, so moving earlier rarely saves.",
        ge=1,
        le=3650,
    )
    archive_after_days: int | None = option(
        "When an old version moves on to the Archive class, where reading it needs a restore of about a minute.",
        default=None,
        unit="days",
        why="None: worth it only with a long retention.",
        ge=1,
        le=3650,
    )
    incomplete_upload_days: int = option(
        "When the parts of an unfinished upload are removed.",
        default=3,
        unit="days",
        why="An upload never takes longer; parts are billed though nobody sees them.",
        ge=1,
        le=30,
    )


class Storage(Settings):
    """The business's data bucket in each region."""

    encryption: Literal["AES256", "KMS"] = option(
        "Encryption at rest: with keys of OSS, or with a key of the Key Management Service.",
        default="AES256",
        why="Costs nothing and needs no key to look after.",
    )
    kms_key: str | None = option(
        "Id of the KMS key. Only with `encryption: KMS`.",
        default=None,
        why="None: OSS's default KMS key.",
        pattern=r"^[A-Za-z0-9-]{8,64}$",
    )
    backup: Backup = option("Versions and their lifecycle.", default=Backup(), why="A quarter of history.")

    @model_validator(mode="after")
    def _key_only_with_kms(self) -> Self:
        if self.kms_key and self.encryption != "KMS":
            raise ValueError("`kms_key` has no effect with `encryption: AES256`")
        return self


class Training(Settings):
    """The training job: an ElasticDL run that the `training` deployment starts and follows."""

    image: str = option(
        "The trainer's image, with its tag.",
        why="Pinned, so that a node that comes later runs the same program.",
        pattern=r"^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+(:[A-Za-z0-9_.-]{1,128}|@sha256:[0-9a-f]{64})$",
    )
    job_name: str = option(
        "Name of the ElasticDL job; its pods are `elasticdl-NAME-worker-0` and so on.",
        default="language-model",
        why="The product's own name for it.",
        pattern=r"^[a-z]([-a-z0-9]{0,30}[a-z0-9])?$",
    )
    workers: int = option("Workers.", default=2, unit="pods", why="The loss of one leaves one at work.", ge=1, le=256)
    parameter_servers: int = option(
        "Parameter servers.", default=1, unit="pods", why="One serves a vocabulary of 30,000 with ease.", ge=1, le=64
    )
    worker: ResourceRequest = option(
        "What a worker requests.",
        default=ResourceRequest(cpu=1.0, memory_mebibytes=4096, gpu=1),
        why="The product's `cpu=1,memory=4096Mi,gpu=1`.",
    )
    parameter_server: ResourceRequest = option(
        "What a parameter server requests.",
        default=ResourceRequest(cpu=0.5, memory_mebibytes=2048),
        why="It holds the embedding tables in memory and needs no GPU.",
    )
    master: ResourceRequest = option(
        "What the ElasticDL master requests.",
        default=ResourceRequest(cpu=0.25, memory_mebibytes=1024),
        why="It hands out tasks and evaluates.",
    )
    launcher: ResourceRequest = option(
        "What the pod of the `training` deployment requests.",
        default=ResourceRequest(cpu=0.25, memory_mebibytes=2048),
        why="It evaluates and exports the finished model, which loads TensorFlow.",
    )
    model: ModelSettings = option("The network.", default=ModelSettings(), why="The product's defaults.")
    schedule: ScheduleSettings = option(
        "How long and in which portions to train.", default=ScheduleSettings(), why="The product's defaults."
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

    name: ShortName = option(
        "Name of the business: its namespace, its DNS name, and a part of every object's name. Don't change it later: "
        "everything would be made anew.",
        why="It tells the businesses apart.",
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
    storage: Storage = option("The data bucket.", default=Storage(), why="Versioned, encrypted, a quarter of history.")
    training: Training = option("The training job.", why="The image must be named.")
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
