"""The ECS service, API version 2014-05-26."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from sandbox.cloud.core.context import Context
from sandbox.cloud.core.regions import REGIONS, check_region, zones
from sandbox.cloud.core.service import Answer, Call, Service, action
from sandbox.cloud.ecs.instance_types import INSTANCE_TYPES, InstanceType
from sandbox.cloud.ecs.model import Compute
from sandbox.cloud.ecs.rules import RuleActions

DISK_CATEGORIES = ["cloud_essd", "cloud_auto", "cloud_efficiency", "cloud_ssd"]


@dataclass
class EcsService(RuleActions, Service):
    """Security groups, zones and instance types."""

    name: ClassVar[str] = "Ecs"
    version: ClassVar[str] = "2014-05-26"
    hosts: ClassVar[tuple[str, ...]] = ("ecs", *(f"ecs-{region}" for region in REGIONS))

    context: Context
    compute: Compute
    used_by: Callable[[str], str | None]

    @action("DescribeRegions", "AcceptLanguage ResourceType InstanceChargeType")
    def describe_regions(self, call: Call) -> Answer:
        """Every region of the emulated cloud."""
        regions = [
            {
                "RegionId": name,
                "LocalName": facts.local_name,
                "RegionEndpoint": f"ecs.{name}.aliyuncs.com",
                "Status": "available",
            }
            for name, facts in REGIONS.items()
        ]
        return {"Regions": {"Region": regions}}

    @action("DescribeZones", "AcceptLanguage InstanceChargeType SpotStrategy Verbose")
    def describe_zones(self, call: Call) -> Answer:
        """The zones of a region; every zone sells every instance type."""
        types = sorted(INSTANCE_TYPES)
        found = [
            {
                "ZoneId": zone,
                "LocalName": zone,
                "ZoneType": "AvailabilityZone",
                "AvailableInstanceTypes": {"InstanceTypes": types},
                "AvailableDiskCategories": {"DiskCategories": DISK_CATEGORIES},
                "AvailableResourceCreation": {"ResourceTypes": ["VSwitch", "IoOptimized", "Instance", "Disk"]},
                "AvailableVolumeCategories": {"VolumeCategories": []},
                "DedicatedHostGenerations": {"DedicatedHostGeneration": []},
                "AvailableDedicatedHostTypes": {"DedicatedHostType": []},
                "AvailableResources": {"ResourcesInfo": []},
            }
            for zone in zones(check_region(call.region))
        ]
        return {"Zones": {"Zone": found}}

    @action(
        "DescribeAvailableResource",
        "DestinationResource InstanceChargeType SpotStrategy IoOptimized InstanceType ZoneId SystemDiskCategory "
        "NetworkCategory ResourceType Cores Memory",
    )
    def describe_available_resource(self, call: Call) -> Answer:
        """What can be bought in each zone: the instance types, or the disks, asked for."""
        parameters = call.parameters
        wanted_zone, wanted_type = parameters.text("ZoneId"), parameters.text("InstanceType")
        disks = parameters.text("DestinationResource") in ("SystemDisk", "DataDisk")
        values = DISK_CATEGORIES if disks else [item for item in sorted(INSTANCE_TYPES) if wanted_type in ("", item)]
        kind = parameters.text("DestinationResource", "InstanceType") if disks else "InstanceType"
        resource = {
            "Type": kind,
            "SupportedResources": {
                "SupportedResource": [
                    {
                        "Value": value,
                        "Status": "Available",
                        "StatusCategory": "WithStock",
                        "Min": 0,
                        "Max": 0,
                        "Unit": "",
                    }
                    for value in values
                ]
            },
        }
        found = [
            {
                "ZoneId": zone,
                "RegionId": call.region,
                "Status": "Available",
                "StatusCategory": "WithStock",
                "AvailableResources": {"AvailableResource": [resource]},
            }
            for zone in zones(check_region(call.region))
            if wanted_zone in ("", zone)
        ]
        return {"AvailableZones": {"AvailableZone": found}}

    @action("DescribeInstanceTypes", "InstanceTypes InstanceTypeFamily MaxResults NextToken")
    def describe_instance_types(self, call: Call) -> Answer:
        """The instance types and their sizes."""
        wanted, family = call.parameters.texts("InstanceTypes"), call.parameters.text("InstanceTypeFamily")
        found = [
            describe_instance_type(item)
            for item in INSTANCE_TYPES.values()
            if (not wanted or item.name in wanted) and family in ("", item.family)
        ]
        return {"InstanceTypes": {"InstanceType": found}, "NextToken": ""}

    @action("TagResources", "ResourceType ResourceId Tag")
    def tag_resources(self, call: Call) -> Answer:
        """Add tags."""
        for identifier in call.parameters.texts("ResourceId"):
            self.compute.tags.add(call.parameters.required("ResourceType"), identifier, call.parameters.tags())
        return {}

    @action("UntagResources", "ResourceType ResourceId TagKey All")
    def untag_resources(self, call: Call) -> Answer:
        """Remove tags."""
        for identifier in call.parameters.texts("ResourceId"):
            self.compute.tags.remove(
                call.parameters.required("ResourceType"),
                identifier,
                call.parameters.texts("TagKey"),
                every=call.parameters.boolean("All"),
            )
        return {}

    @action("ListTagResources", "ResourceType ResourceId NextToken")
    def list_tag_resources(self, call: Call) -> Answer:
        """The tags of resources."""
        records = self.compute.tags.records(
            call.parameters.required("ResourceType"), call.parameters.texts("ResourceId")
        )
        return {"TagResources": {"TagResource": records}, "NextToken": ""}


def describe_instance_type(item: InstanceType) -> dict[str, Any]:
    """An instance type as the cloud describes it."""
    return {
        "InstanceTypeId": item.name,
        "InstanceTypeFamily": item.family,
        "CpuCoreCount": item.cpu_cores,
        "MemorySize": float(item.memory_gibibytes),
        "GPUAmount": item.gpus,
        "GPUSpec": item.gpu_model,
        "CpuArchitecture": "X86",
        "EniQuantity": 4,
        "EniPrivateIpAddressQuantity": 10,
    }
