"""A region keeps its place in the address plan: its API server's address is in certificates and tokens."""

from __future__ import annotations

import json

from sandbox.region.errors import RegionError
from sandbox.region.layout import RegionLayout


def check_slot(layout: RegionLayout) -> None:
    """Write a new region's slot down.

    Raises:
        RegionError: when the region was made in another slot.
    """
    path = layout.state / "region.json"
    if path.exists():
        slot = json.loads(path.read_text())["slot"]
        if slot != layout.slot:
            raise RegionError(
                f"region {layout.name} was made in slot {slot} and cannot move to slot {layout.slot}; "
                f"use slot {slot}, or purge the region"
            )
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps({"slot": layout.slot}))
    temporary.replace(path)
