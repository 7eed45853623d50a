"""What one sandbox is: its name, its place in the address plan, its directories, and whether it does without root."""

from __future__ import annotations

import os
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from sandbox.addresses import LOOPBACK, MAXIMUM_INDEX, Addresses
from sandbox.errors import UsageError
from sandbox.paths import cache_directory, state_directory
from sandbox.ports import CloudPorts, RegionPorts, loopback_cloud_ports, loopback_region_ports


@dataclass(frozen=True)
class SandboxSettings:
    """One sandbox on this machine. Two with different names and indexes can run at once."""

    name: str
    addresses: Addresses
    state: Path
    cache: Path
    rootless: bool = False
    """Whether all of it is ordinary processes of an ordinary user on loopback, with simulated nodes only."""

    @classmethod
    def from_environment(cls) -> SandboxSettings:
        """Read $SANDBOX_NAME (default "sandbox"), $SANDBOX_INDEX (default 0), and the directories' variables.

        Whether it is rootless stands in its state, where `up --rootless` writes it. Raises UsageError for an index that
        is none.
        """
        name = os.environ.get("SANDBOX_NAME", "sandbox")
        index = os.environ.get("SANDBOX_INDEX", "0")
        if not (index.isascii() and index.isdigit() and int(index) <= MAXIMUM_INDEX):
            raise UsageError(f"SANDBOX_INDEX is {index!r}; it must be a whole number from 0 to {MAXIMUM_INDEX}")
        state = state_directory(name)
        return cls(name, Addresses(int(index)), state, cache_directory(), rootless_mark(state).exists())

    @property
    def prefix(self) -> str:
        """First part of the name of all that belongs to this sandbox on the machine; others' for a rootless one."""
        return f"lmcr{self.addresses.index}-" if self.rootless else self.addresses.prefix

    @property
    def cloud_address(self) -> IPv4Address:
        """Where the emulator listens."""
        return LOOPBACK if self.rootless else self.addresses.cloud

    @property
    def cloud_ports(self) -> CloudPorts:
        """The emulator's ports."""
        return loopback_cloud_ports(self.addresses.index) if self.rootless else CloudPorts()

    @property
    def cloud_endpoint(self) -> str:
        """The emulator's address and HTTPS port, as the variables that point programs at it hold it."""
        return f"{self.cloud_address}:{self.cloud_ports.https}"

    @property
    def cloud_url(self) -> str:
        """The emulator's address for a person and for a browser."""
        return f"https://{self.cloud_endpoint}".removesuffix(":443")

    def region_ports(self, slot: int) -> RegionPorts:
        """The ports of the region in this slot."""
        return loopback_region_ports(self.addresses.index, slot) if self.rootless else RegionPorts()


def rootless_mark(state: Path) -> Path:
    """The file whose being there makes the sandbox of this state a rootless one."""
    return state / "rootless"
