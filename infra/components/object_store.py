"""A business's bucket in one region: versioned, encrypted, shut to the public, and kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_alicloud as alicloud

from infra.components import TYPE_PREFIX
from infra.components.identity import Identity
from infra.naming import BusinessNames
from infra.settings.business import Backup, Storage

READ = ("oss:GetObject", "oss:GetObjectVersion")
WRITE = ("oss:PutObject", "oss:DeleteObject", "oss:AbortMultipartUpload", "oss:ListParts")
LIST = ("oss:ListObjects", "oss:GetBucketInfo", "oss:GetBucketLocation")


@dataclass(frozen=True)
class ObjectStoreArgs:
    """What a bucket is made from."""

    names: BusinessNames
    settings: Storage
    protect: bool
    tags: Mapping[str, str]


class ObjectStore(pulumi.ComponentResource):
    """The data bucket: training data, checkpoints and models under prefixes of their own."""

    bucket_name: pulumi.Output[str]

    def __init__(self, name: str, args: ObjectStoreArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(f"{TYPE_PREFIX}:ObjectStore", name, None, opts)
        self.name = name
        self.names = args.names
        bucket = alicloud.oss.Bucket(
            f"{name}-bucket",
            bucket=args.names.bucket,
            storage_class="Standard",
            versioning={"status": "Enabled"},
            lifecycle_rules=lifecycle_rules(args.settings.backup),
            server_side_encryption_rule={
                "sse_algorithm": args.settings.encryption,
                "kms_master_key_id": args.settings.kms_key,
            },
            force_destroy=False,
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        alicloud.oss.BucketPublicAccessBlock(
            f"{name}-public-access-block",
            bucket=bucket.id,
            block_public_access=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.bucket_name = bucket.id
        self.register_outputs({"bucket_name": self.bucket_name})

    def grant_read_write_to(self, identity: Identity) -> pulumi.Resource:
        """Let an identity read, write and list objects, but neither remove old versions nor change the bucket."""
        child = pulumi.ResourceOptions(parent=self)
        policy = alicloud.ram.Policy(
            f"{self.name}-read-write",
            policy_name=self.names.policy,
            description=f"Read and write the bucket {self.names.bucket}",
            policy_document=json.dumps(access_policy(self.names.bucket)),
            tags=dict(identity.args.tags),
            opts=child,
        )
        attachment: pulumi.Resource = alicloud.ram.RolePolicyAttachment(
            f"{self.name}-read-write",
            role_name=identity.role_name,
            policy_name=policy.policy_name,
            policy_type="Custom",
            opts=child,
        )
        return attachment


def access_policy(bucket: str) -> dict[str, Any]:
    """What training pods may do with the bucket. A deleted object stays as an old version: history is not theirs."""
    return {
        "Version": "1",
        "Statement": [
            {"Effect": "Allow", "Action": [*READ, *WRITE], "Resource": [f"acs:oss:*:*:{bucket}/*"]},
            {"Effect": "Allow", "Action": list(LIST), "Resource": [f"acs:oss:*:*:{bucket}"]},
        ],
    }


def lifecycle_rules(backup: Backup) -> list[dict[str, Any]]:
    """Old versions move to cheaper classes, then go; parts of unfinished uploads go soon; delete markers last."""
    moves = [("IA", backup.infrequent_access_after_days)]
    if backup.archive_after_days is not None:
        moves.append(("Archive", backup.archive_after_days))
    return [
        {
            "id": "backup",
            "prefix": "",
            "enabled": True,
            "noncurrent_version_transitions": [{"storage_class": kind, "days": days} for kind, days in moves],
            "noncurrent_version_expirations": [{"days": backup.retention_days}],
            "expirations": [{"expired_object_delete_marker": True}],
            "abort_multipart_uploads": [{"days": backup.incomplete_upload_days}],
        }
    ]
