"""The backup bucket: what is in it, and in which order it is written, so that a kill at any point harms nothing."""

from __future__ import annotations

import datetime
import hashlib
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from controllers.backup.model import ID_PATTERN, Entry, Manifest, Proof, Summary, now_text
from controllers.buckets import Bucket
from controllers.config.backup import BACKUP_CONTENT, BACKUP_MANIFESTS, BACKUP_SCRATCH_PREFIX, BACKUP_STATUS
from controllers.errors import ControllerError, SettingsError
from trainer.errors import ObjectNotFoundError
from trainer.storage.object_store import put_json

LOG = logging.getLogger("controllers.backup")
CONTENT, BACKUPS, STATUS, SCRATCH = BACKUP_CONTENT, BACKUP_MANIFESTS, BACKUP_STATUS, BACKUP_SCRATCH_PREFIX
JOURNAL, LEASE = "journal.json", "leases/backup"
ENTRIES = TypeAdapter(list[Entry])
Model = TypeVar("Model", bound=BaseModel)


class Repository:
    """Reads and writes backups."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    # ---- what there is

    def ids(self) -> list[str]:
        """Of all backups, oldest first. One without a manifest does not exist."""
        return [name.split("/")[1] for name in self._files("manifest.json")]

    def summaries(self) -> list[Summary]:
        """All backups, oldest first, with their proofs."""
        proven = {name.split("/")[1] for name in self._files("proof.json")}
        proofs = {identifier: self.proof(identifier) for identifier in proven}
        return [Summary(id=one, proven_at=found.at if (found := proofs.get(one)) else None) for one in self.ids()]

    def _files(self, name: str) -> list[str]:
        keys = self.bucket.list(BACKUPS)
        return [key for key in keys if key.endswith(f"/{name}") and ID_PATTERN.match(key.split("/")[1])]

    def manifest(self, identifier: str) -> Manifest:
        """Raises SettingsError if there is no such backup, ControllerError if its manifest is damaged."""
        try:
            return self._read(f"{BACKUPS}{identifier}/manifest.json", Manifest)
        except ObjectNotFoundError as error:
            raise SettingsError(f"no backup {identifier} in {self.bucket.address}; `backup list` shows them") from error

    def proof(self, identifier: str) -> Proof | None:
        try:
            return self._read(f"{BACKUPS}{identifier}/proof.json", Proof)
        except ObjectNotFoundError:
            return None

    def _read(self, key: str, kind: type[Model]) -> Model:
        try:
            return kind.model_validate_json(self.bucket.get(key))
        except ValidationError as error:
            raise ControllerError(f"{self.bucket.address}{key} is damaged: {error.errors()[0]['msg']}") from error

    def chosen(self, identifier: str | None, at: datetime.datetime | None) -> Manifest:
        """The backup of this id; or the newest, or the newest that began at or before a time."""
        if identifier is not None:
            return self.manifest(identifier)
        limit = at.astimezone(datetime.UTC).strftime("%Y%m%dT%H%M%SZ") if at else "9"
        found = [one for one in self.ids() if one <= limit]
        if not found:
            until = f" that began at or before {now_text(at)}" if at else ""
            raise SettingsError(f"{self.bucket.address} holds no backup{until}; `backup list` shows them")
        return self.manifest(found[-1])

    # ---- content

    @staticmethod
    def content_key(sha256: str) -> str:
        """Where bytes of this checksum lie."""
        return f"{CONTENT}{sha256[:2]}/{sha256}"

    def add(self, sha256: str, path: Path) -> bool:
        """Keep a file's bytes. False if they were there already."""
        found = self.bucket.find(self.content_key(sha256))
        if found is not None and found[0] == path.stat().st_size:
            return False
        self.bucket.upload(self.content_key(sha256), path)
        return True

    def fetch(self, entry: Entry, path: Path) -> None:
        """An entry's bytes, compared with its checksum. Raises ControllerError if they are not what was copied."""
        self.bucket.download(self.content_key(entry.sha256), path)
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != entry.sha256:
                raise ControllerError(
                    f"{self.bucket.address}{self.content_key(entry.sha256)}, which {entry.source}/{entry.key} held, is "
                    "not what was copied; an old version of it may be: `ossutil ls --all-versions`"
                )

    # ---- writing

    def journal(self) -> list[Entry]:
        """What a backup that was killed has copied."""
        try:
            return ENTRIES.validate_json(self.bucket.get(JOURNAL))
        except (ObjectNotFoundError, ValidationError):
            return []

    def write_journal(self, entries: Iterable[Entry]) -> None:
        self.bucket.put(JOURNAL, ENTRIES.dump_json(list(entries)))

    def finish(self, manifest: Manifest) -> None:
        """From here on the backup exists."""
        self.bucket.put(f"{BACKUPS}{manifest.id}/manifest.json", manifest.model_dump_json().encode())
        self.bucket.delete(JOURNAL)

    def prove(self, proof: Proof) -> None:
        self.bucket.put(f"{BACKUPS}{proof.id}/proof.json", proof.model_dump_json().encode())

    def write_status(self) -> dict[str, object]:
        """For people and alarms: which backup is the last, which the last proven one, and when that was."""
        found = self.summaries()
        proven = [one for one in found if one.proven_at]
        value: dict[str, object] = {
            "backups": len(found),
            "last": found[-1].id if found else None,
            "last_proven": proven[-1].id if proven else None,
            "last_proven_at": proven[-1].proven_at if proven else None,
        }
        put_json(self.bucket, STATUS, value)
        return value

    def remove(self, identifier: str) -> None:
        """Its manifest first: half removed, it does not exist, and what it alone held goes at the next `collect`."""
        self.bucket.delete(f"{BACKUPS}{identifier}/manifest.json")
        self.bucket.delete(f"{BACKUPS}{identifier}/proof.json")

    def collect(self) -> int:
        """Delete content that neither a backup nor the journal names; how many. Only while nobody else writes."""
        used = {entry.sha256 for entry in self.journal()}
        for identifier in self.ids():
            used.update(entry.sha256 for entry in self.manifest(identifier).entries)
        unused = [key for key in self.bucket.list(CONTENT) if key.rpartition("/")[2] not in used]
        for key in unused:
            self.bucket.delete(key)
        return len(unused)
