"""What every service is made with."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.addresses import Addresses
from sandbox.cloud.core.accounts import Accounts
from sandbox.cloud.core.calls import CallLog
from sandbox.cloud.core.clock import MovableClock
from sandbox.cloud.core.faults import Faults
from sandbox.cloud.core.regions import RegionSlots
from sandbox.cloud.core.schedule import Schedule
from sandbox.cloud.core.store import Store


@dataclass(frozen=True)
class Context:
    """The emulated cloud's common parts."""

    store: Store
    clock: MovableClock
    accounts: Accounts
    slots: RegionSlots
    addresses: Addresses
    log: CallLog
    schedule: Schedule
    faults: Faults

    def is_cut(self, service: str, region: str, other: str) -> bool:
        """Whether fault rules let nothing of one region's network through to a service in another.

        Asked with the address of the region's whole link, so that a rule against one of its nodes is no cut.
        """
        slot = self.slots.find(region)
        caller = "" if slot is None else str(self.addresses.region_network(slot).network_address)
        return self.faults.is_cut(service, other, caller)
