"""What the backup is told, and may do."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from controllers.config.base import Frozen, Rule

BACKUP_FILE = "/etc/backup/backup.json"
BACKUP_NAME = "backup"
"""Name of its CronJob and service account."""
BACKUP_SCRATCH = "/scratch"
"""An emptyDir: one object a thread passes through it, so it must hold `parallel` times the largest object."""

BACKUP_RULES = (
    Rule(("",), ("configmaps", "services", "serviceaccounts", "resourcequotas", "limitranges"), ("list",)),
    Rule(("apps",), ("deployments", "statefulsets", "daemonsets"), ("list",)),
    Rule(("batch",), ("cronjobs",), ("list",)),
    Rule(("autoscaling",), ("horizontalpodautoscalers",), ("list",)),
    Rule(("policy",), ("poddisruptionbudgets",), ("list",)),
    Rule(("networking.k8s.io",), ("networkpolicies", "ingresses"), ("list",)),
    Rule(("rbac.authorization.k8s.io",), ("roles", "rolebindings"), ("list",)),
)
"""Every kind that is copied, in the business's own namespace. Secrets are not: a copy of one is a second place to leak
it from, and what makes a Secret (the identity, the program) makes it anew. Pods and Jobs are made by others."""

BACKUP_SOURCE_ACTIONS = ("oss:GetObject", "oss:GetObjectVersion")
"""On every object of each source bucket."""
BACKUP_SOURCE_BUCKET_ACTIONS = ("oss:ListObjects", "oss:ListObjectVersions")
"""On each source bucket itself."""
BACKUP_TARGET_ACTIONS = (*BACKUP_SOURCE_ACTIONS, "oss:PutObject", "oss:DeleteObject")
"""On the region's own folder of the backup bucket; old versions stay, so that a stolen identity cannot destroy a
backup."""
BACKUP_SCRATCH_PREFIX = "scratch/"
BACKUP_SCRATCH_ACTIONS = ("oss:DeleteObjectVersion",)
"""On `scratch/*` of that folder, where a proof restores to: old versions of that are worth nothing."""
BACKUP_CONTENT, BACKUP_MANIFESTS, BACKUP_STATUS = "content/", "backups/", "status.json"
BACKUP_COPIED = (BACKUP_CONTENT, BACKUP_MANIFESTS, BACKUP_STATUS)
"""What the other region is to have of that folder: a backup, not who is at work on one nor what a proof restores."""
BACKUP_TARGET_BUCKET_ACTIONS = BACKUP_SOURCE_BUCKET_ACTIONS


class SourceSettings(Frozen):
    """A bucket, or a part of one, that is copied. For instance data, models, or the bucket with the Pulumi state."""

    name: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,30}[a-z0-9])?$")]
    """What `--to NAME=oss://...` calls it. `kubernetes` is taken."""
    bucket: str
    prefix: str = ""
    """A folder; with `*` at its end, how the objects' names begin."""
    region: str = ""
    """Empty: the region of the settings."""


class RetentionSettings(Frozen):
    """How many backups are kept: the newest of each of the last so many hours, days and weeks that have one (UTC).

    Beside these the newest one is kept, and the newest proven one, whatever their age.
    """

    hourly: Annotated[int, Field(ge=0, le=744)] = 24
    daily: Annotated[int, Field(ge=0, le=366)] = 7
    weekly: Annotated[int, Field(ge=0, le=520)] = 12


class Hook(Frozen):
    """What is done before or after a backup: a call, or a command in the backup's own container. Give one of the two.

    Both are told `when` (before, after), business, namespace and region; after, also `succeeded`, `error` and the
    `backup` that was made: a call in its JSON body, a command in variables `BACKUP_WHEN`, `BACKUP_SUCCEEDED`, ...
    """

    name: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,30}[a-z0-9])?$", description="What the log calls it.")]
    url: Annotated[
        str,
        Field(
            pattern=r"^(https?://[^\s]+)?$",
            max_length=2000,
            description="Is sent a POST, and must answer 2xx: a Service of the namespace, or the cloud on 443.",
        ),
    ] = ""
    command: Annotated[
        tuple[str, ...],
        Field(max_length=64, description="Program and arguments, without a shell; what is in the backup's image."),
    ] = ()
    timeout_seconds: Annotated[float, Field(gt=0, le=600, description="How long it may take, in seconds.")] = 30.0
    required: Annotated[
        bool, Field(description="Whether without it no backup is made (before), or the Job fails (after).")
    ] = True

    @model_validator(mode="after")
    def _one_way(self) -> Hook:
        if bool(self.url) == bool(self.command):
            given = "both were given" if self.url else "neither was given"
            raise ValueError(f"give exactly one of `url` and `command`: {given}")
        return self


class Hooks(Frozen):
    """What is done around a backup, in this order. Those after it are run also when it failed, or was ended."""

    before: Annotated[
        tuple[Hook, ...],
        Field(
            max_length=8,
            description="Before anything is read.",
            json_schema_extra={"x-why": "What the trainer writes is copied consistently without; other writers pause."},
        ),
    ] = ()
    after: Annotated[
        tuple[Hook, ...],
        Field(
            max_length=8,
            description="Once all is copied, and before it is proven.",
            json_schema_extra={"x-why": "Whatever was paused goes on."},
        ),
    ] = ()


class BackupSettings(Frozen):
    """Everything that the backup needs: one JSON document in a ConfigMap.

    Started by a CronJob (concurrencyPolicy Forbid) as `python3 -m controllers backup run --settings
    /etc/backup/backup.json`, with `BACKUP_SCRATCH` to write to. It takes 100 MB and one core while it runs. Network: to
    the API server, to DNS, to object storage and STS on 443. Permissions: `BACKUP_RULES`, and the actions above.
    """

    business: str
    namespace: str
    region: str
    bucket: str
    """Where the backups go, into a folder with the region's name; encrypted by its own rule, versioned."""
    sources: Annotated[tuple[SourceSettings, ...], Field(min_length=1, max_length=8)]
    hooks: Hooks = Hooks()
    objects: bool = True
    """Whether the namespace's Kubernetes objects are copied too."""
    retention: RetentionSettings = RetentionSettings()
    prove: bool = True
    """Whether each backup is restored into a scratch prefix and compared, right after it was made."""
    parallel: Annotated[int, Field(ge=1, le=32)] = 4
    scratch: str = BACKUP_SCRATCH

    @property
    def address(self) -> str:
        """Of the backups. Two regions' buckets are copied into each other: in one folder, one region's backups, which
        have the same names, and the lease on making them would be taken for the other's."""
        return f"oss://{self.bucket}/{self.region}"
