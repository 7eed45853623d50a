"""What repositories hold: manifests, tags, and which blobs may be read through them. In the cloud's database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.cloud.core.clock import Clock
from sandbox.cloud.core.store import Store
from sandbox.cloud.registry.addressing import DIGEST
from sandbox.cloud.registry.errors import RegistryError

SCHEMA = """
CREATE TABLE IF NOT EXISTS registry_manifests (
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    media_type TEXT NOT NULL,
    subject TEXT NOT NULL,
    image_size INTEGER NOT NULL,
    created INTEGER NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (repository, digest)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS registry_tags (
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    PRIMARY KEY (repository, tag)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS registry_blobs (
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (repository, digest)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS registry_blobs_by_digest ON registry_blobs (digest);
"""
LARGEST_MANIFEST = 4 * 1024 * 1024
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEXES, MANIFESTS = (OCI_INDEX, DOCKER_LIST), (OCI_MANIFEST, DOCKER_MANIFEST)


@dataclass(frozen=True)
class Manifest:
    """A manifest as it was pushed."""

    digest: str
    media_type: str
    content: bytes
    image_size: int


@dataclass(frozen=True)
class Tag:
    """A name for a manifest. Times are milliseconds since 1970."""

    name: str
    digest: str
    created: int
    updated: int
    image_size: int


class Catalogue:
    """Every repository's content, by the repository's key (region/instance/namespace/name)."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        store.define(SCHEMA)

    def put_manifest(self, repository: str, reference: str, content: bytes, content_type: str) -> Manifest:
        """Keep a manifest, and give it its tag unless it was pushed by digest.

        Raises:
            RegistryError: when it is malformed, or names something that the repository does not have.
        """
        document = _parse(content)
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if reference.startswith("sha256:") and reference != digest:
            raise RegistryError("DIGEST_INVALID", f"the manifest's digest is {digest}, not {reference}")
        media_type = str(document.get("mediaType") or content_type)
        if media_type not in (*INDEXES, *MANIFESTS):
            raise RegistryError("MANIFEST_INVALID", f"the media type {media_type!r} is not taken")
        with self._store.transaction():
            size = self._check_parts(repository, document, media_type)
            subject = str((document.get("subject") or {}).get("digest") or "")
            self._store.execute(
                "INSERT INTO registry_manifests VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (repository, digest, media_type, subject, size, self._now(), content),
            )
            if not reference.startswith("sha256:"):
                self._store.execute(
                    "INSERT INTO registry_tags VALUES (?, ?, ?, ?, ?) ON CONFLICT (repository, tag) "
                    "DO UPDATE SET digest = excluded.digest, updated = excluded.updated",
                    (repository, reference, digest, self._now(), self._now()),
                )
        return Manifest(digest, media_type, content, size)

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """A manifest by tag or digest."""
        digest = reference
        if not reference.startswith("sha256:"):
            rows = self._store.execute(
                "SELECT digest FROM registry_tags WHERE repository = ? AND tag = ?", (repository, reference)
            )
            digest = str(rows[0][0]) if rows else ""
        rows = self._store.execute(
            "SELECT media_type, content, image_size FROM registry_manifests WHERE repository = ? AND digest = ?",
            (repository, digest),
        )
        return Manifest(digest, str(rows[0][0]), bytes(rows[0][1]), int(rows[0][2])) if rows else None

    def subject_of(self, repository: str, digest: str) -> str:
        """What a manifest refers to; empty for nothing."""
        rows = self._store.execute(
            "SELECT subject FROM registry_manifests WHERE repository = ? AND digest = ?", (repository, digest)
        )
        return str(rows[0][0]) if rows else ""

    def delete_manifest(self, repository: str, digest: str) -> bool:
        """Forget a manifest and its tags; whether there was one."""
        with self._store.transaction():
            there = self.manifest(repository, digest) is not None
            for statement in (
                "DELETE FROM registry_manifests WHERE repository = ? AND digest = ?",
                "DELETE FROM registry_tags WHERE repository = ? AND digest = ?",
            ):
                self._store.execute(statement, (repository, digest))
        return there

    def delete_tag(self, repository: str, tag: str) -> bool:
        """Forget a tag; whether there was one."""
        return bool(
            self._store.execute(
                "DELETE FROM registry_tags WHERE repository = ? AND tag = ? RETURNING tag", (repository, tag)
            )
        )

    def tags(self, repository: str) -> list[Tag]:
        """A repository's tags by name."""
        rows = self._store.execute(
            "SELECT t.tag, t.digest, t.created, t.updated, m.image_size FROM registry_tags t JOIN registry_manifests m "
            "ON m.repository = t.repository AND m.digest = t.digest WHERE t.repository = ? ORDER BY t.tag",
            (repository,),
        )
        return [Tag(str(name), str(digest), int(a), int(b), int(size)) for name, digest, a, b, size in rows]

    def referrers(self, repository: str, digest: str) -> list[dict[str, Any]]:
        """Descriptors of manifests whose subject is this one."""
        rows = self._store.execute(
            "SELECT digest, media_type, content FROM registry_manifests WHERE repository = ? AND subject = ?",
            (repository, digest),
        )
        found = []
        for own, media_type, content in rows:
            document = json.loads(content)
            kind = document.get("artifactType") or (document.get("config") or {}).get("mediaType") or ""
            described = {"mediaType": media_type, "digest": own, "size": len(content), "artifactType": kind}
            found.append(described | ({"annotations": document["annotations"]} if document.get("annotations") else {}))
        return found

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether a blob may be read through a repository."""
        return bool(
            self._store.execute(
                "SELECT 1 FROM registry_blobs WHERE repository = ? AND digest = ?", (repository, digest)
            )
        )

    def add_blob(self, repository: str, digest: str) -> None:
        """Let a blob be read through a repository."""
        self._store.execute("INSERT OR IGNORE INTO registry_blobs VALUES (?, ?)", (repository, digest))

    def blobs(self) -> set[str]:
        """Every blob that a repository names."""
        return {str(digest) for (digest,) in self._store.execute("SELECT DISTINCT digest FROM registry_blobs")}

    def delete_blob(self, repository: str, digest: str) -> bool:
        """Take a blob out of a repository; whether no other has it."""
        with self._store.transaction():
            self._store.execute("DELETE FROM registry_blobs WHERE repository = ? AND digest = ?", (repository, digest))
            return not self._store.execute("SELECT 1 FROM registry_blobs WHERE digest = ? LIMIT 1", (digest,))

    def delete_repository(self, repository: str) -> list[str]:
        """Forget all of a repository; the blobs that no other has."""
        with self._store.transaction():
            rows = self._store.execute("SELECT digest FROM registry_blobs WHERE repository = ?", (repository,))
            self._store.execute("DELETE FROM registry_manifests WHERE repository = ?", (repository,))
            self._store.execute("DELETE FROM registry_tags WHERE repository = ?", (repository,))
            return [str(digest) for (digest,) in rows if self.delete_blob(repository, str(digest))]

    def _check_parts(self, repository: str, document: dict[str, Any], media_type: str) -> int:
        """The bytes of an image's parts, each of which must be there."""
        size = 0
        for kind, part in _parts(document, media_type):
            digest = str(part.get("digest"))
            if DIGEST.fullmatch(digest) is None or not isinstance(part.get("size"), int):
                raise RegistryError("MANIFEST_INVALID", f"the {kind} {digest!r} has no digest or no size")
            found = self.manifest(repository, digest) if kind == "manifest" else self.has_blob(repository, digest)
            if not found and not part.get("urls"):
                raise RegistryError("MANIFEST_BLOB_UNKNOWN", f"the {kind} {digest} was not pushed to this repository")
            size += int(part["size"])
        return size

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def _parse(content: bytes) -> dict[str, Any]:
    if len(content) > LARGEST_MANIFEST:
        raise RegistryError("MANIFEST_INVALID", f"a manifest has at most {LARGEST_MANIFEST} bytes", status=413)
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or document.get("schemaVersion") != 2:
        raise RegistryError("MANIFEST_INVALID", "a manifest is a JSON object with schemaVersion 2")
    return document


def _parts(document: dict[str, Any], media_type: str) -> Iterator[tuple[str, dict[str, Any]]]:
    names = (("manifests", "manifest"),) if media_type in INDEXES else (("layers", "layer"),)
    if media_type in MANIFESTS:
        if not isinstance(document.get("config"), dict):
            raise RegistryError("MANIFEST_INVALID", "an image's manifest needs the object config")
        yield "configuration", document["config"]
    for name, kind in names:
        listed = document.get(name)
        if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
            raise RegistryError("MANIFEST_INVALID", f"{name} must be a list of objects")
        for item in listed:
            yield kind, item
