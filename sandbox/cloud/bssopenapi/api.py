"""The billing service, API version 2017-12-14. The sandbox sells nothing, so every listing is empty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sandbox.cloud.core.service import Answer, Call, Service, action


@dataclass
class BssOpenApiService(Service):
    """Subscriptions, of which there are none."""

    name: ClassVar[str] = "BssOpenApi"
    version: ClassVar[str] = "2017-12-14"
    hosts: ClassVar[tuple[str, ...]] = ("business",)

    @action("QueryAvailableInstances", "PageNum PageSize ProductCode ProductType SubscriptionType InstanceIDs Region")
    def query_available_instances(self, call: Call) -> Answer:
        """No subscription; the answer's success alone tells the Terraform provider that the account is domestic."""
        size = call.parameters.integer("PageSize", 20, 1, 300)
        data = {"PageNum": 1, "PageSize": size, "TotalCount": 0, "InstanceList": []}
        return {"Success": True, "Code": "Success", "Message": "Success", "Data": data}
