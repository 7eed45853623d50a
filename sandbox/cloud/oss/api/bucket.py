"""Operations on buckets: create, delete, list, and what they say of themselves."""

from __future__ import annotations

from aiohttp import web

from sandbox.cloud.oss import buckets, xml
from sandbox.cloud.oss.access import policy_is_public
from sandbox.cloud.oss.addressing import check_bucket_name
from sandbox.cloud.oss.api.call import Call, owner_element
from sandbox.cloud.oss.database import Transaction
from sandbox.cloud.oss.encryption import encryption_configuration
from sandbox.cloud.oss.errors import OssError, invalid_argument, malformed_xml
from sandbox.cloud.oss.model import BUCKET_ACLS, STORAGE_CLASSES, Bucket
from sandbox.cloud.oss.times import iso

DEFAULT_RESOURCE_GROUP = "rg-acfmsandboxdefault"
"""The account's own resource group, in which buckets are unless a request says otherwise."""
REDUNDANCY_TYPES = ("LRS", "ZRS")
MAXIMUM_LISTED = 1000


async def put_bucket(call: Call) -> web.StreamResponse:
    """PutBucket: create it in the endpoint's region, or set the ACL of one's own again."""
    check_bucket_name(call.target.bucket)
    if call.principal is None:
        raise OssError("AccessDenied", "Anonymous access is forbidden for this operation.")
    body = await call.body()
    storage_class, redundancy, region = "Standard", "LRS", call.region
    if body.strip():
        root = xml.parse(body, "CreateBucketConfiguration")
        storage_class = xml.text(root, "StorageClass") or storage_class
        redundancy = xml.text(root, "DataRedundancyType") or redundancy
        region = xml.text(root, "LocationConstraint").removeprefix("oss-") or region
    if storage_class not in STORAGE_CLASSES:
        raise OssError("InvalidStorageClass", detail={"StorageClass": storage_class})
    if redundancy not in REDUNDANCY_TYPES:
        raise invalid_argument("DataRedundancyType is LRS or ZRS.", "DataRedundancyType", redundancy)
    acl = _acl(call.header("x-oss-acl", "private"))
    group = call.header("x-oss-resource-group-id", DEFAULT_RESOURCE_GROUP)
    bucket = Bucket(
        0, call.target.bucket, call.principal.account_id, region, call.now, storage_class, redundancy, acl, "", group
    )
    encryption = encryption_configuration(
        call.header("x-oss-server-side-encryption"),
        call.header("x-oss-server-side-encryption-key-id"),
        call.header("x-oss-server-side-data-encryption"),
    )

    def create(transaction: Transaction) -> None:
        buckets.create(transaction, bucket)
        if encryption is not None:
            buckets.set_configuration(transaction, bucket.name, "encryption", encryption)

    await call.backend.database.write(create)
    return call.empty(headers={"Location": f"/{bucket.name}"})


async def delete_bucket(call: Call) -> web.StreamResponse:
    """DeleteBucket: only an empty one."""
    await call.backend.database.write(lambda transaction: buckets.delete(transaction, call.bucket.name))
    return call.empty(204)


async def head_bucket(call: Call) -> web.StreamResponse:
    """HeadBucket: whether it exists and may be read."""
    return call.empty(headers={"x-oss-bucket-region": call.bucket.region})


async def list_buckets(call: Call) -> web.StreamResponse:
    """ListBuckets (GetService): the account's buckets in every region."""
    if call.principal is None:
        raise OssError("AccessDenied", "Anonymous user has no right to access this bucket.")
    limit = call.number("max-keys", 100, 1, MAXIMUM_LISTED)
    prefix, marker = call.target.get("prefix"), call.target.get("marker")
    owner = call.principal.account_id
    found = buckets.listed(call.backend.database.reader, owner, prefix, marker, limit + 1)
    truncated, found = len(found) > limit, found[:limit]
    return call.answer(
        "ListAllMyBucketsResult",
        xml.tag("Prefix", prefix),
        xml.tag("Marker", marker),
        xml.tag("MaxKeys", limit),
        xml.tag("IsTruncated", xml.boolean(truncated)),
        xml.tag("NextMarker", found[-1].name if truncated else ""),
        xml.wrap("Owner", [xml.tag("ID", owner), xml.tag("DisplayName", owner)]),
        xml.wrap("Buckets", [xml.wrap("Bucket", _summary(bucket)) for bucket in found]),
    )


async def get_info(call: Call) -> web.StreamResponse:
    """GetBucketInfo."""
    bucket, reader = call.bucket, call.backend.database.reader
    encryption = _fields(reader, bucket, "encryption", "ServerSideEncryptionRule")
    monitor = _fields(reader, bucket, "accessmonitor", "AccessMonitorConfiguration")
    acceleration = _fields(reader, bucket, "transferAcceleration", "TransferAccelerationConfiguration")
    block = _fields(reader, bucket, "publicAccessBlock", "PublicAccessBlockConfiguration")
    logging = _fields(reader, bucket, "logging", "BucketLoggingStatus")
    replicated = buckets.configuration(reader, bucket, "replication") is not None
    rule = [
        xml.tag("SSEAlgorithm", encryption.get("SSEAlgorithm", "None")),
        *(xml.tag(name, encryption[name]) for name in ("KMSMasterKeyID", "KMSDataEncryption") if name in encryption),
    ]
    parts = [
        *_summary(bucket),
        xml.tag("AccessMonitor", monitor.get("Status", "Disabled")),
        xml.tag("TransferAcceleration", "Enabled" if acceleration.get("Enabled") == "true" else "Disabled"),
        xml.tag("CrossRegionReplication", "Enabled" if replicated else "Disabled"),
        xml.tag("DataRedundancyType", bucket.redundancy),
        xml.tag("BlockPublicAccess", block.get("BlockPublicAccess", "false")),
        xml.tag("Versioning", bucket.versioning or None),
        owner_element(bucket),
        xml.wrap("AccessControlList", [xml.tag("Grant", bucket.acl)]),
        xml.wrap("ServerSideEncryptionRule", rule),
        xml.wrap(
            "BucketPolicy",
            [
                xml.tag("LogBucket", logging.get("TargetBucket", "")),
                xml.tag("LogPrefix", logging.get("TargetPrefix", "")),
            ],
        ),
    ]
    return call.answer("BucketInfo", xml.wrap("Bucket", parts))


