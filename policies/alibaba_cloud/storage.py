"""Buckets, disks and keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from policies.model import Level, Plan, Resource, Violation, plan_rule, rule
from policies.values import UNKNOWN, at, differs, is_off, items

BUCKET = "alicloud:oss/bucket:Bucket"
BUCKET_ACL = "alicloud:oss/bucketAcl:BucketAcl"
BUCKET_ENCRYPTION = "alicloud:oss/bucketServerSideEncryption:BucketServerSideEncryption"
BUCKET_LOGGING = "alicloud:oss/bucketLogging:BucketLogging"
BUCKET_VERSIONING = "alicloud:oss/bucketVersioning:BucketVersioning"
BUCKET_ACCELERATION = "alicloud:oss/bucketTransferAcceleration:BucketTransferAcceleration"
DISKS = ("alicloud:ecs/ecsDisk:EcsDisk", "alicloud:ecs/disk:Disk")
LAUNCH_TEMPLATES = ("alicloud:ecs/ecsLaunchTemplate:EcsLaunchTemplate", "alicloud:ecs/launchTemplate:LaunchTemplate")
KEY = "alicloud:kms/key:Key"
PUBLIC_LISTS = ("public-read", "public-read-write")


def buckets_lacking(
    plan: Plan, own: Callable[[Resource], bool], companion: str, by_companion: Callable[[Resource], bool]
) -> Iterator[Resource]:
    """Buckets that neither say a thing themselves nor have a companion resource that says it for them."""
    for bucket in plan.of(BUCKET):
        others = [item for item in plan.of(companion) if _belongs(item, bucket)]
        if not own(bucket) and not any(by_companion(item) for item in others):
            yield bucket


def _belongs(companion: Resource, bucket: Resource) -> bool:
    named = companion.at("bucket")
    if named is UNKNOWN or named is None:
        return bucket.urn in companion.depends_on
    return bool(named == bucket.at("bucket"))


@rule(
    "bucket-is-private", source="CKV_ALI_1", level=Level.MANDATORY, types=(BUCKET, BUCKET_ACL),
    description="A bucket's access list lets nobody read or write who is not named in a policy.",
    reason="A public bucket is how training data most often leaks.",
)  # fmt: skip
def bucket_is_private(bucket: Resource) -> Iterator[str]:
    """Judges the list on the bucket and the list as a resource of its own."""
    if bucket.at("acl") in PUBLIC_LISTS:
        yield f"acl is `{bucket.at('acl')}`; write `private`, and grant readers by a RAM policy"


@plan_rule(
    "bucket-has-a-key-of-our-own", source="CKV_ALI_6", level=Level.ADVISORY,
    description="A bucket is encrypted with a KMS key of the customer's.",
    reason="With such a key the customer can shut the data by disabling one key; it costs by the call.",
)  # fmt: skip
def bucket_has_a_key_of_our_own(plan: Plan) -> Iterator[Violation]:
    """The key stands on the bucket or in its encryption resource."""
    lacking = buckets_lacking(
        plan,
        lambda bucket: not is_off(bucket.at("serverSideEncryptionRule.kmsMasterKeyId")),
        BUCKET_ENCRYPTION,
        lambda item: not is_off(item.at("kmsMasterKeyId")),
    )
    for bucket in lacking:
        yield Violation("encrypted with OSS's own keys; name a KMS key (`storage.kms_key` of the stack file)", bucket)


@rule(
    "disk-is-encrypted", source="CKV_ALI_7", level=Level.MANDATORY, types=DISKS,
    description="A disk is encrypted.", reason="A snapshot of it can be shared or copied later.",
)  # fmt: skip
def disk_is_encrypted(disk: Resource) -> Iterator[str]:
    """A disk made from a snapshot is as its snapshot is."""
    if is_off(disk.at("snapshotId")) and is_off(disk.at("encrypted")):
        yield "not encrypted; set `encrypted`"


@rule(
    "disk-has-a-key-of-our-own", source="CKV_ALI_8", level=Level.ADVISORY, types=DISKS,
    description="A disk is encrypted with a KMS key of the customer's.",
    reason="The customer can then shut the data by disabling one key.",
)  # fmt: skip
def disk_has_a_key_of_our_own(disk: Resource) -> Iterator[str]:
    """A disk made from a snapshot is as its snapshot is."""
    if is_off(disk.at("snapshotId")) and is_off(disk.at("kmsKeyId")):
        yield "encrypted with the service's own key, or not at all; name a key in `kmsKeyId`"


@plan_rule(
    "bucket-keeps-old-versions", source="CKV_ALI_10", level=Level.MANDATORY,
    description="A bucket keeps overwritten and deleted objects.",
    reason="Without versions a faulty job destroys the only copy of data and models.",
)  # fmt: skip
def bucket_keeps_old_versions(plan: Plan) -> Iterator[Violation]:
    """Versioning stands on the bucket or in a resource of its own."""
    lacking = buckets_lacking(
        plan,
        lambda bucket: not differs(bucket.at("versioning.status"), "Enabled"),
        BUCKET_VERSIONING,
        lambda item: not differs(item.at("status"), "Enabled"),
    )
    for bucket in lacking:
        yield Violation("versioning is not enabled; set `versioning.status: Enabled`", bucket)


@plan_rule(
    "bucket-is-accelerated", source="CKV_ALI_11", level=Level.ADVISORY,
    description="A bucket has transfer acceleration.",
    reason="Uploads from far away are then faster, at a price for each GB.",
)  # fmt: skip
def bucket_is_accelerated(plan: Plan) -> Iterator[Violation]:
    """Acceleration stands on the bucket or in a resource of its own."""
    lacking = buckets_lacking(
        plan,
        lambda bucket: not is_off(bucket.at("transferAcceleration.enabled")),
        BUCKET_ACCELERATION,
        lambda item: not is_off(item.at("enabled")),
    )
    for bucket in lacking:
        yield Violation("transfer acceleration is off; enable it where users upload from far away", bucket)


@plan_rule(
    "bucket-has-access-logs", source="CKV_ALI_12", level=Level.ADVISORY,
    description="Each access to a bucket is logged.", reason="Who read what is asked after a leak, not before.",
)  # fmt: skip
def bucket_has_access_logs(plan: Plan) -> Iterator[Violation]:
    """Logging stands on the bucket or in a resource of its own; a bucket of logs needs none itself."""
    targets = [item.at("targetBucket") for item in plan.of(BUCKET_LOGGING)]
    targets += [bucket.at("logging.targetBucket") for bucket in plan.of(BUCKET)]
    lacking = buckets_lacking(
        plan, lambda bucket: not is_off(bucket.at("logging.targetBucket")), BUCKET_LOGGING, lambda item: True
    )  # fmt: skip
    for bucket in lacking:
        if bucket.at("bucket") not in targets:
            yield Violation("no access log; add `logging` with a target bucket", bucket)


@rule(
    "key-is-rotated", source="CKV_ALI_27", level=Level.MANDATORY, types=(KEY,),
    description="A key gets new material on a schedule.",
    reason="What was encrypted under stolen material then ends with the period.",
)  # fmt: skip
def key_is_rotated(key: Resource) -> Iterator[str]:
    """Keys of one's own material and asymmetric ones cannot be rotated by the service."""
    rotates = not is_off(key.at("automaticRotation")) and not differs(key.at("automaticRotation"), "Enabled")
    if not rotates and key.at("origin") != "EXTERNAL":
        yield "automatic rotation is off; set `automaticRotation: Enabled` and a `rotationInterval`"


@rule(
    "key-is-enabled", source="CKV_ALI_28", level=Level.MANDATORY, types=(KEY,),
    description="A key is enabled.", reason="What it encrypted cannot be read otherwise.",
)  # fmt: skip
def key_is_enabled(key: Resource) -> Iterator[str]:
    """A key without a status is enabled."""
    if differs(key.at("status"), None, "Enabled"):
        yield f"its status is `{key.at('status')}`; set `status: Enabled`"


@rule(
    "launch-template-disks-are-encrypted", source="CKV_ALI_32", level=Level.MANDATORY, types=LAUNCH_TEMPLATES,
    description="Every data disk of a launch template is encrypted.", reason="Machines are made from it unseen.",
)  # fmt: skip
def launch_template_disks_are_encrypted(template: Resource) -> Iterator[str]:
    """One message a disk."""
    for index, disk in enumerate(items(template.at("dataDisks"))):
        if is_off(at(disk, "encrypted")):
            yield f"dataDisks[{index}] is not encrypted; set its `encrypted`"
