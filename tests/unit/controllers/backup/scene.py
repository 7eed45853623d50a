"""A business's bucket as the trainer fills it, and its backups."""

from __future__ import annotations

import datetime
import hashlib
import json
from pathlib import Path

from controllers.backup.model import Manifest
from controllers.backup.repository import Repository
from controllers.backup.work import back_up
from controllers.buckets import Bucket, open_bucket
from controllers.config.backup import BackupSettings, RetentionSettings, SourceSettings
from tests.unit.controllers.conftest import MakeBucket
from tests.unit.sandbox.cloud.oss.conftest import REGION

NOON = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
RUN = "checkpoints/qa/run/"


class Scene:
    """A source bucket, a backup bucket, and a clock of hours."""

    def __init__(self, make_bucket: MakeBucket, scratch: Path) -> None:
        self.make_bucket = make_bucket
        self.data = make_bucket("qa-data")
        make_bucket("qa-backups")
        self.hours = 0
        self.scratch = scratch
        self.settings = BackupSettings(
            business="qa",
            namespace="qa",
            region=REGION,
            bucket="qa-backups",
            sources=(SourceSettings(name="data", bucket="qa-data"),),
            retention=RetentionSettings(hourly=2, daily=0, weekly=0),
            parallel=3,
            scratch=str(scratch),
        )
        self.repository = Repository(open_bucket(self.settings.address, REGION))

    def checkpoint(self, step: int, kept: int = 3) -> None:
        """As trainer/elasticdl/checkpoints.py does: object, pointer, then what is too old goes."""
        data = f"weights of step {step}".encode() * 50
        key = f"{RUN}version-{step}/variables-0-of-1.ckpt"
        self.data.put(key, data)
        pointer = {"version": step, "key": key, "sha256": hashlib.sha256(data).hexdigest()}
        self.data.put(f"{RUN}latest.json", json.dumps(pointer).encode())
        if step > kept:
            self.data.delete(f"{RUN}version-{step - kept}/variables-0-of-1.ckpt")

    def back_up(self) -> Manifest:
        """An hour later than the one before."""
        self.hours += 1
        return back_up(self.settings, self.repository, None, lambda: None, self.now)

    def now(self) -> datetime.datetime:
        return NOON + datetime.timedelta(hours=self.hours)


def content(bucket: Bucket) -> dict[str, bytes]:
    """All that a bucket holds."""
    return {key: bucket.get(key) for key in bucket.list()}
