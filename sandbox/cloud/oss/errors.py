"""Object storage's own error codes.

Codes, statuses and messages as documented at
https://help.aliyun.com/zh/oss/developer-reference/error-responses
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CATALOGUE: Mapping[str, tuple[int, str]] = {
    "AccessDenied": (403, "You have no right to access this object because of bucket acl."),
    "AccessForbidden": (
        403,
        # The cloud's own spelling.
        "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request "
        "method / Access-Control-Request-Method or Access-Control-Requet-Headers are not whitelisted by the resource's "
        "CORS spec.",
    ),
    "BadDigest": (400, "The Content-MD5 you specified did not match what we received."),
    "BucketAlreadyExists": (
        409,
        "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
        "Please select a different name and try again.",
    ),
    "BucketNotEmpty": (409, "The bucket has objects. Please delete them first."),
    "BucketReplicationAlreadyExist": (409, "The bucket replication already exists."),
    "EntityTooLarge": (400, "Your proposed upload exceeds the maximum allowed size."),
    "EntityTooSmall": (400, "Your proposed upload is smaller than the minimum allowed size."),
    "FileAlreadyExists": (409, "The object you specified already exists and can not be overwritten."),
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "IncompleteBody": (400, "You did not provide the number of bytes specified by the Content-Length HTTP header."),
    "InvalidAccessKeyId": (403, "The OSS Access Key Id you provided does not exist in our records."),
    "InvalidArgument": (400, "An argument of the request is invalid."),
    "InvalidBucketName": (400, "The specified bucket is not valid."),
    "InvalidDigest": (400, "The Content-MD5 you specified is not valid."),
    "InvalidEncryptionAlgorithmError": (400, "The Encryption Algorithm you specified is not supported."),
    "InvalidObjectName": (400, "The specified object is not valid."),
    "InvalidObjectState": (403, "The operation is not valid for the object's state"),
    "InvalidPart": (
        400,
        "One or more of the specified parts could not be found or the specified entity tag might not have matched "
        "the part's entity tag.",
    ),
    "InvalidPartOrder": (
        400,
        "The list of parts was not in ascending order. Parts list must specified in order by part number.",
    ),
    "InvalidPolicyDocument": (400, "The content of the form does not meet the conditions specified in the policy."),
    "InvalidRange": (416, "The requested range cannot be satisfied."),
    "InvalidSecurityToken": (403, "The security token you provided is invalid."),
    "InvalidStorageClass": (400, "The storage class you specified is invalid."),
    "InvalidTag": (400, "The tag you specified is invalid."),
    "KmsServiceNotEnabled": (403, "KMS service not enabled."),
    "MalformedXML": (400, "The XML you provided was not well-formed or did not validate against our published schema."),
    "MethodNotAllowed": (405, "The specified method is not allowed against this resource."),
    "MissingArgument": (400, "A required argument is missing."),
    "MissingContentLength": (411, "You must provide the Content-Length HTTP header."),
    "NoSuchBucket": (404, "The specified bucket does not exist."),
    "NoSuchBucketPolicy": (404, "The bucket policy does not exist."),
    "NoSuchCORSConfiguration": (404, "The CORS Configuration does not exist."),
    "NoSuchHttpsConfig": (404, "The bucket https config does not exist."),
    "NoSuchKey": (404, "The specified key does not exist."),
    "NoSuchLifecycle": (404, "No Row found in Lifecycle Table."),
    "NoSuchReplicationConfiguration": (404, "The bucket replication configuration does not exist."),
    "NoSuchReplicationRule": (404, "The bucket replication rule does not exist."),
    "NoSuchServerSideEncryptionRule": (
        404,
        "The server side encryption configuration associated with this bucket does not exist.",
    ),
    "NoSuchTransferAccelerationConfiguration": (404, "The bucket transfer acceleration configuration does not exist."),
    "NoSuchUpload": (
        404,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
        "completed.",
    ),
    "NoSuchUserDefinedLogFieldsConfig": (404, "The bucket user defined log fields config does not exist."),
    "NoSuchVersion": (404, "The specified version does not exist."),
    "NoSuchWebsiteConfiguration": (404, "The specified bucket does not have a website configuration."),
    "NoSuchWORMConfiguration": (404, "The WORM Configuration does not exist."),
    "NotImplemented": (501, "A header you provided implies functionality that is not implemented."),
    "NotModified": (304, "The object was not modified."),
    "NotSymlink": (400, "The object is not symlink"),
    "ObjectAlreadyExists": (409, "The object already exists."),
    "ObjectNotAppendable": (409, "The object is not appendable"),
    "PositionNotEqualToLength": (409, "Position is not equal to file length"),
    "PreconditionFailed": (412, "At least one of the pre-conditions you specified did not hold."),
    "RequestTimeTooSkewed": (
        403,
        "The difference between the request time and the current time is too large.",
    ),
    "RestoreAlreadyInProgress": (409, "The restore operation is in progress."),
    "SecurityTokenExpired": (403, "The security token you provided has expired."),
    "SignatureDoesNotMatch": (
        403,
        "The request signature we calculated does not match the signature you provided. Check your key and signing "
        "method.",
    ),
    "SymlinkTargetNotExist": (404, "The symlink target object does not exist"),
    "TooManyBuckets": (400, "You have attempted to create more buckets than allowed."),
}
"""Code -> (HTTP status, default message)."""


@dataclass
class OssError(Exception):
    """An answer with an error of object storage; `detail` holds further XML elements, such as the bucket's name."""

    code: str
    message: str = ""
    detail: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(self.code)
        if not self.message:
            self.message = CATALOGUE[self.code][1]

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code."""
        return CATALOGUE[self.code][0]


@dataclass
class InjectedOssError(OssError):
    """An error that a fault rule asked for; its code need not be in the catalogue."""

    injected_status: int = 500

    @property
    def status(self) -> int:
        """The HTTP status that was asked for."""
        return self.injected_status


def no_such_bucket(bucket: str) -> OssError:
    """The bucket does not exist."""
    return OssError("NoSuchBucket", detail={"BucketName": bucket})


def no_such_key(key: str, headers: Mapping[str, str] | None = None) -> OssError:
    """The object does not exist, or its newest version is a delete marker."""
    return OssError("NoSuchKey", detail={"Key": key}, headers=headers or {})


def invalid_argument(message: str, name: str = "", value: str = "") -> OssError:
    """An argument has a wrong value."""
    detail = {"ArgumentName": name, "ArgumentValue": value} if name else {}
    return OssError("InvalidArgument", message, detail)


def malformed_xml(message: str = "") -> OssError:
    """The request's XML body cannot be used."""
    return OssError("MalformedXML", message)


def not_implemented(what: str) -> OssError:
    """The emulator does not know this call; the answer names it, so that a gap is never silent."""
    return OssError("NotImplemented", f"{what} is not implemented by the sandbox's object storage.")
