"""Domain objects of the load balancer service and where they are kept."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from sandbox.cloud.core.store import Repository, Store
from sandbox.cloud.core.tags import Tags

AddressType = Literal["internet", "intranet"]
RESOURCE_TYPE = "instance"
"""What the service's tag actions call a load balancer."""
DEFAULT_SPECIFICATION = "slb.s1.small"


class Backend(BaseModel):
    """A server that listeners send to."""

    model_config = ConfigDict(frozen=True)

    server_id: str
    weight: int = 100
    kind: str = "ecs"
    address: str = ""
    description: str = ""


class LoadBalancer(BaseModel):
    """A load balancer. `manager` names the cluster whose Service owns it; empty for one that a person made."""

    model_config = ConfigDict(frozen=True)

    identifier: str
    region: str
    created: datetime.datetime
    name: str
    address: str
    address_type: AddressType
    vpc_id: str = ""
    vswitch_id: str = ""
    bandwidth: int = 5120
    specification: str = DEFAULT_SPECIFICATION
    internet_charge_type: str = "paybytraffic"
    pay_type: str = "PayOnDemand"
    instance_charge_type: str = "PayBySpec"
    address_ip_version: str = "ipv4"
    master_zone: str
    slave_zone: str
    resource_group_id: str
    status: str = "active"
    delete_protection: str = "off"
    modification_protection: str = "NonProtection"
    modification_protection_reason: str = ""
    backends: list[Backend] = []
    manager: str = ""


class Listener(BaseModel):
    """A listener. `settings` are those of its protocol by their wire names."""

    model_config = ConfigDict(frozen=True)

    load_balancer_id: str
    protocol: str
    port: int
    backend_port: int
    status: str = "stopped"
    description: str = ""
    settings: dict[str, str | int] = {}

    @property
    def key(self) -> str:
        """Its identifier in the store, which is also the one that Terraform gives it."""
        return f"{self.load_balancer_id}:{self.protocol}:{self.port}"


@dataclass
class Balancers:
    """All that the load balancer service keeps."""

    store: Store

    def __post_init__(self) -> None:
        self.load_balancers = Repository(self.store, "load-balancer", LoadBalancer)
        self.listeners = Repository(self.store, "load-balancer-listener", Listener)
        self.tags = Tags(self.store, "slb")

    def listeners_of(self, identifier: str) -> list[Listener]:
        """The listeners of a load balancer, oldest first."""
        return self.listeners.list(load_balancer_id=identifier)

    def user_of(self, vswitch_id: str) -> str | None:
        """A load balancer that has its address from this switch."""
        found = self.load_balancers.list(vswitch_id=vswitch_id)
        return found[0].identifier if found else None
