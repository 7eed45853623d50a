"""The regions and zones that the emulated cloud has, and the sandbox's place (slot) for each one in use."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from sandbox.addresses import MAXIMUM_REGIONS
from sandbox.cloud.core.accounts import random_text
from sandbox.cloud.core.errors import CloudError
from sandbox.cloud.core.store import Repository, Store

DEFAULT_REGION = "cn-hangzhou"
IDENTIFIER_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True)
class RegionFacts:
    """What is known of a region: its zones' last letters and the code that identifiers of it carry."""

    zones: str
    code: str
    local_name: str


REGIONS: dict[str, RegionFacts] = {
    "cn-hangzhou": RegionFacts("bghijk", "bp1", "China (Hangzhou)"),
    "cn-shanghai": RegionFacts("abefgl", "uf6", "China (Shanghai)"),
    "cn-beijing": RegionFacts("acefgh", "2ze", "China (Beijing)"),
    "cn-shenzhen": RegionFacts("acdef", "wz9", "China (Shenzhen)"),
    "cn-zhangjiakou": RegionFacts("abc", "8vb", "China (Zhangjiakou)"),
    "cn-chengdu": RegionFacts("ab", "2vc", "China (Chengdu)"),
    "cn-hongkong": RegionFacts("bcd", "j6c", "China (Hong Kong)"),
    "ap-southeast-1": RegionFacts("abc", "t4n", "Singapore"),
    "ap-northeast-1": RegionFacts("abc", "6we", "Japan (Tokyo)"),
    "eu-central-1": RegionFacts("abc", "gw8", "Germany (Frankfurt)"),
    "us-west-1": RegionFacts("ab", "rj9", "US (Silicon Valley)"),
    "us-east-1": RegionFacts("ab", "0xi", "US (Virginia)"),
}


def check_region(region: str) -> str:
    """The region's name, or the cloud's error for one that does not exist."""
    if region not in REGIONS:
        raise CloudError(
            "InvalidRegionId.NotFound",
            f"The specified RegionId {region!r} does not exist; the emulator has: {', '.join(REGIONS)}.",
            404,
        )
    return region


def zones(region: str) -> list[str]:
    """The names of a region's zones; those outside China put a bare letter behind the region's number."""
    facts = REGIONS[check_region(region)]
    separator = "-" if not region[-1].isdigit() else ""
    return [f"{region}{separator}{letter}" for letter in facts.zones]


def new_identifier(prefix: str, region: str) -> str:
    """A resource's identifier in the cloud's form: vpc-bp1 and 20 letters and digits."""
    code = REGIONS[region].code if region in REGIONS else "xxx"
    return f"{prefix}-{code}{random_text(20, IDENTIFIER_ALPHABET)}"


class RegionSlot(BaseModel):
    """Which of the sandbox's networks a region has."""

    model_config = ConfigDict(frozen=True)

    region: str
    slot: int


class RegionSlots:
    """Gives each region that is used a slot of the address plan, and keeps it for ever."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._slots = Repository(store, "region-slot", RegionSlot)

    def find(self, region: str) -> int | None:
        """The slot of a region that has one."""
        found = self._slots.get(region)
        return None if found is None else found.slot

    def slot(self, region: str) -> int:
        """The region's slot, from 0, given at its first use."""
        with self._store.transaction():
            found = self.find(region)
            if found is not None:
                return found
            used = {slot.slot for slot in self._slots.list()}
            free = next((number for number in range(MAXIMUM_REGIONS) if number not in used), None)
            if free is None:
                raise CloudError(
                    "QuotaExceed.Region",
                    f"The sandbox has room for {MAXIMUM_REGIONS} regions, all of which are in use.",
                )
            return self._slots.put(region, RegionSlot(region=region, slot=free)).slot
