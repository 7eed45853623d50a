"""A business's backups in one region: a CronJob that copies, proves and tidies."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_alicloud as alicloud
import pulumi_kubernetes as kubernetes

from controllers.config.backup import (
    BACKUP_FILE,
    BACKUP_NAME,
    BACKUP_RULES,
    BACKUP_SCRATCH,
    BACKUP_SOURCE_ACTIONS,
    BACKUP_SOURCE_BUCKET_ACTIONS,
    BackupSettings,
    SourceSettings,
)
from infra.bucket_rules import part_policy
from infra.components import TYPE_PREFIX
from infra.components.identity import Identity, Rule
from infra.naming import BACKUPS, DATA, MODELS, PROJECT, PULUMI_STATE, SERVING, BusinessNames
from infra.settings.keeping import Backup as Settings
from infra.tags import labels
from infra.workload import CONTAINER_SECURITY, POD_SECURITY, node_selector, resources, tolerations

SETTINGS_FOLDER, SETTINGS_FILE = BACKUP_FILE.rsplit("/", 1)
GRACE_SECONDS = 30
"""Kubernetes' own: from SIGTERM to SIGKILL. The hooks after a backup come on top."""


@dataclass(frozen=True)
class BackupArgs:
    """What a backup is made from."""

    names: BusinessNames
    settings: Settings
    namespace: pulumi.Input[str]
    identity: Identity
    needs: Sequence[pulumi.Resource]


class Backup(pulumi.ComponentResource):
    """The `backup` CronJob, what it is told, and what it may read beside its business's own buckets."""

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
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[access, *_state_access(self, name, args), *args.needs]
            ),
        )
        self.register_outputs({})


def state_source(args: BackupArgs) -> SourceSettings | None:
    """The business's own stack in the bucket of the Pulumi state, where that is in this region: its checkpoint as the
    engine's own backends name it, `.pulumi/stacks/PROJECT/STACK.json`, and what they keep beside it (`.json.bak`)."""
    state = args.settings.pulumi_state
    if state is None or state.region != args.names.region:
        return None
    return SourceSettings(
        name=PULUMI_STATE, bucket=state.bucket, prefix=f".pulumi/stacks/{PROJECT}/{args.names.business}.*"
    )


def _state_access(backup: Backup, name: str, args: BackupArgs) -> list[pulumi.Resource]:
    source = state_source(args)
    if source is None:
        return []
    child = pulumi.ResourceOptions(parent=backup)
    part = source.prefix.removesuffix("*")
    document = part_policy(source.bucket, part, BACKUP_SOURCE_ACTIONS, BACKUP_SOURCE_BUCKET_ACTIONS)
    policy = alicloud.ram.Policy(
        f"{name}-backup-{PULUMI_STATE}",
        policy_name=args.names.policy(BACKUP_NAME, PULUMI_STATE),
        description=f"Read the stack {args.names.business} in the bucket {source.bucket}",
        policy_document=json.dumps(document),
        tags=dict(args.identity.args.tags),
        opts=child,
    )
    attachment = alicloud.ram.RolePolicyAttachment(
        f"{name}-backup-{PULUMI_STATE}",
        role_name=args.identity.role_name,
        policy_name=policy.policy_name,
        policy_type="Custom",
        opts=child,
    )
    return [attachment]


def backup_settings(args: BackupArgs) -> BackupSettings:
    """What the backup reads: data with its checkpoints, models, and the Pulumi state, into the region's own bucket."""
    names, settings, state = args.names, args.settings, state_source(args)
    own = tuple(SourceSettings(name=kind, bucket=names.bucket(kind)) for kind in (DATA, MODELS))
    return BackupSettings(
        business=names.business,
        namespace=names.namespace,
        region=names.region,
        bucket=names.bucket(BACKUPS),
        sources=(*own, state) if state else own,
        hooks=settings.hooks,
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
        "terminationGracePeriodSeconds": GRACE_SECONDS
        + math.ceil(sum(hook.timeout_seconds for hook in settings.hooks.after)),
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
