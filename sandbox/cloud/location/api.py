"""The Location service, API version 2015-06-12: the address of every emulated service is the emulator's own.

Except where a client puts a name in front of the endpoint (log service), takes none with a port (container registry),
or names its region nowhere else (KMS): those get the real host name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sandbox.cloud.core.service import Answer, Call, Service, action

BY_NAME = {
    "sls": "{region}.log.aliyuncs.com",
    "acr": "cr.{region}.aliyuncs.com",
    "kms": "kms.{region}.aliyuncs.com",
}
"""Endpoints by service code, that are host names: clients reach them by the cloud's proxy."""


@dataclass
class LocationService(Service):
    """Endpoints of services."""

    name: ClassVar[str] = "Location"
    version: ClassVar[str] = "2015-06-12"
    hosts: ClassVar[tuple[str, ...]] = ("location", "location-readonly")

    endpoint: str

    @action("DescribeEndpoints", "Id ServiceCode Type")
    def describe_endpoints(self, call: Call) -> Answer:
        """The emulator's address, for nearly every service and every region."""
        region, code = call.parameters.required("Id"), call.parameters.required("ServiceCode")
        endpoint = {
            "Id": region,
            "ServiceCode": code,
            "SerivceCode": code,
            "Namespace": "",
            "Type": call.parameters.text("Type", "openAPI"),
            "Endpoint": BY_NAME.get(code.lower(), self.endpoint).format(region=region),
            "Protocols": {"Protocols": ["HTTPS"]},
        }
        return {"Success": True, "Endpoints": {"Endpoint": [endpoint]}}
