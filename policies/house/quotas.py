"""What businesses may use fits what is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Network

from infra.instances import INSTANCE_TYPES
from policies.alibaba_cloud.containers import NODE_POOL
from policies.hardening.namespaces import RESOURCE_QUOTA
from policies.model import Level, Plan, Resource, Violation, plan_rule
from policies.values import UNKNOWN, as_number, items

SWITCH = "alicloud:vpc/switch:Switch"
PODS_SWITCH_SUFFIX = "-pods"
GPU = "requests.nvidia.com/gpu"


def _region(zone: object) -> str:
    """The region of a zone: `cn-hangzhou-h` lies in `cn-hangzhou`, `ap-southeast-1a` in `ap-southeast-1`."""
    return re.sub(r"-?[a-z]$", "", str(zone))


def _is_autoscaled(pool: Resource) -> bool:
    """A pool that was made has a scaling configuration even when it is off."""
    scaling = pool.at("scalingConfig")
    return scaling is UNKNOWN or (scaling is not None and pool.at("scalingConfig.enable") is not False)


@plan_rule(
    "quota-fits-the-nodes", source="capacity", level=Level.MANDATORY,
    description="The GPUs of a stack's quotas are at most those of its node pools at their largest.",
    reason="A pod within the quota would otherwise wait for ever.",
)  # fmt: skip
def quota_fits_the_nodes(plan: Plan) -> Iterator[Violation]:
    """Over all regions of the stack: each has the same quota and pools of its own."""
    gpus = 0.0
    for pool in plan.of(NODE_POOL):
        size = pool.at("scalingConfig.maxSize") if _is_autoscaled(pool) else pool.at("desiredSize")
        kinds = [INSTANCE_TYPES.get(str(kind)) for kind in items(pool.at("instanceTypes"))]
        number = as_number(size)
        if number is None or UNKNOWN in items(pool.at("instanceTypes")):
            return
        gpus += number * max((kind.gpu for kind in kinds if kind), default=0)
    quotas = [quota.at("spec.hard") for quota in plan.of(RESOURCE_QUOTA)]
    asked = sum(as_number(hard.get(GPU)) or 0 for hard in quotas if isinstance(hard, dict))
    if asked > gpus:
        yield Violation(
            f"the quotas allow {asked:g} GPUs, the node pools have {gpus:g} at most; lower `quota.gpu`, or allow more"
        )


@plan_rule(
    "quotas-fit-the-platform", source="capacity", level=Level.MANDATORY,
    description="The pods that all businesses may run in a region have addresses there.",
    reason="Pods take addresses of the region's switches; when they run out, no business can start one.",
)  # fmt: skip
def quotas_fit_the_platform(plan: Plan) -> Iterator[Violation]:
    """Judged on the platform's plan, against the quotas in the stack files of all businesses."""
    addresses: dict[str, int] = {}
    for switch in plan.of(SWITCH):
        name, block = switch.at("vswitchName"), switch.at("cidrBlock")
        if isinstance(name, str) and name.endswith(PODS_SWITCH_SUFFIX) and isinstance(block, str):
            region = _region(switch.at("zoneId"))
            addresses[region] = addresses.get(region, 0) + IPv4Network(block).num_addresses
    for region, capacity in sorted(addresses.items()):
        quotas = [item for item in plan.businesses if item.region == region]
        asked = sum(item.pods for item in quotas)
        if asked > capacity:
            each = ", ".join(f"{item.business} {item.pods}" for item in quotas)
            yield Violation(
                f"in {region} the quotas allow {asked} pods ({each}), its switches have {capacity} addresses for pods; "
                "lower `quota.pods`, or widen `pod_addresses`"
            )
