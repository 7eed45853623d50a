"""Configurations of a bucket that are put, read and deleted as one XML document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from sandbox.cloud.oss import buckets, lifecycle_rules, xml
from sandbox.cloud.oss.access import check_policy, policy_is_public
from sandbox.cloud.oss.api.call import Call, Operation
from sandbox.cloud.oss.encryption import check_rule
from sandbox.cloud.oss.errors import OssError, invalid_argument, malformed_xml
from sandbox.cloud.oss.xml import Element

MAXIMUM_BUCKET_TAGS = 20
MAXIMUM_POLICY = 16 * 1024
"""Bytes of the longest bucket policy."""


@dataclass(frozen=True)
class Configuration:
    """A kind of configuration.

    `absent` is the answer where it was never set: an XML document, or else the name of an error.
    """

    kind: str
    label: str
    root: str
    absent: str
    deletable: bool = True
    check: Callable[[Call, Element], None] | None = None

    def operations(self) -> dict[str, Operation]:
        """Its operations by HTTP method."""
        found = {
            "PUT": Operation(f"PutBucket{self.label}", f"oss:PutBucket{self.label}", self.put),
            "GET": Operation(f"GetBucket{self.label}", f"oss:GetBucket{self.label}", self.get),
        }
        if self.deletable:
            name = f"DeleteBucket{self.label}"
            found["DELETE"] = Operation(name, f"oss:{name}", self.delete)
        return found

    async def put(self, call: Call) -> web.StreamResponse:
        """Store the configuration."""
        root = await call.document(self.root)
        if self.check is not None:
            self.check(call, root)
        content = xml.serialise(root)
        await self._store(call, content)
        return call.empty()

    async def get(self, call: Call) -> web.StreamResponse:
        """The configuration as it was stored, or what stands for none."""
        content = buckets.configuration(call.backend.database.reader, call.bucket, self.kind)
        if content is not None:
            return call.xml(content)
        if not self.absent.startswith("<"):
            raise OssError(self.absent, detail={"BucketName": call.bucket.name})
        return call.xml(self.absent)

    async def delete(self, call: Call) -> web.StreamResponse:
        """Remove the configuration; one that was never set too."""
        await self._store(call, None)
        return call.empty(204)

    async def _store(self, call: Call, content: str | None) -> None:
        await call.backend.database.write(
            lambda transaction: buckets.set_configuration(transaction, call.bucket.name, self.kind, content)
        )


def _lifecycle(call: Call, root: Element) -> None:
    allow = call.header("x-oss-allow-same-action-overlap") == "true"
    lifecycle_rules.check(root, allow_overlap=allow)


def _encryption(call: Call, root: Element) -> None:
    check_rule(root)


def _logging(call: Call, root: Element) -> None:
    target = xml.text(root, "LoggingEnabled/TargetBucket")
    if root.find("LoggingEnabled") is None:
        return
    found = buckets.find(call.backend.database.reader, target)
    if found is None or found.owner != call.bucket.owner or found.region != call.bucket.region:
        message = "The log's bucket must exist, in the same region and of the same owner."
        raise invalid_argument(message, "TargetBucket", target)


def _tagging(call: Call, root: Element) -> None:
    tags = read_tags(root)
    if len(tags) > MAXIMUM_BUCKET_TAGS:
        raise OssError("InvalidTag", f"A bucket has at most {MAXIMUM_BUCKET_TAGS} tags; there are {len(tags)}.")


def _one_of(path: str, *values: str) -> Callable[[Call, Element], None]:
    def check(call: Call, root: Element) -> None:
        value = xml.text(root, path)
        if value not in values:
            raise malformed_xml(f"{path} is one of {', '.join(values)}, not {value!r}.")

    return check


def _https(call: Call, root: Element) -> None:
    """A suite without a name chooses nothing: it is not kept, and so not shown as a suite called nothing."""
    _one_of("TLS/Enable", "true", "false")(call, root)
    suites = root.find("CipherSuite")
    if suites is not None:
        suites[:] = [suite for suite in suites if suite.text]


def _needs(*paths: str) -> Callable[[Call, Element], None]:
    def check(call: Call, root: Element) -> None:
        for path in paths:
            if root.find(path) is None:
                raise malformed_xml(f"{root.tag} needs {path}.")

    return check


CONFIGURATIONS = (
    Configuration("lifecycle", "Lifecycle", "LifecycleConfiguration", "NoSuchLifecycle", check=_lifecycle),
    Configuration(
        "encryption", "Encryption", "ServerSideEncryptionRule", "NoSuchServerSideEncryptionRule", check=_encryption
    ),
    Configuration(
        "logging", "Logging", "BucketLoggingStatus", "<BucketLoggingStatus></BucketLoggingStatus>", check=_logging
    ),
    Configuration("tagging", "Tagging", "Tagging", "<Tagging><TagSet></TagSet></Tagging>", check=_tagging),
    Configuration(
        "referer",
        "Referer",
        "RefererConfiguration",
        "<RefererConfiguration><AllowEmptyReferer>true</AllowEmptyReferer><RefererList></RefererList>"
        "</RefererConfiguration>",
        deletable=False,
        check=_one_of("AllowEmptyReferer", "true", "false"),
    ),
    Configuration("cors", "Cors", "CORSConfiguration", "NoSuchCORSConfiguration", check=_needs("CORSRule")),
    Configuration("website", "Website", "WebsiteConfiguration", "NoSuchWebsiteConfiguration"),
    Configuration(
        "transferAcceleration",
        "TransferAcceleration",
        "TransferAccelerationConfiguration",
        "NoSuchTransferAccelerationConfiguration",
        deletable=False,
        check=_one_of("Enabled", "true", "false"),
    ),
    Configuration(
        "accessmonitor",
        "AccessMonitor",
        "AccessMonitorConfiguration",
        "<AccessMonitorConfiguration><Status>Disabled</Status></AccessMonitorConfiguration>",
        deletable=False,
        check=_one_of("Status", "Enabled", "Disabled"),
    ),
    Configuration(
        "requestPayment",
        "RequestPayment",
        "RequestPaymentConfiguration",
        "<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>",
        deletable=False,
        check=_one_of("Payer", "BucketOwner", "Requester"),
    ),
    Configuration(
        "httpsConfig",
        "HttpsConfig",
        "HttpsConfiguration",
        "NoSuchHttpsConfig",
        deletable=False,
        check=_https,
    ),
    Configuration(
        "publicAccessBlock",
        "PublicAccessBlock",
        "PublicAccessBlockConfiguration",
        "<PublicAccessBlockConfiguration><BlockPublicAccess>false</BlockPublicAccess></PublicAccessBlockConfiguration>",
        check=_one_of("BlockPublicAccess", "true", "false"),
    ),
    Configuration(
        "bucketArchiveDirectRead",
        "ArchiveDirectRead",
        "ArchiveDirectReadConfiguration",
        "<ArchiveDirectReadConfiguration><Enabled>false</Enabled></ArchiveDirectReadConfiguration>",
        deletable=False,
        check=_one_of("Enabled", "true", "false"),
    ),
    Configuration(
        "userDefinedLogFieldsConfig",
        "UserDefinedLogFieldsConfig",
        "UserDefinedLogFieldsConfiguration",
        "NoSuchUserDefinedLogFieldsConfig",
    ),
)


def read_tags(root: Element) -> dict[str, str]:
    """The tags of a Tagging document."""
    tags: dict[str, str] = {}
    for element in root.findall("TagSet/Tag"):
        name, value = xml.text(element, "Key"), xml.text(element, "Value")
        if not 1 <= len(name) <= 128 or len(value) > 256:
            raise OssError("InvalidTag", "A tag's key has 1 to 128 characters, its value at most 256.")
        if name in tags:
            raise OssError("InvalidTag", f"The tag {name} is there twice.")
        tags[name] = value
    return tags


async def put_policy(call: Call) -> web.StreamResponse:
    """PutBucketPolicy: a JSON document."""
    body = await call.body(MAXIMUM_POLICY)
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise OssError("InvalidPolicyDocument", "The bucket policy is not valid UTF-8.") from error
    check_policy(text, call.bucket.name)
    block = buckets.configuration(call.backend.database.reader, call.bucket, "publicAccessBlock") or ""
    if "<BlockPublicAccess>true<" in block and policy_is_public(text):
        raise OssError("AccessDenied", "Put public bucket policy is not allowed: public access is blocked.")
    await call.backend.database.write(
        lambda transaction: buckets.set_configuration(transaction, call.bucket.name, "policy", text)
    )
    return call.empty()


async def get_policy(call: Call) -> web.StreamResponse:
    """GetBucketPolicy."""
    policy = buckets.configuration(call.backend.database.reader, call.bucket, "policy")
    if policy is None:
        raise OssError("NoSuchBucketPolicy", detail={"BucketName": call.bucket.name})
    return web.Response(body=policy.encode(), content_type="application/json")


async def delete_policy(call: Call) -> web.StreamResponse:
    """DeleteBucketPolicy."""
    await call.backend.database.write(
        lambda transaction: buckets.set_configuration(transaction, call.bucket.name, "policy", None)
    )
    return call.empty(204)


async def get_worm(call: Call) -> web.StreamResponse:
    """GetBucketWorm: no retention policy can be set here, so there is none."""
    raise OssError("NoSuchWORMConfiguration", detail={"BucketName": call.bucket.name})
