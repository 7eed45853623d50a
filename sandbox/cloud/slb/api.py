"""The classic load balancer service, API version 2014-05-15."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sandbox.cloud.core.context import Context
from sandbox.cloud.core.errors import invalid_parameter
from sandbox.cloud.core.service import Answer, Call, Service, action
from sandbox.cloud.slb.lifecycle import BalancerLifecycle
from sandbox.cloud.slb.listeners import ListenerActions
from sandbox.cloud.slb.load_balancers import LoadBalancerActions
from sandbox.cloud.slb.model import RESOURCE_TYPE, Balancers


@dataclass
class SlbService(LoadBalancerActions, ListenerActions, Service):
    """Load balancers with the tag actions."""

    name: ClassVar[str] = "Slb"
    version: ClassVar[str] = "2014-05-15"
    hosts: ClassVar[tuple[str, ...]] = ("slb",)

    context: Context
    balancers: Balancers
    lifecycle: BalancerLifecycle

    @action("TagResources", "ResourceType ResourceId Tag")
    def tag_resources(self, call: Call) -> Answer:
        """Add tags to load balancers."""
        for identifier in self._tagged(call):
            self.lifecycle.find(identifier, call.region)
            self.balancers.tags.add(RESOURCE_TYPE, identifier, call.parameters.tags())
        return {}

    @action("UntagResources", "ResourceType ResourceId TagKey All")
    def untag_resources(self, call: Call) -> Answer:
        """Remove tags of load balancers."""
        keys, every = call.parameters.texts("TagKey"), call.parameters.boolean("All")
        for identifier in self._tagged(call):
            self.balancers.tags.remove(RESOURCE_TYPE, identifier, keys, every=every)
        return {}

    @action("ListTagResources", "ResourceType ResourceId NextToken")
    def list_tag_resources(self, call: Call) -> Answer:
        """The tags of load balancers, in one page."""
        call.parameters.text("NextToken")
        return {"TagResources": {"TagResource": self.balancers.tags.records(RESOURCE_TYPE, self._tagged(call))}}

    def _tagged(self, call: Call) -> list[str]:
        kind = call.parameters.required("ResourceType").lower()
        if kind != RESOURCE_TYPE:
            raise invalid_parameter("ResourceType", kind, f"it must be {RESOURCE_TYPE}")
        return call.parameters.texts("ResourceId")

    def status(self) -> dict[str, Any]:
        """What the status page shows."""
        return {"addresses": {item.address: item.identifier for item in self.balancers.load_balancers.list()}}
