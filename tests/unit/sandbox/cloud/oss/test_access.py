"""Who may do what: roles' policies, bucket policies, access control lists, the block on public access."""

from __future__ import annotations

import json
from typing import Any

import httpx
import oss2
import pytest


def policy(action: str | list[str], *resources: str, effect: str = "Allow", **more: Any) -> str:
    statement = {"Effect": effect, "Action": action, "Resource": [f"acs:oss:*:*:{one}" for one in resources], **more}
    return json.dumps({"Version": "1", "Statement": [statement]})


def as_role(server: Any, name: str, *policies: str, bucket: str = "test-bucket") -> oss2.Bucket:
    credential = server.role(name, *policies)
    auth = oss2.StsAuth(
        credential.access_key_id, credential.access_key_secret, credential.security_token, auth_version="v4"
    )
    return server.bucket(bucket, auth)


def denied(call: Any) -> oss2.exceptions.ServerError:
    with pytest.raises(oss2.exceptions.AccessDenied) as refused:
        call()
    assert refused.value.status == 403
    return refused.value


def test_one_business_cannot_reach_anothers_data(server, bucket: oss2.Bucket) -> None:
    server.bucket("other-bucket").create_bucket()
    server.bucket("other-bucket").put_object("secret", b"x")
    allowed = policy(["oss:GetObject", "oss:PutObject", "oss:ListObjects"], "test-bucket", "test-bucket/*")
    mine = as_role(server, "qa", allowed)
    mine.put_object("data", b"x")
    assert mine.get_object("data").read() == b"x"
    assert [one.key for one in oss2.ObjectIterator(mine)] == ["data"]
    other = as_role(server, "qa", allowed, bucket="other-bucket")
    for call in (
        lambda: other.get_object("secret"),
        lambda: other.head_object("secret") and None,
        lambda: other.put_object("secret", b"y"),
        lambda: other.delete_object("secret"),
        other.list_objects,
        lambda: other.batch_delete_objects(["secret"]),
        other.get_bucket_info,
        lambda: mine.copy_object("other-bucket", "secret", "stolen"),
        lambda: mine.delete_object("data"),
        mine.delete_bucket,
    ):
        with pytest.raises(oss2.exceptions.ServerError) as refused:
            call()
        assert refused.value.status == 403
    message = denied(lambda: other.get_object("secret")).message
    assert "oss:GetObject" in message and "other-bucket/secret" in message and "role/qa" in message


def test_reading_a_version_needs_its_own_permission(server, bucket: oss2.Bucket) -> None:
    bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    version = bucket.put_object("data", b"x").versionid
    reader = as_role(server, "reader", policy("oss:GetObject", "test-bucket/*"))
    assert reader.get_object("data").read() == b"x"
    denied(lambda: reader.get_object("data", params={"versionId": version}))


def test_a_prefix_condition_limits_listings(server, bucket: oss2.Bucket) -> None:
    limited = policy("oss:ListObjects", "test-bucket", Condition={"StringLike": {"oss:Prefix": "data/*"}})
    lister = as_role(server, "lister", limited)
    assert lister.list_objects(prefix="data/").object_list == []
    denied(lister.list_objects)


def test_a_bucket_policy_lets_a_role_in_and_its_denial_keeps_the_owner_out(server, bucket: oss2.Bucket) -> None:
    bucket.put_object("data", b"x")
    guest = as_role(server, "guest")
    denied(lambda: guest.get_object("data"))
    account = server.accounts.account_id
    who = [f"arn:sts::{account}:assumed-role/guest/*"]
    bucket.put_bucket_policy(policy("oss:GetObject", "test-bucket/*", Principal=who))
    assert guest.get_object("data").read() == b"x"
    denied(lambda: as_role(server, "stranger").get_object("data"))
    bucket.put_bucket_policy(policy("oss:PutObject", "test-bucket/*", effect="Deny", Principal=["*"]))
    denied(lambda: bucket.put_object("data", b"y"))


def test_a_policy_can_insist_on_tls(bucket: oss2.Bucket) -> None:
    insecure = {"Bool": {"acs:SecureTransport": ["false"]}}
    only_tls = policy("oss:GetObject", "test-bucket/*", effect="Deny", Principal=["*"], Condition=insecure)
    bucket.put_object("data", b"x")
    bucket.put_bucket_policy(only_tls)
    denied(lambda: bucket.get_object("data"))


def test_strangers_see_only_what_is_public(server, bucket: oss2.Bucket) -> None:
    bucket.put_object("data", b"x")
    url = f"{server.url}/test-bucket/data"
    assert httpx.get(url).status_code == 403
    bucket.put_object_acl("data", "public-read")
    assert httpx.get(url).content == b"x"
    assert httpx.put(url, content=b"y").status_code == 403
    bucket.put_object_acl("data", "default")
    bucket.put_bucket_acl("public-read")
    assert httpx.get(url).content == b"x"
    assert "<Key>data</Key>" in httpx.get(f"{server.url}/test-bucket/").text
    assert httpx.delete(url).status_code == 403
    bucket.put_bucket_acl("public-read-write")
    assert httpx.put(url, content=b"y").status_code == 200
    assert httpx.get(f"{server.url}/test-bucket/?policy").status_code == 403
    assert httpx.get(f"{server.url}/").status_code == 403
    assert httpx.put(f"{server.url}/new-bucket").status_code == 403


def test_blocking_public_access_closes_what_was_open(server, bucket: oss2.Bucket) -> None:
    bucket.put_object("data", b"x")
    bucket.put_bucket_acl("public-read")
    block = (
        "<PublicAccessBlockConfiguration><BlockPublicAccess>true</BlockPublicAccess></PublicAccessBlockConfiguration>"
    )
    bucket._do("PUT", "test-bucket", "", data=block, params={"publicAccessBlock": ""})
    assert httpx.get(f"{server.url}/test-bucket/data").status_code == 403
    assert bucket.get_object("data").read() == b"x"
    denied(lambda: bucket.put_bucket_acl("public-read"))
    denied(lambda: bucket.put_object_acl("data", "public-read"))
    denied(lambda: bucket.put_bucket_policy(policy("oss:GetObject", "test-bucket/*", Principal=["*"])))
    bucket.put_bucket_acl("private")
