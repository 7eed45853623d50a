"""Settings of what keeps a business's word beside the status monitor: its backups, and where its users are led."""

from __future__ import annotations

from controllers.config.backup import Hooks, RetentionSettings
from controllers.config.traffic import TrafficTimings
from infra.settings.base import RegionName, Settings, option
from infra.settings.training import IMAGE
from trainer.config import ResourceRequest


class PulumiState(Settings):
    """Where Pulumi keeps its state, if it is a bucket: this business's stack is copied, and no other one's."""

    bucket: str = option(
        "Name of the bucket, versioned as docs/move-to-the-cloud.md has it.",
        why="As in `$PULUMI_BACKEND_URL`.",
        pattern=r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$",
    )
    region: RegionName = option(
        "The bucket's region, one of this file's: the backup there copies it.",
        why="The copy is carried to the other region with all the rest.",
    )


class Backup(Settings):
    """The backups of each region: scheduled, incremental, each proven by a restore."""

    image: str = option(
        "The controllers' image, with its tag.",
        why="Pinned, so that a backup of today can be restored tomorrow.",
        pattern=IMAGE,
    )
    schedule: str = option(
        "When a backup is made: a line of cron, in UTC.",
        default="17 * * * *",
        why="Hourly, and not when everybody's jobs start.",
        pattern=r"^\S+ \S+ \S+ \S+ \S+$",
    )
    request: ResourceRequest = option(
        "What a backup requests while it runs.",
        default=ResourceRequest(cpu=0.25, memory_mebibytes=384),
        why="Objects are streamed: memory does not grow with the data.",
    )
    scratch_gibibytes: int = option(
        "Disk through which objects pass.",
        default=8,
        unit="GiB",
        why="Four objects at a time: enough for checkpoints of 2 GiB.",
        ge=1,
        le=1000,
    )
    deadline_seconds: int = option(
        "How long a backup may take before it is ended; the next one goes on where it was.",
        default=3300,
        unit="seconds",
        why="Just under an hour.",
        ge=60,
        le=86_400,
    )
    prove: bool = option(
        "Whether each backup is restored into a scratch prefix and compared.",
        default=True,
        why="A backup that was never restored is a hope.",
    )
    hooks: Hooks = option(
        "What is done before a backup and after it.",
        default=Hooks(),
        why="None: checkpoints, models and data are consistent without a pause.",
    )
    pulumi_state: PulumiState | None = option(
        "The bucket with the Pulumi state.",
        default=None,
        why="None: the state is no object, or somebody else copies it.",
    )
    retention: RetentionSettings = option(
        "How many backups are kept.", default=RetentionSettings(), why="A day of hours, a week of days, a quarter."
    )


class TrafficController(Settings):
    """The traffic controller of each region: it leads users away from a region that is dead, and back."""

    image: str = option(
        "The controllers' image, with its tag.",
        why="Pinned, so that a repaired node runs the same program.",
        pattern=IMAGE,
    )
    request: ResourceRequest = option(
        "What it requests; there is one a region.",
        default=ResourceRequest(cpu=0.05, memory_mebibytes=160),
        why="At rest it takes about 100 MB.",
    )
    timings: TrafficTimings = option(
        "When a region is taken out, and when it is taken back.",
        default=TrafficTimings(),
        why="The controller's own: about 7 s, and back after 30 s.",
    )
