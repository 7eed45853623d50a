"""Which request is which operation: by what it addresses, its method and its sub-resource."""

from __future__ import annotations

from sandbox.cloud.oss.addressing import Target
from sandbox.cloud.oss.api import bucket, contents, multipart, properties, reading, replication, writing
from sandbox.cloud.oss.api.call import Handler, Operation
from sandbox.cloud.oss.api.configuration import (
    CONFIGURATIONS,
    delete_policy,
    get_policy,
    get_worm,
    put_policy,
)
from sandbox.cloud.oss.api.regions import describe_regions
from sandbox.cloud.oss.errors import OssError, not_implemented

Table = dict[tuple[str, str], Operation]
"""Method and sub-resource (empty for none) -> operation."""

_PARAMETERS = """
    prefix marker max-keys delimiter encoding-type list-type start-after continuation-token fetch-owner key-marker
    version-id-marker upload-id-marker max-uploads max-parts part-number-marker partNumber versionId position comp
    rule-id sequential tag-key tag-value Expires OSSAccessKeyId Signature security-token
"""
MODIFIERS = frozenset(_PARAMETERS.split())
"""Parameters that change how an operation works, not which one it is."""
_PREFIXES = ("response-", "x-oss-")


def _table(*rows: tuple[str, str, str, Handler] | tuple[str, str, str, Handler, str]) -> Table:
    found: Table = {}
    for method, subresource, name, handler, *action in rows:
        found[method, subresource] = Operation(name, f"oss:{action[0] if action else name}", handler)
    return found


SERVICE = _table(
    ("GET", "", "ListBuckets", bucket.list_buckets),
    ("GET", "regions", "DescribeRegions", describe_regions),
)

BUCKET = _table(
    ("PUT", "", "PutBucket", bucket.put_bucket),
    ("DELETE", "", "DeleteBucket", bucket.delete_bucket),
    ("HEAD", "", "HeadBucket", bucket.head_bucket, "ListObjects"),
    ("GET", "", "ListObjects", contents.list_objects),
    ("GET", "versions", "ListObjectVersions", contents.list_versions),
    ("GET", "uploads", "ListMultipartUploads", contents.list_uploads),
    ("GET", "bucketInfo", "GetBucketInfo", bucket.get_info),
    ("GET", "stat", "GetBucketStat", bucket.get_stat),
    ("GET", "location", "GetBucketLocation", bucket.get_location),
    ("PUT", "acl", "PutBucketAcl", bucket.put_acl),
    ("GET", "acl", "GetBucketAcl", bucket.get_acl),
    ("PUT", "versioning", "PutBucketVersioning", bucket.put_versioning),
    ("GET", "versioning", "GetBucketVersioning", bucket.get_versioning),
    ("PUT", "resourceGroup", "PutBucketResourceGroup", bucket.put_resource_group),
    ("GET", "resourceGroup", "GetBucketResourceGroup", bucket.get_resource_group),
    ("PUT", "policy", "PutBucketPolicy", put_policy),
    ("GET", "policy", "GetBucketPolicy", get_policy),
    ("DELETE", "policy", "DeleteBucketPolicy", delete_policy),
    ("GET", "policyStatus", "GetBucketPolicyStatus", bucket.get_policy_status),
    ("GET", "worm", "GetBucketWorm", get_worm),
    ("POST", "delete", "DeleteMultipleObjects", writing.delete_objects, "DeleteObject"),
    ("POST", "replication", "PutBucketReplication", replication.post),
    ("GET", "replication", "GetBucketReplication", replication.get),
    ("GET", "replicationLocation", "GetBucketReplicationLocation", replication.get_location),
    ("GET", "replicationProgress", "GetBucketReplicationProgress", replication.get_progress),
    ("PUT", "rtc", "PutBucketRtc", replication.put_rtc, "PutBucketReplication"),
)
for _configuration in CONFIGURATIONS:
    for _method, _operation in _configuration.operations().items():
        BUCKET[_method, _configuration.kind] = _operation

OBJECT = _table(
    ("PUT", "", "PutObject", writing.put_object),
    ("GET", "", "GetObject", reading.get_object),
    ("HEAD", "", "HeadObject", reading.head_object, "GetObject"),
    ("DELETE", "", "DeleteObject", writing.delete_object),
    ("GET", "objectMeta", "GetObjectMeta", reading.get_object_meta, "GetObject"),
    ("HEAD", "objectMeta", "GetObjectMeta", reading.get_object_meta, "GetObject"),
    ("PUT", "symlink", "PutSymlink", writing.put_symlink, "PutObject"),
    ("GET", "symlink", "GetSymlink", reading.get_symlink, "GetObject"),
    ("POST", "append", "AppendObject", writing.append_object, "PutObject"),
    ("POST", "uploads", "InitiateMultipartUpload", multipart.initiate, "PutObject"),
    ("PUT", "uploadId", "UploadPart", multipart.upload_part, "PutObject"),
    ("POST", "uploadId", "CompleteMultipartUpload", multipart.complete, "PutObject"),
    ("DELETE", "uploadId", "AbortMultipartUpload", multipart.abort),
    ("GET", "uploadId", "ListParts", multipart.list_parts),
    ("PUT", "acl", "PutObjectAcl", properties.put_acl),
    ("GET", "acl", "GetObjectAcl", properties.get_acl),
    ("PUT", "tagging", "PutObjectTagging", properties.put_tagging),
    ("GET", "tagging", "GetObjectTagging", properties.get_tagging),
    ("DELETE", "tagging", "DeleteObjectTagging", properties.delete_tagging),
    ("POST", "restore", "RestoreObject", properties.restore),
)

OF_A_VERSION = frozenset(
    {
        "oss:GetObject",
        "oss:DeleteObject",
        "oss:GetObjectAcl",
        "oss:PutObjectAcl",
        "oss:GetObjectTagging",
        "oss:PutObjectTagging",
        "oss:DeleteObjectTagging",
        "oss:RestoreObject",
    }
)
"""RAM actions that have a twin with Version in its name, asked for where a request names a version."""


def route(method: str, target: Target) -> Operation:
    """The operation that a request asks for; NotImplemented, naming it, where there is none."""
    table, level = (SERVICE, "service") if not target.bucket else (BUCKET, "bucket")
    if target.bucket and target.key:
        table, level = OBJECT, "object"
    names = [name for name in target.parameters if name not in MODIFIERS and not name.startswith(_PREFIXES)]
    if len(names) > 1:
        raise not_implemented(f"{method} of a {level} with ?{'&'.join(sorted(names))} together")
    subresource = names[0] if names else ""
    found = table.get((method, subresource))
    if found is not None:
        return found
    known = {name for _, name in table}
    if subresource in known and method not in ("GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS"):
        raise OssError("MethodNotAllowed", detail={"Method": method, "ResourceType": subresource or level})
    raise not_implemented(f"{method} of a {level}{f' with ?{subresource}' if subresource else ''}")
