"""Who may call at all: both signature versions, in headers and presigned URLs, as the official SDKs make them."""

from __future__ import annotations

import datetime
import hashlib
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import httpx
import oss2
import pytest


def v1(server: Any) -> oss2.Auth:
    root = server.accounts.root
    return oss2.Auth(root.access_key_id, root.access_key_secret)


def test_version_1_signs_keys_with_special_characters_and_sub_resources(server, bucket: oss2.Bucket) -> None:
    old = server.bucket("test-bucket", v1(server))
    old.put_object("a b/语+%2F.txt", b"content", headers={"x-oss-meta-name": "v"})
    assert old.get_object("a b/语+%2F.txt", params={"response-content-type": "text/x"}).read() == b"content"
    assert old.get_object_tagging("a b/语+%2F.txt").status == 200
    assert old.get_bucket_info().name == "test-bucket"


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_presigned_addresses_of_the_first_sdk(server, bucket: oss2.Bucket, version: str) -> None:
    signer = server.bucket("test-bucket", v1(server)) if version == "v1" else bucket
    put = signer.sign_url("PUT", "a b/语.txt", 60, slash_safe=True)
    assert httpx.put(put, content=b"content").status_code == 200
    got = httpx.get(signer.sign_url("GET", "a b/语.txt", 60, slash_safe=True))
    assert (got.status_code, got.content) == (200, b"content")
    wrong = httpx.get(signer.sign_url("GET", "a b/语.txt", 60, slash_safe=True).replace("%E8", "%E9"))
    assert (wrong.status_code, "<Code>SignatureDoesNotMatch</Code>" in wrong.text) == (403, True)


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_the_second_sdk_signs_headers_and_addresses(server, bucket: oss2.Bucket, version: str) -> None:
    client = server.client(signature_version=version)
    client.put_object(oss_v2.PutObjectRequest(bucket="test-bucket", key="dir/a b语", body=b"content"))
    got = client.get_object(oss_v2.GetObjectRequest(bucket="test-bucket", key="dir/a b语"))
    assert got.body.content == b"content"
    presigned = client.presign(oss_v2.GetObjectRequest(bucket="test-bucket", key="dir/a b语"))
    answer = httpx.get(presigned.url, headers=presigned.signed_headers)
    assert (answer.status_code, answer.content) == (200, b"content")


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_a_role_needs_its_security_token(server, bucket: oss2.Bucket, version: str) -> None:
    credential = server.role(
        "reader", '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "oss:*", "Resource": "*"}]}'
    )
    key, secret, token = credential.access_key_id, credential.access_key_secret, credential.security_token
    auth = oss2.StsAuth(key, secret, token, auth_version=version)
    server.bucket("test-bucket", auth).put_object("object", b"x")
    url = server.bucket("test-bucket", auth).sign_url("GET", "object", 60)
    assert httpx.get(url).content == b"x"
    client = server.client(credential, signature_version=version)
    assert client.head_object(oss_v2.HeadObjectRequest(bucket="test-bucket", key="object")).content_length == 1
    for wrong in (None, token + "x"):
        auth = oss2.StsAuth(key, secret, wrong, auth_version=version)
        with pytest.raises(oss2.exceptions.ServerError) as refused:
            server.bucket("test-bucket", auth).get_object("object")
        assert refused.value.code == "InvalidSecurityToken"


@pytest.mark.parametrize("make", [oss2.Auth, oss2.AuthV4])
def test_wrong_keys_are_told_apart(server, bucket: oss2.Bucket, make: Any) -> None:
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        server.bucket("test-bucket", make("LTAInobody", "secret")).get_object("object")
    assert (refused.value.status, refused.value.code) == (403, "InvalidAccessKeyId")
    with pytest.raises(oss2.exceptions.SignatureDoesNotMatch) as refused:
        server.bucket("test-bucket", make(server.accounts.root.access_key_id, "wrong")).get_object("object")
    assert "StringToSign" in refused.value.details


def test_an_expired_address_is_refused(server, bucket: oss2.Bucket) -> None:
    client = server.client()
    long_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=30)
    request = oss_v2.GetObjectRequest(bucket="test-bucket", key="object")
    url = client.presign(request, expires=datetime.timedelta(seconds=5)).url
    assert "x-oss-expires" in url
    old = url.replace(url.split("x-oss-date=")[1][:16], f"{long_ago:%Y%m%dT%H%M%SZ}")
    assert "Request has expired" in httpx.get(old).text


def test_a_clock_that_is_wrong_by_an_hour_is_refused(server, bucket: oss2.Bucket) -> None:
    answer = httpx.get(
        f"{server.url}/test-bucket/object",
        headers={"Authorization": "OSS LTAIsome:c2ln", "Date": "Sun, 01 Mar 2020 12:00:00 GMT"},
    )
    assert (answer.status_code, "RequestTimeTooSkewed" in answer.text) == (403, True)


def test_the_signed_region_must_be_the_buckets(server, bucket: oss2.Bucket) -> None:
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        server.bucket("test-bucket", region="cn-shanghai").get_object("object")
    assert "Invalid signing region" in refused.value.message


@pytest.mark.parametrize(
    "authorization",
    [
        "OSS",
        "OSS nothing",
        "Bearer token",
        "OSS4-HMAC-SHA256 Credential=a/b/c",
        "OSS4-HMAC-SHA256 Credential=a/20260301/cn-hangzhou/oss/aliyun_v4_request,Signature=00",
        "OSS4-HMAC-SHA256 =,=,=",
    ],
)
def test_nonsense_in_the_authorization_header_is_a_clean_error(server, authorization: str) -> None:
    headers = {"Authorization": authorization, "x-oss-content-sha256": "UNSIGNED-PAYLOAD"}
    answer = httpx.get(f"{server.url}/bucket/key", headers=headers)
    assert answer.status_code in (400, 403)
    assert answer.text.startswith("<?xml") and "<RequestId>" in answer.text


def test_a_changed_signed_header_breaks_the_signature(server, bucket: oss2.Bucket) -> None:
    url = bucket.sign_url("PUT", "object", 60, headers={"x-oss-meta-a": "1"})
    refused = httpx.put(url, content=b"x", headers={"x-oss-meta-a": "2"})
    assert refused.status_code == 403
    digest = hashlib.md5(b"x", usedforsecurity=False).hexdigest().upper()
    accepted = httpx.put(url, content=b"x", headers={"x-oss-meta-a": "1"})
    assert accepted.headers["etag"] == f'"{digest}"'
