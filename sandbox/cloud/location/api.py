"""The Location service, API version 2015-06-12: the address of every emulated service is the emulator's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sandbox.cloud.core.service import Answer, Call, Service, action


@dataclass
class LocationService(Service):
    """Endpoints of services."""

    name: ClassVar[str] = "Location"
    version: ClassVar[str] = "2015-06-12"
    hosts: ClassVar[tuple[str, ...]] = ("location", "location-readonly")

    endpoint: str

    @action("DescribeEndpoints", "Id ServiceCode Type")
    def describe_endpoints(self, call: Call) -> Answer:
        """The emulator's address, for whatever service and region."""
        region, code = call.parameters.required("Id"), call.parameters.required("ServiceCode")
        endpoint = {
            "Id": region,
            "ServiceCode": code,
            "SerivceCode": code,
            "Namespace": "",
            "Type": call.parameters.text("Type", "openAPI"),
            "Endpoint": self.endpoint,
            "Protocols": {"Protocols": ["HTTPS"]},
        }
        return {"Success": True, "Endpoints": {"Endpoint": [endpoint]}}
