"""A region of a sandbox, whichever kind it is."""

from __future__ import annotations

from sandbox.region.region import Region
from sandbox.region.rootless_region import RootlessRegion
from sandbox.settings import SandboxSettings


def open_region(name: str, slot: int, sandbox: SandboxSettings) -> Region | RootlessRegion:
    """The region of this name in this slot of the plan; nothing is made or checked on the machine."""
    return RootlessRegion(name, slot, sandbox) if sandbox.rootless else Region(name, slot, sandbox)
