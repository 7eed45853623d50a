"""`python -m sandbox.cloud.coverage`: write docs/coverage.md, or check that it is what would be written."""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.addresses import Addresses
from sandbox.cloud.assembly import CloudOptions, assemble
from sandbox.cloud.core.calls import CallLog
from sandbox.cloud.core.clock import ManualClock
from sandbox.cloud.core.store import Store
from sandbox.cloud.coverage.data import load
from sandbox.cloud.coverage.table import Emulator, answered, render, rows
from sandbox.cloud.cs.backend import SimulatedBackend
from sandbox.cloud.oss.api.routes import BUCKET, OBJECT, SERVICE
from sandbox.settings import SandboxSettings

PAGE = Path(__file__).parents[3] / "docs" / "coverage.md"


def emulator() -> Emulator:
    """The emulator as it is assembled, over an empty store in memory."""
    nowhere = Path("/nonexistent")
    cloud = assemble(
        SandboxSettings("coverage", Addresses(0), nowhere, nowhere),
        Store(None),
        ManualClock(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)),
        CallLog(None),
        SimulatedBackend,
        CloudOptions(endpoint="127.0.0.1", authority=nowhere, simulated=True),
    )
    operations = [operation.name for table in (SERVICE, BUCKET, OBJECT) for operation in table.values()]
    cloud.context.store.close()
    return Emulator.of(cloud.services, operations)


@dataclass(frozen=True)
class Coverage:
    """What the page says in short, and whether it said that before."""

    services: dict[str, dict[str, int]]
    """By service: how many actions the provider can call (`actions`), and how many are `answered`."""
    was_stale: bool


def run(*, check: bool) -> Coverage:
    """Write the page; with `check`, only look whether it is what would be written."""
    calls, found = load(), emulator()
    text = render(calls, found)
    was_stale = not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text
    if was_stale and not check:
        PAGE.write_text(text, encoding="utf-8")
    return Coverage(answered(rows(calls, found)), was_stale)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.cloud.coverage", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page is stale")
    options = parser.parse_args(arguments)
    return 1 if run(check=options.check).was_stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
