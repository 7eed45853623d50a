"""The cloud's state, kept under a name and brought back; and the way to an empty cloud.

A snapshot holds what the cloud's APIs show: every resource, the buckets with their objects, keys, the clock and the
fault rules. It does not hold what is inside a cluster (Kubernetes' objects, volumes), nor Pulumi's own state.

Objects' contents are shared with the cloud by hard links: they are written once and never changed, so that a snapshot
costs little more than the two databases.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from sandbox import replacement
from sandbox.cloud.core.clock import CloudClock, iso
from sandbox.cloud.core.store import Store
from sandbox.cloud.registry.blobs import blob_path
from sandbox.errors import SandboxError, UsageError
from sandbox.locking import exclusive
from sandbox.replacement import DATABASE, OBJECTS, REGISTRY
from sandbox.settings import SandboxSettings

MANIFEST = "snapshot.json"
METADATA = "metadata.sqlite"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LOCK_TIMEOUT_SECONDS = 30.0
KEPT_BY_RESET = ("account",)
"""Kinds of documents that a reset keeps: the account with its root key, so that a shell's variables stay good."""


class Snapshot(BaseModel):
    """What is known of a snapshot without opening it."""

    model_config = ConfigDict(frozen=True)

    name: str
    saved: str
    """The machine's time."""
    cloud_time: str
    resources: dict[str, int]
    objects: int
    """Files of objects' contents; an object sent in parts has several."""
    object_bytes: int


def save(settings: SandboxSettings, name: str) -> Snapshot:
    """Keep the cloud's present state, running or not, as of one moment.

    Raises:
        SandboxError: when there is one of this name, or nothing to keep.
    """
    with _alone(settings):
        folder = _folder(settings, name)
        if folder.exists():
            raise SandboxError(
                f"there is a snapshot {name!r} already; choose another name, or first run "
                f"`python -m sandbox snapshot delete {name}`"
            )
        if not (settings.state / DATABASE).exists():
            raise SandboxError(
                f"the sandbox {settings.name!r} has no state to keep, because it was never started; "
                "run `python -m sandbox up`"
            )
        new = folder.parent / f".saving-{name}"
        new.mkdir(parents=True, mode=0o700)
        try:
            snapshot = _copy(settings, name, new)
        except BaseException:
            shutil.rmtree(new)
            raise
        (new / MANIFEST).write_text(snapshot.model_dump_json(indent=1))
        replacement.flush_tree(new)
        new.rename(folder)
        replacement.flush(folder.parent)
        return snapshot


def every(settings: SandboxSettings) -> list[Snapshot]:
    """All snapshots, oldest first."""
    found = (settings.state / "snapshots").glob(f"[!.]*/{MANIFEST}")
    return sorted(
        (Snapshot.model_validate(json.loads(path.read_text())) for path in found),
        key=lambda snapshot: (snapshot.saved, snapshot.name),
    )


def delete(settings: SandboxSettings, name: str) -> None:
    """Forget a snapshot. Raises SandboxError when there is none of this name."""
    with _alone(settings):
        folder = _existing(settings, name)
        doomed = folder.parent / f".deleting-{name}"
        folder.rename(doomed)
        shutil.rmtree(doomed)


def stage_snapshot(settings: SandboxSettings, name: str) -> None:
    """Make a snapshot ready to take the place of the cloud's state (`replacement.commit`); it stays as it is.

    Raises:
        SandboxError: when there is none of this name.
    """
    with _alone(settings):
        source = _existing(settings, name)
        new = replacement.begin(settings)
        shutil.copyfile(source / DATABASE, new / DATABASE)
        shutil.copytree(source / OBJECTS, new / OBJECTS, copy_function=_link_or_copy)
        if (source / REGISTRY).exists():
            shutil.copytree(source / REGISTRY, new / REGISTRY, copy_function=_link_or_copy)


def stage_empty(settings: SandboxSettings) -> None:
    """Make an empty state ready, of the same account."""
    with _alone(settings):
        new = replacement.begin(settings)
        (new / OBJECTS).mkdir(mode=0o700)
        (new / REGISTRY).mkdir(mode=0o700)
        target = Store(new / DATABASE)
        try:
            if (settings.state / DATABASE).exists():
                with closing(sqlite3.connect(settings.state / DATABASE, timeout=LOCK_TIMEOUT_SECONDS)) as old:
                    for kind in KEPT_BY_RESET:
                        query = "SELECT identifier, document, region FROM documents WHERE kind = ? ORDER BY sequence"
                        for identifier, document, region in old.execute(query, (kind,)):
                            target.put(kind, identifier, document, region)
        finally:
            target.close()


