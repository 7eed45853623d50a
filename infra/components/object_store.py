"""A bucket: encrypted, shut to the public and to connections without TLS, with its accesses on record, and kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_alicloud as alicloud

from controllers.config.backup import (
    BACKUP_SCRATCH_ACTIONS,
    BACKUP_SCRATCH_PREFIX,
    BACKUP_SOURCE_ACTIONS,
    BACKUP_SOURCE_BUCKET_ACTIONS,
    BACKUP_TARGET_ACTIONS,
    BACKUP_TARGET_BUCKET_ACTIONS,
)
from infra.bucket_rules import READ, WRITE, Rule, access_policy, part_policy, transport_policy
from infra.components import TYPE_PREFIX
from infra.components.identity import Identity


@dataclass(frozen=True)
class Encryption:
    """Encryption at rest: `AES256`, or `KMS` with a key of the bucket's region (none: OSS's default key)."""

    algorithm: str = "AES256"
    key: str | None = None


@dataclass(frozen=True)
class AccessLog:
    """The bucket and the prefix that take the record of accesses."""

    bucket: pulumi.Input[str]
    prefix: str


@dataclass(frozen=True)
class ObjectStoreArgs:
    """What a bucket is made from."""

    bucket: str
    lifecycle: Sequence[Rule]
    protect: bool
    tags: Mapping[str, str]
    encryption: Encryption = Encryption()
    access_log: AccessLog | None = None


class ObjectStore(pulumi.ComponentResource):
    """A bucket. Policy and logging are the bucket's own properties: beside it, a refresh would take them for drift."""

    bucket_name: pulumi.Output[str]

    def __init__(self, name: str, args: ObjectStoreArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(f"{TYPE_PREFIX}:ObjectStore", name, None, opts)
        self.name = name
        self.args = args
        bucket = alicloud.oss.Bucket(
            f"{name}-bucket",
            bucket=args.bucket,
            storage_class="Standard",
            redundancy_type="ZRS",
            versioning={"status": "Enabled"},
            lifecycle_rules=list(args.lifecycle),
            server_side_encryption_rule={
                "sse_algorithm": args.encryption.algorithm,
                "kms_master_key_id": args.encryption.key,
            },
            policy=json.dumps(transport_policy(args.bucket)),
            logging=_logging(args.access_log),
            force_destroy=False,
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect, ignore_changes=["redundancyType"]),
        )
        alicloud.oss.BucketPublicAccessBlock(
            f"{name}-public-access-block",
            bucket=bucket.id,
            block_public_access=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.bucket_name = bucket.id
        self.register_outputs({"bucket_name": self.bucket_name})

    def grant_read_write_to(self, identity: Identity, policy_name: str, prefix: str = "") -> pulumi.Resource:
        """Let an identity read, write and list objects, but neither remove old versions nor change the bucket."""
        return self._grant(identity, policy_name, "read-write", (*READ, *WRITE), prefix)

    def grant_read_to(self, identity: Identity, policy_name: str) -> pulumi.Resource:
        """Let an identity read and list objects."""
        return self._grant(identity, policy_name, "read", READ, "")

    def grant_backup_from(self, identity: Identity, policy_name: str) -> pulumi.Resource:
        """Let an identity read and list objects in any version."""
        document = access_policy(self.args.bucket, BACKUP_SOURCE_ACTIONS, bucket_actions=BACKUP_SOURCE_BUCKET_ACTIONS)
        return self._attach(identity, policy_name, "backup-from", document)

    def grant_backup_to(self, identity: Identity, policy_name: str, folder: str) -> pulumi.Resource:
        """Let an identity keep backups in a folder: old versions it can't remove, save in its scratch area."""
        document = part_policy(self.args.bucket, f"{folder}/", BACKUP_TARGET_ACTIONS, BACKUP_TARGET_BUCKET_ACTIONS)
        scratch = access_policy(self.args.bucket, BACKUP_SCRATCH_ACTIONS, f"{folder}/{BACKUP_SCRATCH_PREFIX}")[
            "Statement"
        ][0]
        document["Statement"].append(scratch)
        return self._attach(identity, policy_name, "backup-to", document)

    def replicate_to(self, target: ObjectStore, region: str, *, removals: bool, prefixes: Sequence[str] = ()) -> None:
        """Copy what is written here to another region's bucket, or of it what begins with one of the prefixes; with
        `removals`, deletions are carried over too.

        What was copied here is not copied on, so that two buckets may have each other as target.
        """
        key = target.args.encryption.key
        encrypted = target.args.encryption.algorithm == "KMS"
        alicloud.oss.BucketReplication(
            f"{self.name}-replication",
            bucket=self.bucket_name,
            action="ALL" if removals else "PUT",
            historical_object_replication="enabled",
            prefix_set={"prefixes": list(prefixes)} if prefixes else None,
            destination={
                "bucket": target.bucket_name,
                "location": f"oss-{region}",
                "transfer_type": "internal",
            },
            encryption_configuration={"replica_kms_key_id": key} if encrypted else None,
            source_selection_criteria={"sse_kms_encrypted_objects": {"status": "Enabled"}} if encrypted else None,
            sync_role="AliyunOSSRole" if encrypted else None,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _grant(
        self, identity: Identity, policy_name: str, kind: str, object_actions: Sequence[str], prefix: str
    ) -> pulumi.Resource:
        document = access_policy(self.args.bucket, object_actions, prefix)
        return self._attach(identity, policy_name, kind, document)

    def _attach(self, identity: Identity, policy_name: str, kind: str, document: Mapping[str, Any]) -> pulumi.Resource:
        name = f"{self.name}-{identity.args.service_account}-{kind}"
        child = pulumi.ResourceOptions(parent=self)
        policy = alicloud.ram.Policy(
            name,
            policy_name=policy_name,
            description=f"{kind} access to the bucket {self.args.bucket}",
            policy_document=json.dumps(document),
            tags=dict(identity.args.tags),
            opts=child,
        )
        attachment: pulumi.Resource = alicloud.ram.RolePolicyAttachment(
            name, role_name=identity.role_name, policy_name=policy.policy_name, policy_type="Custom", opts=child
        )
        return attachment


def _logging(log: AccessLog | None) -> dict[str, Any] | None:
    return {"target_bucket": log.bucket, "target_prefix": log.prefix} if log else None