async def get_stat(call: Call) -> web.StreamResponse:
    """GetBucketStat: how much it holds."""
    usage, uploads = buckets.statistics(call.backend.database.reader, call.bucket)
    parts = [
        xml.tag("Storage", sum(size for size, _ in usage.values())),
        xml.tag("ObjectCount", sum(count for _, count in usage.values())),
        xml.tag("MultipartUploadCount", uploads),
        xml.tag("LiveChannelCount", 0),
        xml.tag("LastModifiedTime", call.now // 1000),
    ]
    for storage_class, label in zip(
        STORAGE_CLASSES, ("Standard", "InfrequentAccess", "Archive", "ColdArchive", "DeepColdArchive"), strict=True
    ):
        size, count = usage.get(storage_class, (0, 0))
        parts.append(xml.tag(f"{label}Storage", size))
        if label != "Standard":
            parts.append(xml.tag(f"{label}RealStorage", size))
        parts.append(xml.tag(f"{label}ObjectCount", count))
    return call.answer("BucketStat", *parts)


async def get_location(call: Call) -> web.StreamResponse:
    """GetBucketLocation."""
    return call.xml(xml.tag("LocationConstraint", call.bucket.location))


async def put_acl(call: Call) -> web.StreamResponse:
    """PutBucketAcl; a public one is refused where public access is blocked."""
    acl = _acl(call.header("x-oss-acl"))
    block = _fields(call.backend.database.reader, call.bucket, "publicAccessBlock", "PublicAccessBlockConfiguration")
    if acl != "private" and block.get("BlockPublicAccess") == "true":
        raise OssError("AccessDenied", "Put public bucket acl is not allowed: public access is blocked.")
    await call.backend.database.write(lambda transaction: buckets.set_field(transaction, call.bucket.name, "acl", acl))
    return call.empty()


async def get_acl(call: Call) -> web.StreamResponse:
    """GetBucketAcl."""
    acl = xml.wrap("AccessControlList", [xml.tag("Grant", call.bucket.acl)])
    return call.answer("AccessControlPolicy", owner_element(call.bucket), acl)


async def put_versioning(call: Call) -> web.StreamResponse:
    """PutBucketVersioning: Enabled or Suspended; it can never be off again."""
    status = xml.text(await call.document("VersioningConfiguration"), "Status")
    if status not in ("Enabled", "Suspended"):
        raise malformed_xml(f"A bucket's versioning is Enabled or Suspended, not {status!r}.")
    await call.backend.database.write(
        lambda transaction: buckets.set_field(transaction, call.bucket.name, "versioning", status)
    )
    return call.empty()


async def get_versioning(call: Call) -> web.StreamResponse:
    """GetBucketVersioning: no Status where it was never set."""
    return call.answer("VersioningConfiguration", xml.tag("Status", call.bucket.versioning or None))


async def put_resource_group(call: Call) -> web.StreamResponse:
    """PutBucketResourceGroup."""
    root = await call.document("BucketResourceGroupConfiguration")
    group = xml.text(root, "ResourceGroupId") or DEFAULT_RESOURCE_GROUP
    await call.backend.database.write(
        lambda transaction: buckets.set_field(transaction, call.bucket.name, "resource_group", group)
    )
    return call.empty()


async def get_resource_group(call: Call) -> web.StreamResponse:
    """GetBucketResourceGroup."""
    return call.answer("BucketResourceGroupConfiguration", xml.tag("ResourceGroupId", call.bucket.resource_group))


async def get_policy_status(call: Call) -> web.StreamResponse:
    """GetBucketPolicyStatus: whether the policy opens the bucket to everybody."""
    policy = buckets.configuration(call.backend.database.reader, call.bucket, "policy")
    public = policy is not None and policy_is_public(policy)
    return call.answer("PolicyStatus", xml.tag("IsPublic", xml.boolean(public)))


def _summary(bucket: Bucket) -> list[str]:
    return [
        xml.tag("Comment", ""),
        xml.tag("CreationDate", iso(bucket.created)),
        xml.tag("ExtranetEndpoint", f"{bucket.location}.aliyuncs.com"),
        xml.tag("IntranetEndpoint", f"{bucket.location}-internal.aliyuncs.com"),
        xml.tag("Location", bucket.location),
        xml.tag("Name", bucket.name),
        xml.tag("Region", bucket.region),
        xml.tag("StorageClass", bucket.storage_class),
        xml.tag("ResourceGroupId", bucket.resource_group),
    ]


def _fields(reader: buckets.Source, bucket: Bucket, kind: str, root: str) -> dict[str, str]:
    """The leaves of a stored configuration by element name."""
    content = buckets.configuration(reader, bucket, kind)
    if content is None:
        return {}
    return {node.tag: node.text for node in xml.parse(content.encode(), root).iter() if node.text and not len(node)}


def _acl(value: str) -> str:
    if value not in BUCKET_ACLS:
        raise invalid_argument(f"x-oss-acl is one of {', '.join(BUCKET_ACLS)}.", "x-oss-acl", value)
    return value
