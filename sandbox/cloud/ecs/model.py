"""Domain objects of the ECS service and where they are kept."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from sandbox.cloud.core.store import Repository, Store
from sandbox.cloud.core.tags import Tags

Direction = Literal["ingress", "egress"]


class Permission(BaseModel):
    """A rule of a security group."""

    model_config = ConfigDict(frozen=True)

    identifier: str
    direction: Direction
    protocol: str
    port_range: str
    policy: str
    priority: int
    nic_type: str
    cidr: str = ""
    ipv6_cidr: str = ""
    group_id: str = ""
    group_owner: str = ""
    prefix_list_id: str = ""
    description: str = ""
    created: datetime.datetime

    def same_traffic(self, other: Permission) -> bool:
        """Whether both rules speak of the same packets; a group cannot hold two of those."""
        fields = ("direction", "protocol", "port_range", "policy", "nic_type", "cidr", "ipv6_cidr", "group_id")
        mine, its = (
            self.model_dump(include={*fields, "prefix_list_id"}),
            other.model_dump(include={*fields, "prefix_list_id"}),
        )
        return mine == its


class SecurityGroup(BaseModel):
    """A set of rules that interfaces belong to."""

    model_config = ConfigDict(frozen=True)

    identifier: str
    region: str
    created: datetime.datetime
    name: str
    description: str
    vpc_id: str
    resource_group_id: str
    kind: str
    inner_access: str = "Accept"
    permissions: list[Permission] = []


@dataclass
class Compute:
    """All that the ECS service keeps."""

    store: Store

    def __post_init__(self) -> None:
        self.security_groups = Repository(self.store, "security-group", SecurityGroup)
        self.tags = Tags(self.store, "ecs")
