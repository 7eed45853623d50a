"""Settings of a business's buckets."""

from __future__ import annotations

from typing import Literal

from infra.settings.base import Settings, option


class Versions(Settings):
    """How long overwritten and deleted objects stay recoverable (versioning and lifecycle rules of the buckets)."""

    retention_days: int = option(
        "How long an overwritten or deleted object can be brought back.",
        default=90,
        unit="days",
        why="A quarter: long enough to notice a bad model and go back.",
        ge=1,
        le=3650,
    )
    infrequent_access_after_days: int = option(
        "When an old version moves to the Infrequent Access class.",
        default=30,
        unit="days",
        why="That class bills at least 30 days, so moving earlier rarely saves.",
        ge=1,
        le=3650,
    )
    archive_after_days: int | None = option(
        "When an old version moves on to the Archive class, where reading it needs a restore of about a minute.",
        default=None,
        unit="days",
        why="None: worth it only with a long retention.",
        ge=1,
        le=3650,
    )
    incomplete_upload_days: int = option(
        "When the parts of an unfinished upload are removed.",
        default=3,
        unit="days",
        why="An upload never takes longer; parts are billed though nobody sees them.",
        ge=1,
        le=30,
    )


class Backups(Settings):
    """How copies in the backup bucket move to cheaper classes. The backup job deletes them."""

    infrequent_access_after_days: int = option(
        "When a copy moves to the Infrequent Access class.",
        default=30,
        unit="days",
        why="That class bills at least 30 days; a copy is mostly read in its first weeks, if ever.",
        ge=1,
        le=3650,
    )
    archive_after_days: int | None = option(
        "When a copy moves on to the Archive class, where reading it needs a restore of about a minute.",
        default=180,
        unit="days",
        why="A quarter of the price of Infrequent Access, for copies that are kept for the record.",
        ge=1,
        le=3650,
    )


class Storage(Settings):
    """The business's buckets in each region: data, models and backups."""

    encryption: Literal["AES256", "KMS"] = option(
        "Encryption at rest: with keys of OSS, or with a key of the Key Management Service.",
        default="AES256",
        why="Costs nothing and needs no key to look after.",
    )
    replication: bool = option(
        "Copy what is written to each bucket to the paired region's bucket of the same kind.",
        default=True,
        why="A region that takes over must find models and checkpoints there. Without effect in a single region.",
    )
    versions: Versions = option("Old versions and their lifecycle.", default=Versions(), why="A quarter of history.")
    backups: Backups = option("Lifecycle of the backup bucket.", default=Backups(), why="Cheaper as copies grow older.")
