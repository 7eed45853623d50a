"""A backup from beginning to end: copy, write the manifest, prove, remove what is not kept any more."""

from __future__ import annotations

import contextlib
import datetime
import logging
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from controllers.backup.copying import Copier, Source
from controllers.backup.model import KUBERNETES, Entry, Manifest, Proof, id_of, now_text
from controllers.backup.objects import Lister, documents
from controllers.backup.pointers import is_pointer
from controllers.backup.repository import LEASE, SCRATCH, Repository
from controllers.backup.restoring import Restore, compare
from controllers.backup.retention import kept
from controllers.buckets import Bucket
from controllers.config.backup import BackupSettings
from controllers.errors import ControllerError
from trainer.errors import TrainerError
from trainer.storage.lease import Lease

LOG = logging.getLogger("controllers.backup")
LEASE_SECONDS = 60.0
WAIT_SECONDS = 5.0
Clock = Callable[[], datetime.datetime]


def utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def back_up(
    settings: BackupSettings, repository: Repository, lister: Lister | None, renew: Callable[[], None], now: Clock
) -> Manifest:
    """Copy everything; the manifest that was written. Raises ControllerError, TrainerError."""
    began = now()
    copier = Copier(repository, Path(settings.scratch), settings.parallel, renew)
    ids = repository.ids()
    if ids:
        copier.learn(repository.manifest(ids[-1]).entries)
    copier.learn(repository.journal())
    entries: list[Entry] = []
    broken: list[str] = []
    addresses: dict[str, str] = {}
    for one in settings.sources:
        source = Source(one.name, Bucket(one.bucket, one.prefix, one.region or settings.region))
        copied = copier.copy(source)
        entries += copied.entries
        broken += [f"{one.name}/{key}" for key in copied.broken]
        addresses[one.name] = source.bucket.place
    if lister is not None:
        entries += [copier.add(KUBERNETES, key, data) for key, data in documents(lister)]
        addresses[KUBERNETES] = f"namespace {settings.namespace}"
    renew()
    manifest = Manifest(
        id=id_of(began),
        business=settings.business,
        region=settings.region,
        began=now_text(began),
        ended=now_text(now()),
        sources=addresses,
        pointers=tuple(f"{one.source}/{one.key}" for one in entries if is_pointer(one.key)),
        broken=tuple(broken),
        entries=tuple(entries),
        copied_objects=copier.copied_objects,
        copied_bytes=copier.copied_bytes,
    )
    repository.finish(manifest)
    for name in broken:
        LOG.warning("%s names objects that are missing or other than it says; the source itself is broken there", name)
    return manifest


def prove(
    repository: Repository, manifest: Manifest, scratch: Path, parallel: int, renew: Callable[[], None], now: Clock
) -> Proof:
    """Restore everything below a scratch prefix, read it all back, compare, clear up. Raises ControllerError."""
    started = time.monotonic()
    folder = f"{SCRATCH}{manifest.id}/"
    bucket = repository.bucket
    try:
        for source in manifest.sources:
            renew()
            target = Bucket(bucket.name, f"{bucket.prefix}{folder}{source}/", bucket.region)
            entries = manifest.of(source)
            Restore(repository, entries, target, manifest.id, scratch, parallel, renew=renew).carry_out()
            different = compare(entries, target, scratch, parallel)
            if different:
                raise ControllerError(
                    f"backup {manifest.id} is NOT proven: {len(different)} of {len(entries)} objects of {source} came "
                    f"back other than they were copied: {', '.join(different[:5])}; the older ones stay"
                )
    finally:
        bucket.purge(folder)
    proof = Proof(
        id=manifest.id,
        at=now_text(now()),
        objects=len(manifest.entries),
        bytes=manifest.size,
        seconds=round(time.monotonic() - started, 2),
    )
    repository.prove(proof)
    return proof


def tidy(settings: BackupSettings, repository: Repository) -> tuple[list[str], int]:
    """Remove backups by the retention, then content that none names; which, and how many objects."""
    backups = repository.summaries()
    keep = kept(backups, settings.retention)
    gone = [backup.id for backup in backups if backup.id not in keep]
    for identifier in gone:
        repository.remove(identifier)
    return gone, repository.collect()


@contextlib.contextmanager
def alone(bucket: Bucket, wait_seconds: float = 2 * LEASE_SECONDS) -> Iterator[Callable[[], None]]:
    """Hold the backup bucket's lease; gives what to call now and then, which raises when the lease was lost.

    After a kill the next one waits until the dead one's lease has run out. Raises ControllerError if it does not.
    """
    lease = Lease(bucket, LEASE, f"{socket.gethostname()[:80]}-{uuid.uuid4().hex[:12]}", LEASE_SECONDS)
    deadline = time.monotonic() + wait_seconds
    while not lease.acquire():
        if time.monotonic() > deadline:
            raise ControllerError(f"another backup into {bucket.address} is under way, by {lease.holder()}")
        LOG.info("%s is at work in %s; waiting", lease.holder(), bucket.address)
        time.sleep(WAIT_SECONDS)
    stop = threading.Event()

    def keep() -> None:
        while not stop.wait(LEASE_SECONDS / 3):
            try:
                lease.acquire()
            except TrainerError as error:
                LOG.warning("lease not renewed: %s", error)

    def check() -> None:
        if not lease.held:
            raise ControllerError(f"lost the lease of {bucket.address}; what was copied is kept, run it again")

    renewer = threading.Thread(target=keep, name="lease", daemon=True)
    renewer.start()
    try:
        yield check
    finally:
        stop.set()
        renewer.join()
        with contextlib.suppress(TrainerError):
            lease.release()
