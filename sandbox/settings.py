"""What one sandbox is: its name, its place in the address plan, its directories."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sandbox.addresses import Addresses
from sandbox.paths import cache_directory, state_directory


@dataclass(frozen=True)
class SandboxSettings:
    """One sandbox on this machine. Two with different names and indexes can run at once."""

    name: str
    addresses: Addresses
    state: Path
    cache: Path

    @classmethod
    def from_environment(cls) -> SandboxSettings:
        """Read $SANDBOX_NAME (default "sandbox"), $SANDBOX_INDEX (default 0), and the directories' variables."""
        name = os.environ.get("SANDBOX_NAME", "sandbox")
        index = os.environ.get("SANDBOX_INDEX", "0")
        if not index.isdigit():
            raise ValueError(f"SANDBOX_INDEX is {index!r}; it must be a whole number from 0 to 15")
        return cls(name=name, addresses=Addresses(int(index)), state=state_directory(name), cache=cache_directory())
