"""Buckets, what is set of them, and objects, by the provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import grpc
import pytest

from tests.sandbox.test_terraform_provider.provider import EmulatorProcess, Properties, Provider, at_once

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(600)]

BUCKET = "alicloud:oss/bucket:Bucket"
OBJECT = "alicloud:oss/bucketObject:BucketObject"
REPLICATION = "alicloud:oss/bucketReplication:BucketReplication"
NAME, LOGS = "provider-settings", "provider-logs"


@dataclass(frozen=True)
class Setting:
    """A resource that sets one thing of a bucket, which is its identifier."""

    token: str
    inputs: Properties
    changes: Properties
    left: Properties | None = None
    """What a read finds after its end: nothing, or (where the provider only forgets it, or the cloud has a default)
    this."""
    imported: Properties | None = None
    """What a read by identifier alone finds, where that is more than the changes."""

    def lives_and_dies(self, provider: Provider) -> None:
        """Its whole life, beside other settings of the same bucket."""
        imported = {"bucket": NAME, **self.changes, **(self.imported or {})}
        resource = provider.live(self.token, {"bucket": NAME, **self.inputs}, self.changes, imported)
        assert resource.identifier == NAME
        if self.left is None:
            provider.die(resource)
            return
        provider.delete(resource)
        found = provider.read(self.token, NAME)
        assert found is not None
        assert {name: found[name] for name in self.left} == self.left


SETTINGS = {
    "acl": Setting(
        "alicloud:oss/bucketAcl:BucketAcl", {"acl": "public-read"}, {"acl": "private"}, left={"acl": "private"}
    ),
    "versioning": Setting(
        "alicloud:oss/bucketVersioning:BucketVersioning",
        {"status": "Enabled"},
        {"status": "Suspended"},
        left={"status": "Suspended"},
    ),
    "public access block": Setting(
        "alicloud:oss/bucketPublicAccessBlock:BucketPublicAccessBlock",
        {"blockPublicAccess": False},
        {"blockPublicAccess": True},
        left={"blockPublicAccess": False},
    ),
}
SLOW_SETTINGS = (
    Setting(
        "alicloud:oss/bucketHttpsConfig:BucketHttpsConfig",
        {"enable": True, "tlsVersions": ["TLSv1.2", "TLSv1.3"], "cipherSuit": {"enable": True}},
        {"tlsVersions": ["TLSv1.3"], "cipherSuit": {"enable": True, "strongCipherSuite": True}},
        left={"enable": True, "tlsVersions": ["TLSv1.3"]},
        imported={
            "cipherSuit": {
                "enable": True,
                "strongCipherSuite": True,
                "customCipherSuites": [],
                "tls13CustomCipherSuites": [],
            }
        },
    ),
    Setting(
        "alicloud:oss/bucketLogging:BucketLogging",
        {"targetBucket": LOGS, "targetPrefix": "one/"},
        {"targetPrefix": "two/"},
    ),
    Setting(
        "alicloud:oss/bucketServerSideEncryption:BucketServerSideEncryption",
        {"sseAlgorithm": "AES256"},
        {"sseAlgorithm": "KMS", "kmsDataEncryption": "SM4"},
    ),
)
"""After whose changes the provider waits for five seconds before it looks."""


@pytest.fixture(scope="module")
def buckets(provider: Provider) -> Iterator[None]:
    """A bucket that has no settings but those that a test gives it, and one for its logs."""
    made = [provider.create(BUCKET, {"bucket": name}) for name in (NAME, LOGS)]
    yield
    for bucket in made:
        provider.die(bucket)


def test_buckets_live_and_die_with_what_is_in_them(provider: Provider) -> None:
    backup = {
        "id": "backup",
        "enabled": True,
        "prefix": "data/",
        "noncurrentVersionTransitions": [{"storageClass": "IA", "days": 30}],
        "noncurrentVersionExpirations": [{"days": 90}],
        "expirations": [{"expiredObjectDeleteMarker": True}],
        "abortMultipartUploads": [{"days": 7}],
    }
    old = {"id": "old", "enabled": True, "prefix": "old/", "expirations": [{"days": 365}]}
    bucket = provider.live(
        BUCKET,
        {
            "bucket": "provider-data",
            "versioning": {"status": "Enabled"},
            "lifecycleRules": [backup],
            "serverSideEncryptionRule": {"sseAlgorithm": "AES256"},
            "corsRules": [{"allowedMethods": ["GET"], "allowedOrigins": ["https://example.com"], "maxAgeSeconds": 60}],
            "refererConfig": {"allowEmpty": False, "referers": ["https://example.com"]},
            "tags": {"a": "1", "b": "2"},
            "forceDestroy": True,
        },
        {
            "lifecycleRules": [backup, old],
            "serverSideEncryptionRule": {"sseAlgorithm": "KMS"},
            "website": {"indexDocument": "index.html", "errorDocument": "error.html"},
            "transferAcceleration": {"enabled": True},
            "tags": {"a": "3"},
        },
        {"bucket": "provider-data", "location": "oss-cn-hangzhou", "tags": {"a": "3"}},
    )
    provider.create(OBJECT, {"bucket": "provider-data", "key": "page", "content": "goes by force"})
    provider.die(bucket)


def test_a_bucket_that_holds_objects_is_kept_without_force(provider: Provider) -> None:
    bucket = provider.create(BUCKET, {"bucket": "provider-full"})
    page = provider.create(OBJECT, {"bucket": "provider-full", "key": "page", "content": "text"})
    with pytest.raises(grpc.RpcError, match="BucketNotEmpty"):
        provider.delete(bucket)
    provider.delete(page)
    provider.die(bucket)


@pytest.mark.usefixtures("buckets")
def test_objects_live_and_die(provider: Provider) -> None:
    page = provider.create(
        OBJECT, {"bucket": NAME, "key": "pages/one", "content": "one", "contentType": "text/plain", "acl": "private"}
    )
    provider.update(page, {"acl": "public-read"})
    provider.update(page, {"content": "longer", "cacheControl": "no-cache"})
    assert page.state["contentLength"] == "6"
    provider.delete(page)
    with pytest.raises(grpc.RpcError, match="not exist"):  # it cannot be imported, and says so of one that is gone
        provider.read(OBJECT, page.identifier, page.state, page.inputs)


@pytest.mark.usefixtures("buckets")
@pytest.mark.parametrize("kind", SETTINGS)
def test_a_buckets_settings_live_and_die(provider: Provider, kind: str) -> None:
    SETTINGS[kind].lives_and_dies(provider)


@pytest.mark.usefixtures("buckets")
def test_a_buckets_policy_lives_and_dies(provider: Provider, emulator: EmulatorProcess) -> None:
    token, account = "alicloud:oss/bucketPolicy:BucketPolicy", emulator.credentials()["account_id"]
    policy = provider.create(token, {"bucket": NAME, "policy": _policy(account, "oss:GetObject")})
    provider.update(policy, {"policy": _policy(account, "oss:PutObject")})
    found = provider.read(token, NAME)
    assert found is not None
    assert json.loads(found["policy"]) == json.loads(_policy(account, "oss:PutObject"))
    provider.die(policy)


@pytest.mark.usefixtures("buckets")
def test_a_buckets_slow_settings_live_and_die(provider: Provider) -> None:
    at_once(partial(setting.lives_and_dies, provider) for setting in SLOW_SETTINGS)


@pytest.mark.usefixtures("buckets")
def test_replication_to_another_region_lives_and_dies(provider: Provider, emulator: EmulatorProcess) -> None:
    elsewhere = Provider(emulator, region="cn-shanghai")
    try:
        copy = elsewhere.create(BUCKET, {"bucket": "provider-copy"})
        rule = provider.live(
            REPLICATION,
            {
                "bucket": LOGS,
                "action": "ALL",
                "prefixSet": {"prefixes": ["data/"]},
                "destination": {"bucket": "provider-copy", "location": "oss-cn-shanghai"},
                "historicalObjectReplication": "enabled",
            },
            {"rtc": {"enabled": True}},
            {"bucket": LOGS, "action": "ALL", "historicalObjectReplication": "enabled"},
        )
        provider.die(rule)
        elsewhere.die(copy)
    finally:
        elsewhere.close()


def _policy(account: str, action: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": [account],
        "Action": [action],
        "Resource": [f"acs:oss:*:{account}:{NAME}/data/*"],
    }
    return json.dumps({"Version": "1", "Statement": [statement]})