@contextmanager
def _alone(settings: SandboxSettings) -> Iterator[None]:
    with exclusive(settings.state / "snapshots.lock", "working with this sandbox's snapshots"):
        for left in (settings.state / "snapshots").glob(".*"):  # of one that was killed
            shutil.rmtree(left)
        yield


def _folder(settings: SandboxSettings, name: str) -> Path:
    if not NAME.fullmatch(name):
        raise UsageError(
            f"a snapshot cannot be named {name!r}: 1 to 64 letters, digits, dots, hyphens and underscores, "
            "beginning with a letter or digit"
        )
    return settings.state / "snapshots" / name


def _existing(settings: SandboxSettings, name: str) -> Path:
    folder = _folder(settings, name)
    if not (folder / MANIFEST).exists():
        names = ", ".join(snapshot.name for snapshot in every(settings)) or "none"
        raise SandboxError(f"there is no snapshot {name!r}; there are: {names}")
    return folder


def _copy(settings: SandboxSettings, name: str, target: Path) -> Snapshot:
    """Copy both databases as of one moment, and link the contents that they name.

    While another connection holds the write lock of the objects' database, nobody commits to it, and contents are
    deleted only after the commit that took their row away: so everything that the copy names is there. Most links are
    made before, so that the lock is short.
    """
    bodies = settings.state / OBJECTS / "objects"
    (target / OBJECTS / "objects").mkdir(parents=True, mode=0o700)
    metadata = settings.state / OBJECTS / METADATA
    if not metadata.exists():
        with _no_writes(settings.state / DATABASE):
            _back_up(settings.state / DATABASE, target / DATABASE)
            _link_images(settings, target)
        return _describe(name, target, {})
    for body in _named(metadata):
        _link(bodies, target, body, missing_ok=True)
    with _no_writes(metadata):
        with _no_writes(settings.state / DATABASE):
            _back_up(settings.state / DATABASE, target / DATABASE)
            _back_up(metadata, target / OBJECTS / METADATA)
            _link_images(settings, target)
        named = _named(target / OBJECTS / METADATA)
        for body in named:
            _link(bodies, target, body)
    return _describe(name, target, named)


def _link_images(settings: SandboxSettings, target: Path) -> None:
    """Link the blobs of the registry that the copied database names; nobody may write to the database meanwhile."""
    with closing(sqlite3.connect(target / DATABASE)) as copy:
        if not copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'registry_blobs'").fetchone():
            return
        digests = [str(digest) for (digest,) in copy.execute("SELECT DISTINCT digest FROM registry_blobs")]
    for digest in digests:
        place = Path(REGISTRY) / "blobs" / blob_path(digest)
        (target / place).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileNotFoundError):  # lost already; a pull says so
            os.link(settings.state / place, target / place)


def _describe(name: str, target: Path, bodies: dict[str, int]) -> Snapshot:
    store = Store(target / DATABASE)
    try:
        return Snapshot(
            name=name,
            saved=iso(datetime.datetime.now(datetime.UTC)),
            cloud_time=iso(CloudClock(store).now()),
            resources=store.counts(),
            objects=len(bodies),
            object_bytes=sum(bodies.values()),
        )
    finally:
        store.close()


@contextmanager
def _no_writes(database: Path) -> Iterator[None]:
    with closing(sqlite3.connect(database, isolation_level=None, timeout=LOCK_TIMEOUT_SECONDS)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def _back_up(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
    target.chmod(0o600)


def _named(metadata: Path) -> dict[str, int]:
    """The files that the objects' database names, with their sizes."""
    with closing(sqlite3.connect(metadata)) as connection:
        rows = connection.execute("SELECT segments FROM versions UNION ALL SELECT segments FROM parts")
        return {str(name): int(size) for (segments,) in rows for name, size in json.loads(segments)}


def _link(bodies: Path, target: Path, name: str, *, missing_ok: bool = False) -> None:
    copy = target / OBJECTS / "objects" / name[:2] / name
    copy.parent.mkdir(exist_ok=True)
    try:
        os.link(bodies / name[:2] / name, copy)
    except FileExistsError:
        return
    except FileNotFoundError:
        if not missing_ok:
            raise SandboxError(f"object storage has lost the file {name}; no snapshot can be made of it") from None


def _link_or_copy(source: str, target: str) -> None:
    """Contents are shared; a database is written in place and needs a file of its own."""
    if source.endswith(METADATA):
        shutil.copyfile(source, target)
    else:
        os.link(source, target)
