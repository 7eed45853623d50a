"""The billing service, API version 2017-12-14. Nothing costs anything, so every listing of what was sold is empty."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from sandbox.cloud.core.errors import invalid_parameter
from sandbox.cloud.core.service import Answer, Call, Service, action


@dataclass
class BssOpenApiService(Service):
    """Subscriptions, of which there are none."""

    name: ClassVar[str] = "BssOpenApi"
    version: ClassVar[str] = "2017-12-14"
    hosts: ClassVar[tuple[str, ...]] = ("business",)

    sellers: Mapping[str, Callable[[dict[str, str]], str]] = field(default_factory=dict)
    """By product type: makes an instance with the components bought, and returns its identifier."""

    @action(
        "CreateInstance",
        "ProductCode ProductType SubscriptionType Period RenewPeriod RenewalStatus Parameter Lang",
    )
    def create_instance(self, call: Call) -> Answer:
        """Buy an instance of another service; for how long, and whether renewed, is all one here: it stays."""
        parameters = call.parameters
        parameters.required("ProductCode")
        parameters.choice("SubscriptionType", "Subscription", ("Subscription", "PayAsYouGo"))
        parameters.choice("RenewalStatus", "ManualRenewal", ("AutoRenewal", "ManualRenewal", "NotRenewal"))
        parameters.integer("Period", 1, 1)
        parameters.integer("RenewPeriod", 1, 1)
        kind = parameters.required("ProductType")
        seller = self.sellers.get(kind)
        if seller is None:
            raise invalid_parameter("ProductType", kind, "the emulator sells " + ", ".join(sorted(self.sellers)))
        components = {item.get("Code", ""): item.get("Value", "") for item in parameters.records("Parameter")}
        identifier = seller(components)
        data = {"InstanceId": identifier, "OrderId": identifier}
        return {"Success": True, "Code": "Success", "Message": "Success", "Data": data}

    @action("QueryAvailableInstances", "PageNum PageSize ProductCode ProductType SubscriptionType InstanceIDs Region")
    def query_available_instances(self, call: Call) -> Answer:
        """No subscription; the answer's success alone tells the Terraform provider that the account is domestic."""
        size = call.parameters.integer("PageSize", 20, 1, 300)
        data = {"PageNum": 1, "PageSize": size, "TotalCount": 0, "InstanceList": []}
        return {"Success": True, "Code": "Success", "Message": "Success", "Data": data}
