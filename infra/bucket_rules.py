"""What all buckets have in common: their policy, their lifecycles, and what a grant allows. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from infra.settings.storage import Backups, Versions

READ = ("oss:GetObject", "oss:GetObjectVersion")
WRITE = ("oss:PutObject", "oss:DeleteObject", "oss:AbortMultipartUpload", "oss:ListParts")
LIST = ("oss:ListObjects", "oss:GetBucketInfo", "oss:GetBucketLocation")
Rule = dict[str, Any]


def transport_policy(bucket: str) -> dict[str, Any]:
    """Nobody, with whatever permission, reaches the bucket without TLS."""
    return {
        "Version": "1",
        "Statement": [
            {
                "Effect": "Deny",
                "Action": ["oss:*"],
                "Principal": ["*"],
                "Resource": [f"acs:oss:*:*:{bucket}", f"acs:oss:*:*:{bucket}/*"],
                "Condition": {"Bool": {"acs:SecureTransport": ["false"]}},
            }
        ],
    }


def access_policy(
    bucket: str, object_actions: Iterable[str], prefix: str = "", bucket_actions: Iterable[str] = LIST
) -> dict[str, Any]:
    """What a workload may do with a bucket. A deleted object stays as an old version: history is not its own."""
    return {
        "Version": "1",
        "Statement": [
            {"Effect": "Allow", "Action": list(object_actions), "Resource": [f"acs:oss:*:*:{bucket}/{prefix}*"]},
            {"Effect": "Allow", "Action": list(bucket_actions), "Resource": [f"acs:oss:*:*:{bucket}"]},
        ],
    }


def part_policy(
    bucket: str, prefix: str, object_actions: Iterable[str], bucket_actions: Iterable[str]
) -> dict[str, Any]:
    """What a workload may do with a part of a bucket that others use too: it learns no name of theirs either."""
    document = access_policy(bucket, object_actions, prefix, bucket_actions)
    document["Statement"][1]["Condition"] = {"StringLike": {"oss:Prefix": [f"{prefix}*"]}}
    return document


def version_rules(versions: Versions) -> list[Rule]:
    """Old versions move to cheaper classes, then go; parts of unfinished uploads go soon; delete markers last."""
    moves = _moves(versions.infrequent_access_after_days, versions.archive_after_days)
    return [
        {
            "id": "versions",
            "prefix": "",
            "enabled": True,
            "noncurrent_version_transitions": moves,
            "noncurrent_version_expirations": [{"days": versions.retention_days}],
            "expirations": [{"expired_object_delete_marker": True}],
            "abort_multipart_uploads": [{"days": versions.incomplete_upload_days}],
        }
    ]


def backup_rules(versions: Versions, backups: Backups) -> list[Rule]:
    """Copies move to cheaper classes and are never deleted by age: the newest proven one may be an old one."""
    (rule,) = version_rules(versions)
    moves = _moves(backups.infrequent_access_after_days, backups.archive_after_days)
    return [{**rule, "transitions": moves}]


def access_log_rules(retention_days: int) -> list[Rule]:
    """Logs go after their time; one that was deleted or overwritten, which nothing should do, stays a month longer."""
    return [
        {
            "id": "retention",
            "prefix": "",
            "enabled": True,
            "expirations": [{"days": retention_days}],
            "noncurrent_version_expirations": [{"days": 30}],
        }
    ]


def _moves(infrequent_access_after_days: int, archive_after_days: int | None) -> list[dict[str, Any]]:
    moves = [("IA", infrequent_access_after_days), ("Archive", archive_after_days)]
    return [{"storage_class": kind, "days": days} for kind, days in moves if days is not None]
