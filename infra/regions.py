"""Which region does what for a business: trains, is nearest for a line, takes another's copies. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from infra.settings.business import Business

ENABLED, STANDING_BY = "ENABLE", "DISABLE"


def training_region(business: Business) -> str:
    """The one region that trains."""
    return business.training.region or business.regions[0].name


def lease_region(business: Business) -> str | None:
    """Whose bucket holds the lease of the training: the last region's, whichever trains, so that all look at one place.

    By default the first one trains, so what dies with it is not the lease. None for a business in one region.
    """
    return business.regions[-1].name if len(business.regions) > 1 else None


def pairs(business: Business) -> dict[str, str]:
    """The region that each region's buckets are copied to; empty when nothing is replicated."""
    names = [region.name for region in business.regions]
    if not business.storage.replication or len(names) < 2:
        return {}
    following = dict(zip(names, [*names[1:], names[0]], strict=True))
    return {region.name: region.replicate_to or following[region.name] for region in business.regions}


@dataclass(frozen=True)
class RecordPlan:
    """A DNS record of one region: the line that it answers, and whether it does at first or stands by."""

    line: str
    status: str


def lines(business: Business) -> dict[str, tuple[str, ...]]:
    """For each line its region, and then those that stand by, in the stack file's order."""
    names = [region.name for region in business.regions]
    return {
        line: (owner.name, *(name for name in names if name != owner.name))
        for owner in business.regions
        for line in owner.lines
    }


def records(business: Business, region: str) -> Iterator[RecordPlan]:
    """The region's records: one for each line of any region, enabled where this region is the nearest."""
    for owner in business.regions:
        for line in owner.lines:
            yield RecordPlan(line, ENABLED if owner.name == region else STANDING_BY)
