"""What a stack holds before and after a change: GPUs, quota, and money a month. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.instances import INSTANCE_TYPES
from infra.review.plan import DELETE, Preview, Step
from infra.review.prices import PriceTable

NODE_POOL = "alicloud:cs/nodePool:NodePool"
RESOURCE_QUOTA = "kubernetes:core/v1:ResourceQuota"
QUOTA_NAMES = {
    "requests.nvidia.com/gpu": "GPUs", "requests.cpu": "CPUs", "requests.memory": "memory", "pods": "pods",
}  # fmt: skip
UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
GIBIBYTE = 2**30


@dataclass
class Range:
    """From what is always there to what an autoscaler may add."""

    least: float = 0.0
    most: float = 0.0

    def add(self, least: float, most: float) -> None:
        """Count further ones in."""
        self.least += least
        self.most += most


@dataclass
class Holding:
    """What a stack holds at one time."""

    gpus: Range = field(default_factory=Range)
    monthly: Range = field(default_factory=Range)
    quota: dict[str, float] = field(default_factory=dict)
    estimated: bool = False
    unpriced: set[str] = field(default_factory=set)
    by_use: set[str] = field(default_factory=set)


def holdings(preview: Preview, prices: PriceTable) -> tuple[Holding, Holding]:
    """What the stack holds before the change, and after it."""
    before = _holding(((step, step.old) for step in preview.steps), prices)
    after = _holding(((step, None if step.kind == DELETE else step.new) for step in preview.steps), prices)
    return before, after


def _holding(resources: Iterable[tuple[Step, Mapping[str, Any] | None]], prices: PriceTable) -> Holding:
    holding = Holding()
    for step, inputs in resources:
        if inputs is None:
            continue
        if step.type == NODE_POOL:
            _add_pool(holding, inputs, step.region, prices)
        elif step.type == RESOURCE_QUOTA:
            _add_quota(holding, inputs)
        elif step.type in prices.by_use:
            holding.by_use.add(step.type.rsplit(":", 1)[-1])
        elif (price := prices.service(step.type)) is not None:
            month = price.hourly * prices.hours_a_month
            holding.monthly.add(month, month)
            holding.estimated |= price.estimate
        elif step.type.startswith("alicloud:") and not prices.is_free(step.type):
            holding.unpriced.add(step.type.rsplit(":", 1)[-1])
    return holding


def _add_pool(holding: Holding, inputs: Mapping[str, Any], region: str, prices: PriceTable) -> None:
    least, most = pool_size(inputs)
    kinds = [str(kind) for kind in inputs.get("instanceTypes") or ()]
    gpus = [INSTANCE_TYPES[kind].gpu for kind in kinds if kind in INSTANCE_TYPES]
    if gpus:
        holding.gpus.add(least * min(gpus), most * max(gpus))
    found = [price for kind in kinds if (price := prices.instance(kind, region)) is not None]
    if len(found) < len(kinds) or not kinds:
        holding.unpriced.update(kind for kind in kinds if prices.instance(kind, region) is None)
        return
    month = [price.hourly * prices.hours_a_month for price in found]
    holding.monthly.add(least * min(month), most * max(month))
    holding.estimated |= any(price.estimate for price in found)


def pool_size(inputs: Mapping[str, Any]) -> tuple[int, int]:
    """Fewest and most nodes of a pool."""
    scaling = inputs.get("scalingConfig")
    if isinstance(scaling, Mapping) and scaling.get("enable") is not False:
        return int(scaling.get("minSize") or 0), int(scaling.get("maxSize") or 0)
    count = str(inputs.get("desiredSize") or "0")
    size = int(count) if count.isdigit() else 0
    return size, size


def _add_quota(holding: Holding, inputs: Mapping[str, Any]) -> None:
    spec = inputs.get("spec")
    hard = spec.get("hard") if isinstance(spec, Mapping) else None
    for key, name in QUOTA_NAMES.items():
        if isinstance(hard, Mapping) and key in hard:
            value = amount(hard[key])
            holding.quota[name] = holding.quota.get(name, 0.0) + (value / GIBIBYTE if name == "memory" else value)


def amount(quantity: object) -> float:
    """A Kubernetes quantity such as `250m` or `20Gi` as a number; 0 for what is none."""
    text = str(quantity)
    for suffix, factor in UNITS.items():
        if text.endswith(suffix):
            return _number(text.removesuffix(suffix)) * factor
    return _number(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
