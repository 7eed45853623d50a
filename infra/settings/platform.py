"""Settings of the platform stack: what all businesses share."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Literal

from infra.settings.base import (
    AccountId,
    OwnerName,
    RegionName,
    Settings,
    ShortName,
    TagKey,
    TagValue,
    ZoneName,
    option,
)
from infra.settings.version import CURRENT, Version

Edition = Literal["free", "personal", "enterprise-ultimate"]
MINIMUM_TTL_SECONDS: dict[str, int] = {"free": 600, "personal": 600, "enterprise-ultimate": 1}
"""Smallest time to live of a record by edition of its zone (Alibaba Cloud DNS, "How to configure TTL")."""


class Zone(Settings):
    """The DNS zone under which each business has its name."""

    name: str = option(
        "Name of the zone, for example `language.example.com`.",
        why="Only the enterprise knows which domain it owns.",
        pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$",
        max_length=190,
    )
    edition: Edition = option(
        "Edition of Alibaba Cloud DNS that serves the zone; it limits the time to live of records.",
        default="free",
        why="Costs nothing, and a time to live of 600 s is enough until a second region stands by.",
    )


class Switch(Settings):
    """A switch: the part of the network that lies in one zone."""

    zone: ZoneName = option("Zone of the switch, for example `cn-hangzhou-i`.", why="Zones differ by region.")
    addresses: IPv4Network = option(
        "Addresses of the switch, a block of the network's.", why="Nodes and cloud endpoints take addresses from it."
    )
    pod_addresses: IPv4Network = option(
        "Addresses of the pods on this zone's nodes, another block of the network's.",
        why="Terway, the network plugin that enforces NetworkPolicy on ACK, gives pods addresses of the VPC.",
    )


class Network(Settings):
    """A region's network (VPC)."""

    addresses: IPv4Network = option(
        "Addresses of the VPC: a private block that is not used elsewhere in the enterprise.",
        why="It must not meet the ranges of networks that it will be connected to.",
    )
    switches: tuple[Switch, ...] = option(
        "One switch a zone, at most one in each.",
        why="ACK spreads its control plane over them: three zones survive the loss of one.",
        min_length=1,
        max_length=5,
    )
    egress_megabits: int = option(
        "Peak bandwidth of the region's way to the internet (NAT gateway).",
        default=20,
        unit="Mbit/s",
        why="Billed by traffic. Images, object storage and STS are reached inside the network; little goes this way.",
        ge=1,
        le=200,
    )


class Maintenance(Settings):
    """When ACK may upgrade its own components."""

    weekday: Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"] = option(
        "Day of the week.", default="Sunday", why="The day with the fewest users."
    )
    start: str = option(
        "Start, a full hour, in China Standard Time (UTC+08:00).",
        default="03:00",
        why="The hour with the fewest users.",
        pattern=r"^([01][0-9]|2[0-3]):00$",
    )
    hours: int = option("Length.", default=3, unit="hours", why="What ACK recommends.", ge=1, le=24)


class Cluster(Settings):
    """A region's managed Kubernetes cluster (ACK)."""

    kubernetes_version: str = option(
        "Kubernetes version, with ACK's suffix.",
        default="1.34.1-aliyun.1",
        why="The newest that this program was tried with.",
        pattern=r"^1\.[0-9]{2}\.[0-9]{1,2}-aliyun\.[0-9]+$",
    )
    specification: Literal["ack.standard", "ack.pro.small"] = option(
        "Edition of the managed control plane.",
        default="ack.pro.small",
        why="The Pro edition has an availability agreement and encrypts secrets.",
    )
    service_addresses: IPv4Network = option(
        "Addresses of Kubernetes Services.",
        default=IPv4Network("10.96.0.0/16"),
        why="Kubernetes's usual range; inside the cluster only.",
    )
    public_endpoint: bool = option(
        "Let the API server be reached from the internet too.",
        default=False,
        why="Deployers reach it inside the network or over a VPN; what is not open cannot be attacked.",
    )
    scale_down_after_minutes: int = option(
        "How long a node must have been idle before the autoscaler removes it.",
        default=10,
        unit="minutes",
        why="ACK's own default: shorter pays for more starts than it saves.",
        ge=1,
        le=1440,
    )
    encrypt_secrets: bool = option(
        "Encrypt Secrets with a key of KMS before they are stored. Only with `specification: ack.pro.small`; a cluster "
        "keeps what it was made with.",
        default=True,
        why="Whoever reads a disk or a backup of the control plane reads no Secret. Costs a key a month.",
    )
    log_retention_days: int = option(
        "How long audit log, control plane's and containers' logs are kept.",
        default=180,
        unit="days",
        why="China's Cybersecurity Law, article 21, asks for at least six months.",
        ge=1,
        le=3000,
    )
    maintenance: Maintenance = option(
        "Maintenance window.", default=Maintenance(), why="Upgrades only when few users are about."
    )


