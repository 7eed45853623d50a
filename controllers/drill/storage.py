"""What befalls object storage: it is away for minutes, the newest checkpoint is damaged, objects are deleted."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.batch_v1 import CronJob, Job
from lightkube.types import CascadeType

from controllers.backup.model import Manifest
from controllers.backup.repository import Repository
from controllers.backup.restoring import Restore, compare
from controllers.buckets import Bucket, open_bucket
from controllers.config.backup import BACKUP_NAME
from controllers.drill.faults import Drill, Ground, kill, run_command
from controllers.errors import DrillError
from controllers.monitor.model import Role
from trainer.errors import TrainerError

AWAY_SECONDS = 300.0
OBJECTS = 5
LATEST = "latest.json"
Value = TypeVar("Value")
SOURCE = "data"
"""What the backup calls the data bucket."""
BACKUP_SECONDS = 300


async def _bucket_away(ground: Ground) -> list[str]:
    """For five minutes. Counted from its return: until then nobody can be asked for more than to go on."""
    before = _tasks_done(ground)
    await run_command(ground, "bucket_out")
    ground.undo.append(lambda: run_command(ground, "bucket_back"))
    await asyncio.sleep(AWAY_SECONDS)
    ground.note = f"{_tasks_done(ground) - before} tasks done while it was away"
    await ground.undo.pop()()
    ground.observer.note_mended()
    return [ground.site.data]


def _tasks_done(ground: Ground) -> int:
    beat = ground.observer.world.master
    return beat.progress.done if beat else 0


async def _damaged_checkpoint(ground: Ground) -> list[str]:
    """Its bytes are others than those that were noted; then the master dies, and the job must begin from one."""
    store = _bucket(ground, ground.site.data)
    prefix = f"checkpoints/{ground.site.job}/"
    pointers = [key for key in await _call(store.list, prefix) if key.endswith(f"/{LATEST}")]
    if not pointers:
        raise DrillError(f"{store.address}{prefix} has no checkpoint yet; wait until the job has written one")
    newest = max([json.loads(await _call(store.get, key)) for key in pointers], key=lambda entry: entry["version"])
    key = str(newest["key"])
    damaged = bytearray(await _call(store.get, key))
    for _ in range(64):
        damaged[ground.draw.randrange(len(damaged))] ^= 0xFF
    await _call(store.put, key, bytes(damaged))
    (master,) = ground.observer.running(Role.MASTER)
    await kill(ground, master)
    return [key, master.name]


async def _deleted_objects(ground: Ground) -> list[str]:
    """A backup is made and proven, objects that the job reads are deleted, and what it held comes back."""
    manifest = await _back_up(ground)
    store = _bucket(ground, ground.site.data)
    entries = [entry for entry in manifest.of(SOURCE) if entry.key.startswith("data/")]
    chosen = ground.draw.sample(entries, min(OBJECTS, len(entries)))
    for entry in chosen:
        await _call(store.delete, entry.key)
    ground.observer.note_broken()
    repository = Repository(_bucket(ground, ground.site.backups))
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        restore = Restore(repository, chosen, store, manifest.id, scratch, delete=False)
        changes = await _call(restore.carry_out)
        different = await _call(compare, chosen, store, scratch, 4)
    ground.lost = len(different)
    ground.note = f"{len(changes.create)} objects came back from backup {manifest.id}"
    return [entry.key for entry in chosen]


async def _back_up(ground: Ground) -> Manifest:
    """Have the CronJob's own Job run now; the backup that it proved."""
    client = ground.observer.client
    found = await client.get(CronJob, BACKUP_NAME)
    if found.spec is None:
        raise DrillError(f"the CronJob {BACKUP_NAME} has no specification")
    job = Job(
        metadata=ObjectMeta(generateName=f"{BACKUP_NAME}-drill-", labels=found.spec.jobTemplate.metadata.labels)
        if found.spec.jobTemplate.metadata
        else ObjectMeta(generateName=f"{BACKUP_NAME}-drill-"),
        spec=found.spec.jobTemplate.spec,
    )
    made = await client.create(job)
    name = made.metadata.name if made.metadata and made.metadata.name else ""
    try:
        for _ in range(BACKUP_SECONDS):
            status = (await client.get(Job, name)).status
            if status and status.succeeded:
                break
            if status and status.failed:
                raise DrillError(f"the backup failed; see kubectl logs job/{name}")
            await asyncio.sleep(1)
        else:
            raise DrillError(f"the backup {name} took more than {BACKUP_SECONDS} s")
    finally:
        await client.delete(Job, name, cascade=CascadeType.BACKGROUND)
    repository = Repository(_bucket(ground, ground.site.backups))
    manifest = await _call(repository.chosen, None, None)
    if await _call(repository.proof, manifest.id) is None:
        raise DrillError(f"backup {manifest.id} is not proven")
    return manifest


def _bucket(ground: Ground, address: str) -> Bucket:
    if not address or not ground.site.regions:
        raise DrillError("this drill needs `data`, `backups` and `regions` in the site's file")
    return open_bucket(address, ground.site.regions[0].name)


async def _call(function: Callable[..., Value], *arguments: Any) -> Value:
    """Run what blocks in a thread. Raises DrillError where storage refuses."""
    try:
        return await asyncio.to_thread(function, *arguments)
    except TrainerError as error:
        raise DrillError(str(error)) from error


STORAGE_DRILLS = (
    Drill("bucket", "object storage answers nobody for five minutes", "bucket", _bucket_away, noticed=False),
    Drill("checkpoint", "the newest checkpoint is damaged and the master killed", "checkpoint", _damaged_checkpoint),
    Drill("objects", "objects of the data bucket are deleted", "objects", _deleted_objects, noticed=False, job=False),
)
