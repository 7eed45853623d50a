"""Finished models in the bucket: models/VERSION/..., and models/latest.json, which is written last."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trainer.errors import ObjectNotFoundError
from trainer.object_store import ObjectStore, checksum, get_json, put_json

LATEST, CURRENT, MANIFEST = "latest.json", "current.json", "manifest.json"
FORMAT = 1


def latest(store: ObjectStore, prefix: str) -> dict[str, Any] | None:
    """What models/latest.json says (version, run, data_version, perplexity), or None before the first model."""
    try:
        return get_json(store, prefix + LATEST)
    except ObjectNotFoundError:
        return None


def current(store: ObjectStore, prefix: str) -> dict[str, Any] | None:
    """What models/current.json says: the version that servers use. None before the first promotion."""
    try:
        return get_json(store, prefix + CURRENT)
    except ObjectNotFoundError:
        return None


def new_version(run: str, now: datetime | None = None) -> str:
    """Versions sort by time, and name the run that they come from."""
    return f"{(now or datetime.now(UTC)):%Y%m%dT%H%M%SZ}-{run[:8]}"


def register(
    store: ObjectStore, prefix: str, version: str, folder: Path, lineage: dict[str, Any], perplexity: dict[str, float]
) -> dict[str, Any]:
    """Upload every file of a folder as models/VERSION/..., then its manifest, then point latest.json to it.

    Returns what latest.json now says.
    """
    files: list[dict[str, Any]] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        data = path.read_bytes()
        store.upload(f"{prefix}{version}/{name}", path)
        files.append({"name": name, "bytes": len(data), "sha256": checksum(data)})
    manifest = {"format": FORMAT, "version": version, "files": files, "perplexity": perplexity, **lineage}
    data = put_json(store, f"{prefix}{version}/{MANIFEST}", manifest)
    entry = {
        "version": version,
        "manifest": f"{prefix}{version}/{MANIFEST}",
        "manifest_sha256": checksum(data),
        "run": lineage.get("run"),
        "data_version": lineage.get("data_version"),
        "perplexity": perplexity,
    }
    put_json(store, prefix + LATEST, entry)
    return entry
