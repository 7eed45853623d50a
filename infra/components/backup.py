"""A business's backups in one region: a CronJob that copies, proves and tidies."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from controllers.config import (
    BACKUP_FILE,
    BACKUP_NAME,
    BACKUP_RULES,
    BACKUP_SCRATCH,
    BackupSettings,
    SourceSettings,
)
from infra.components import TYPE_PREFIX
from infra.components.identity import Identity, Rule
from infra.naming import BACKUPS, DATA, MODELS, SERVING, BusinessNames
from infra.settings.keeping import Backup as Settings
from infra.tags import labels
from infra.workload import CONTAINER_SECURITY, POD_SECURITY, node_selector, resources, tolerations

SETTINGS_FOLDER, SETTINGS_FILE = BACKUP_FILE.rsplit("/", 1)


@dataclass(frozen=True)
class BackupArgs:
    """What a backup is made from."""

    names: BusinessNames
    settings: Settings
    namespace: pulumi.Input[str]
    identity: Identity
    needs: Sequence[pulumi.Resource]


class Backup(pulumi.ComponentResource):
    """The `backup` CronJob, what it is told, and what it may read."""

    def __init__(self, name: str, args: BackupArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(f"{TYPE_PREFIX}:Backup", name, None, opts)
        access = args.identity.allow([Rule(rule.resources, rule.verbs, rule.api_groups) for rule in BACKUP_RULES])
        document = backup_settings(args).model_dump_json(indent=2) + "\n"
        digest = hashlib.sha256(document.encode()).hexdigest()[:10]
        common = labels(args.names.business, BACKUP_NAME)
        settings = kubernetes.core.v1.ConfigMap(
            f"{name}-backup-settings",
            metadata={"name": f"{BACKUP_NAME}-{digest}", "namespace": args.namespace, "labels": common},
            immutable=True,
            data={SETTINGS_FILE: document},
            opts=pulumi.ResourceOptions(parent=self),
        )
        kubernetes.batch.v1.CronJob(
            f"{name}-backup",
            metadata={"name": BACKUP_NAME, "namespace": args.namespace, "labels": common},
            spec=cron_job_spec(args, settings.metadata.name, common),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[access, *args.needs]),
        )
        self.register_outputs({})


def backup_settings(args: BackupArgs) -> BackupSettings:
    """What the backup reads: data with its checkpoints, and models, into the backup bucket of the same region."""
    names, settings = args.names, args.settings
    return BackupSettings(
        business=names.business,
        namespace=names.namespace,
        region=names.region,
        bucket=names.bucket(BACKUPS),
        sources=tuple(SourceSettings(name=kind, bucket=names.bucket(kind)) for kind in (DATA, MODELS)),
        retention=settings.retention,
        prove=settings.prove,
    )


def cron_job_spec(args: BackupArgs, config_map: pulumi.Input[str], common: Mapping[str, str]) -> dict[str, Any]:
    """Never two at once; one that fails is tried once more, and goes on where it was."""
    settings = args.settings
    container = {
        "name": "backup",
        "image": settings.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-m", "controllers", "backup", "run", "--settings", BACKUP_FILE],
        "env": [{"name": "TMPDIR", "value": BACKUP_SCRATCH}],
        "resources": resources(settings.request),
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [
            {"name": "settings", "mountPath": SETTINGS_FOLDER, "readOnly": True},
            {"name": "scratch", "mountPath": BACKUP_SCRATCH},
        ],
    }
    pod = {
        "restartPolicy": "Never",
        "serviceAccountName": args.identity.service_account,
        "automountServiceAccountToken": True,
        "nodeSelector": node_selector(args.names.business, SERVING),
        "tolerations": tolerations(args.names.business),
        "enableServiceLinks": False,
        "securityContext": POD_SECURITY,
        "containers": [container],
        "volumes": [
            {"name": "settings", "configMap": {"name": config_map}},
            {"name": "scratch", "emptyDir": {"sizeLimit": f"{settings.scratch_gibibytes}Gi"}},
        ],
    }
    return {
        "schedule": settings.schedule,
        "timeZone": "Etc/UTC",
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 600,
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 3,
        "jobTemplate": {
            "metadata": {"labels": dict(common)},
            "spec": {
                "backoffLimit": 1,
                "activeDeadlineSeconds": settings.deadline_seconds,
                "template": {"metadata": {"labels": dict(common)}, "spec": pod},
            },
        },
    }
