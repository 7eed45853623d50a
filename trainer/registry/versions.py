"""Finished models in the bucket.

    models/VERSION/...            a version's files, then its manifest.json: a version is whole once it has that
    models/latest.json            the newest version
    models/current.json           the promoted version, which servers use, and the ones before it

A pointer holds the SHA-256 of its version's manifest, and the manifest that of every file; pointers are written last.
Replication may bring a pointer to another region before the files: then the version is not whole yet, and a reader that
checks (`open_version`) keeps what it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trainer.errors import DataError, ObjectNotFoundError, SettingsError
from trainer.storage.object_store import ObjectStore, checksum, get_json, put_json

LATEST, CURRENT, MANIFEST = "latest.json", "current.json", "manifest.json"
NUMPY_FORM = "numpy/model.npz"
FORMAT = 1
HISTORY = 20
"""Promotions that current.json remembers."""

Pointer = dict[str, Any]


@dataclass(frozen=True)
class Version:
    """A version whose manifest was read and is what the pointer to it says."""

    name: str
    manifest: dict[str, Any]
    _store: ObjectStore
    _folder: str

    @property
    def names(self) -> list[str]:
        """Its files."""
        return [str(file["name"]) for file in self.manifest.get("files", [])]

    def read(self, name: str) -> bytes:
        """A file, compared with the manifest. Raises DataError if it differs or the manifest has no such file."""
        noted = next((file for file in self.manifest.get("files", []) if file.get("name") == name), None)
        if noted is None:
            raise DataError(f"version {self.name} has no {name}; publish the model again with this trainer")
        try:
            data = self._store.get(self._folder + name)
        except ObjectNotFoundError as error:
            raise DataError(f"version {self.name} is not whole: {error}") from error
        if checksum(data) != noted.get("sha256"):
            raise DataError(
                f"{self._store.address}{self._folder}{name} has {len(data):,} bytes whose checksum is not the "
                f"manifest's: corrupt or half-written; promote another version or publish this one again"
            )
        return data

    def verify(self) -> None:
        """Read every file. Raises DataError at the first that is missing or differs."""
        for file in self.manifest.get("files", []):
            self.read(str(file["name"]))


def latest(store: ObjectStore, prefix: str) -> Pointer | None:
    """What models/latest.json says (version, run, data_version, perplexity), or None before the first model."""
    try:
        return get_json(store, prefix + LATEST)
    except ObjectNotFoundError:
        return None


def current(store: ObjectStore, prefix: str) -> Pointer | None:
    """What models/current.json says: the version that servers use. None before the first promotion."""
    key = prefix + CURRENT
    try:
        found = get_json(store, key)
    except ObjectNotFoundError:
        return None
    if not isinstance(found.get("version"), str) or not isinstance(found.get("manifest_sha256"), str):
        raise DataError(f"{store.address}{key} names no version and checksum; `python -m trainer models promote` one")
    return found


def new_version(run: str, now: datetime | None = None) -> str:
    """Versions sort by time, and name the run that they come from."""
    return f"{(now or datetime.now(UTC)):%Y%m%dT%H%M%SZ}-{run[:8]}"


def versions(store: ObjectStore, prefix: str) -> list[str]:
    """Whole versions, oldest first."""
    keys = (key.removeprefix(prefix) for key in store.list(prefix))
    return sorted(key.removesuffix(f"/{MANIFEST}") for key in keys if key.count("/") == 1 and key.endswith(MANIFEST))


def open_version(store: ObjectStore, prefix: str, name: str, manifest_sha256: str | None = None) -> Version:
    """Read a version's manifest. Raises DataError if there is none (yet) or its checksum is not the one given."""
    folder = f"{prefix}{name}/"
    try:
        data = store.get(folder + MANIFEST)
    except ObjectNotFoundError as error:
        raise DataError(
            f"no version {name} in {store.address}{prefix}: unknown, or not whole yet; `python -m trainer models list`"
        ) from error
    if manifest_sha256 is not None and checksum(data) != manifest_sha256:
        raise DataError(f"{store.address}{folder}{MANIFEST} is not the one that the pointer names; promote it again")
    return Version(name, get_json(store, folder + MANIFEST), store, folder)


def upload(
    store: ObjectStore, prefix: str, version: str, folder: Path, lineage: dict[str, Any], perplexity: dict[str, float]
) -> Pointer:
    """Upload every file of a folder as models/VERSION/..., then its manifest. Returns the pointer to it."""
    files: list[dict[str, Any]] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        data = path.read_bytes()
        store.upload(f"{prefix}{version}/{name}", path)
        files.append({"name": name, "bytes": len(data), "sha256": checksum(data)})
    manifest = {"format": FORMAT, "version": version, "files": files, "perplexity": perplexity, **lineage}
    data = put_json(store, f"{prefix}{version}/{MANIFEST}", manifest)
    return _entry(prefix, version, data, manifest)


def announce(store: ObjectStore, prefix: str, entry: Pointer) -> None:
    """Point latest.json to a version: its training is over, promotion included."""
    put_json(store, prefix + LATEST, entry)


def promote(store: ObjectStore, prefix: str, name: str, reason: str, now: datetime | None = None) -> Pointer:
    """Verify every file of a version, then point current.json to it. Returns what that now says.

    Raises DataError if the version is unknown, not whole or corrupt; what was promoted before then stays so.
    """
    version = open_version(store, prefix, name)
    version.verify()
    before = current(store, prefix)
    history = [] if before is None else [_remembered(before), *before.get("history", [])]
    entry = _entry(prefix, name, store.get(f"{prefix}{name}/{MANIFEST}"), version.manifest)
    promoted = {
        **entry,
        "promoted_at": f"{(now or datetime.now(UTC)):%Y-%m-%dT%H:%M:%SZ}",
        "reason": reason,
        "history": history[:HISTORY],
    }
    put_json(store, prefix + CURRENT, promoted)
    return promoted


def rollback(store: ObjectStore, prefix: str, now: datetime | None = None) -> Pointer:
    """Promote the version that was current before, and forget the present one's promotion: done twice, it goes back by
    two. Raises SettingsError if there was none before."""
    present = current(store, prefix)
    history = (present or {}).get("history", [])
    if present is None or not history:
        raise SettingsError(f"nothing to go back to: no version was promoted before in {store.address}{prefix}")
    target = history[0]["version"]
    promoted = promote(store, prefix, target, f"rolled back from {present['version']}", now)
    promoted["history"] = history[1:]
    put_json(store, prefix + CURRENT, promoted)
    return promoted


def _remembered(pointer: Pointer) -> dict[str, Any]:
    return {key: pointer.get(key) for key in ("version", "promoted_at", "reason")}


def _entry(prefix: str, version: str, manifest_data: bytes, manifest: dict[str, Any]) -> Pointer:
    return {
        "version": version,
        "manifest": f"{prefix}{version}/{MANIFEST}",
        "manifest_sha256": checksum(manifest_data),
        "run": manifest.get("run"),
        "data_version": manifest.get("data_version"),
        "perplexity": manifest.get("perplexity", {}),
    }