class PlatformRegion(Settings):
    """A region with its network and its cluster."""

    name: RegionName = option("Region, for example `cn-hangzhou`.", why="Where the users are.")
    network: Network = option("The region's network.", why="Address plans differ by enterprise.")
    cluster: Cluster = option("The region's cluster.", default=Cluster(), why="The defaults below suit most.")


class AccessLogs(Settings):
    """The record of who read and wrote which object of the region's buckets; businesses cannot change it."""

    retention_days: int = option(
        "How long it is kept.",
        default=180,
        unit="days",
        why="China's Cybersecurity Law, article 21, asks for at least six months.",
        ge=1,
        le=3650,
    )


class PlatformProtection(Settings):
    """What may not be deleted by mistake."""

    cluster: bool = option(
        "Keep the clusters: neither Pulumi nor ACK deletes one. To delete one after all: write `false`, run "
        "`pulumi up`, and then destroy.",
        default=True,
        why="All businesses of a region go down with its cluster.",
    )
    access_logs: bool = option(
        "Keep the access logs' buckets: Pulumi does not delete them. To delete one after all: write `false`, run "
        "`pulumi up`, empty the bucket, and then destroy.",
        default=True,
        why="They are the evidence of who read what; the law asks for half a year of them.",
    )
    logs: bool = option(
        "Keep the log projects: Pulumi does not delete them. To delete one after all: write `false`, run `pulumi up`, "
        "and then destroy.",
        default=True,
        why="They are the evidence of who changed what in the cluster.",
    )
    keys: bool = option(
        "Keep the keys: Pulumi does not delete them. To delete one after all: write `false`, run `pulumi up`, and then "
        "destroy; KMS itself waits another 30 days.",
        default=True,
        why="Without its key a cluster's Secrets are lost.",
    )
    zone: bool = option(
        "Keep the DNS zone: Pulumi does not delete it. To delete it after all: write `false`, run `pulumi up`, "
        "and then destroy.",
        default=True,
        why="Deleting it takes every business off the network.",
    )


class Platform(Settings):
    """The platform stack."""

    settings_version: Version = option(
        "Version of this file's form. An older file is brought up to date by `python -m infra.settings upgrade FILE`.",
        why=f"So that an old file is never half understood; this program reads version {CURRENT}.",
    )
    organization: ShortName = option(
        "Short name of the enterprise: the first part of every cloud object's name.",
        why="Bucket names are shared by all customers of OSS, so they need a part of the enterprise's own.",
    )
    owner: OwnerName = option(
        "Who answers for the platform: a team's name or mail address. Becomes a tag.",
        why="An object without an owner is never cleaned up.",
    )
    account: AccountId | None = option(
        "Alibaba Cloud account id that the stacks belong to. With it, `pulumi up` and `pulumi preview` stop before the "
        "first resource when the credentials are another account's.",
        default=None,
        why="Optional, so that the same stack file can first be tried in another account.",
    )
    account_type: Literal["Domestic", "International"] = option(
        "Site that the account is registered on: `Domestic` (aliyun.com) or `International` (alibabacloud.com).",
        default="Domestic",
        why="The first stacks are in China. Unsaid, the provider asks the billing service at every start.",
    )
    registry_namespace: str = option(
        "Namespace of the image registry in each region; a part of every image's name.",
        default="language-models",
        why="All customers share these names, so yours may have to differ.",
        pattern=r"^[a-z0-9]+([._-][a-z0-9]+)*$",
        min_length=2,
        max_length=30,
    )
    zone: Zone = option("The DNS zone.", why="Each business gets a name under it.")
    regions: tuple[PlatformRegion, ...] = option(
        "Regions with a cluster.", why="At least one; each is independent of the others.", min_length=1, max_length=8
    )
    access_logs: AccessLogs = option(
        "Access logs of the buckets.", default=AccessLogs(), why="Half a year, as the law asks."
    )
    protection: PlatformProtection = option(
        "What may not be deleted by mistake.", default=PlatformProtection(), why="All protected."
    )
    tags: dict[TagKey, TagValue] = option(
        "Further tags of every cloud object.",
        default={},
        why="None needed; for your own cost accounting.",
        max_length=10,
    )
