"""What one sandbox is: its name, its place in the address plan, its directories."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sandbox.addresses import MAXIMUM_INDEX, Addresses
from sandbox.errors import UsageError
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
        """Read $SANDBOX_NAME (default "sandbox"), $SANDBOX_INDEX (default 0), and the directories' variables.

        Raises UsageError for an index that is none.
        """
        name = os.environ.get("SANDBOX_NAME", "sandbox")
        index = os.environ.get("SANDBOX_INDEX", "0")
        if not (index.isascii() and index.isdigit() and int(index) <= MAXIMUM_INDEX):
            raise UsageError(f"SANDBOX_INDEX is {index!r}; it must be a whole number from 0 to {MAXIMUM_INDEX}")
        return cls(name=name, addresses=Addresses(int(index)), state=state_directory(name), cache=cache_directory())
