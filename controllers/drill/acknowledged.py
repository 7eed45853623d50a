"""What object storage has acknowledged must be there: the training's text, and the last checkpoint."""

from __future__ import annotations

import asyncio
from typing import Any

from controllers.buckets import open_bucket
from controllers.drill.site import Site
from controllers.drill.tally import Tally
from controllers.errors import DrillError
from trainer.errors import DataError, ObjectNotFoundError, StoreError
from trainer.storage.object_store import ObjectStore, checksum, get_json

MANIFEST = "data/manifest.json"


async def check(site: Site, tally: Tally) -> None:
    """Look at both now, and count what is gone, changed or older than before. Raises DrillError if storage is away."""
    if not site.data or not site.regions:
        return
    try:
        store = open_bucket(site.data, site.regions[0].name)
        damaged, step = await asyncio.to_thread(look, store, site.job, tally.checkpoint)
    except StoreError as error:
        raise DrillError(str(error)) from error
    tally.damaged += damaged
    tally.checkpoint = max(tally.checkpoint, step)


def look(store: ObjectStore, job: str, least: int) -> tuple[int, int]:
    """How many objects are damaged or gone, and the step of the last checkpoint, which was `least` before."""
    damaged = sum(_differs(store, f"data/{entry['name']}", entry["sha256"]) for entry in _shards(store))
    newest = _newest(store, f"checkpoints/{job}/")
    if newest is None:
        return damaged + (least > 0), 0
    damaged += _differs(store, newest["key"], newest["sha256"]) or int(newest["version"]) < least
    return damaged, int(newest["version"])


def _shards(store: ObjectStore) -> list[dict[str, Any]]:
    shards: list[dict[str, Any]] = get_json(store, MANIFEST)["shards"]
    return shards


def _newest(store: ObjectStore, prefix: str) -> dict[str, Any] | None:
    """What the pointer that is furthest says: of a run's terms each has its own."""
    pointers = [get_json(store, key) for key in store.list(prefix) if key.endswith("/latest.json")]
    return max(pointers, key=lambda entry: int(entry["version"]), default=None)


def _differs(store: ObjectStore, key: str, expected: str) -> bool:
    try:
        return checksum(store.get(key)) != expected
    except (ObjectNotFoundError, DataError):
        return True
