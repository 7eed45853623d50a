"""Domain objects of the VPC service and where they are kept."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from sandbox.cloud.core.clock import Clock
from sandbox.cloud.core.store import Repository, Store
from sandbox.cloud.core.tags import Tags

SETTLING = datetime.timedelta(milliseconds=100)
"""How long a new resource is Pending: long enough to be seen, short enough not to be waited for."""


class Resource(BaseModel):
    """What all resources of the service have. Changed copies are made with `model_copy(update=...)`."""

    model_config = ConfigDict(frozen=True)

    identifier: str
    region: str
    created: datetime.datetime
    name: str = ""
    description: str = ""
    resource_group_id: str = ""

    def status(self, clock: Clock) -> str:
        """Pending just after creation, then Available."""
        return "Pending" if clock.now() - self.created < SETTLING else "Available"


class Vpc(Resource):
    """A network."""

    cidr_block: str
    secondary_cidr_blocks: list[str] = []
    user_cidrs: list[str] = []
    router_id: str
    route_table_id: str
    route_table_name: str = ""
    route_table_description: str = ""
    route_propagation: bool = True
    dns_hostnames: bool = False
    is_default: bool = False


class VSwitch(Resource):
    """A switch: a subnet of a network in one zone."""

    vpc_id: str
    zone_id: str
    cidr_block: str


class NatGateway(Resource):
    """A NAT gateway, through which switches reach the internet."""

    vpc_id: str
    vswitch_id: str
    nat_type: str
    charge_type: str
    internet_charge_type: str
    specification: str
    network_type: str
    eip_bind_mode: str
    snat_table_id: str
    forward_table_id: str
    private_address: str
    deletion_protection: bool = False
    icmp_reply: bool = True
    private_link: bool = False


class Eip(Resource):
    """An elastic public address, of the sandbox's address plan."""

    address: str
    bandwidth: str
    charge_type: str
    internet_charge_type: str
    isp: str
    netmode: str
    instance_id: str = ""
    instance_type: str = ""
    private_address: str = ""
    mode: str = "NAT"
    deletion_protection: bool = False

    def status(self, clock: Clock) -> str:
        """InUse while bound to an instance, otherwise Available."""
        return "InUse" if self.instance_id else "Available"


class PublicAddressClaim(BaseModel):
    """A public address that another service than this one has given away (a load balancer's)."""

    model_config = ConfigDict(frozen=True)

    address: str
    region: str
    instance_id: str


class SnatEntry(Resource):
    """A rule of a NAT gateway: what leaves a switch or range gets this public address."""

    snat_table_id: str
    nat_gateway_id: str
    snat_addresses: str
    source_vswitch_id: str
    source_cidr: str
    eip_affinity: int = 0


@dataclass
class Networks:
    """All that the VPC service keeps."""

    store: Store

    def __post_init__(self) -> None:
        self.vpcs = Repository(self.store, "vpc", Vpc)
        self.vswitches = Repository(self.store, "vswitch", VSwitch)
        self.nat_gateways = Repository(self.store, "nat-gateway", NatGateway)
        self.eips = Repository(self.store, "eip", Eip)
        self.address_claims = Repository(self.store, "public-address-claim", PublicAddressClaim)
        self.snat_entries = Repository(self.store, "snat-entry", SnatEntry)
        self.tags = Tags(self.store, "vpc")

    def vswitches_of(self, vpc_id: str) -> list[VSwitch]:
        """The switches of a network."""
        return self.vswitches.list(vpc_id=vpc_id)

    def nat_gateways_of(self, vpc_id: str) -> list[NatGateway]:
        """The NAT gateways of a network."""
        return self.nat_gateways.list(vpc_id=vpc_id)

    def snat_entries_of(self, snat_table_id: str) -> list[SnatEntry]:
        """The rules in a table of a NAT gateway."""
        return self.snat_entries.list(snat_table_id=snat_table_id)

    def eips_of(self, instance_id: str) -> list[Eip]:
        """The addresses bound to an instance."""
        return self.eips.list(instance_id=instance_id)
