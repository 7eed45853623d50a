"""Malformed requests: never a 5xx but the named 501, never a broken connection, always OSS's XML."""

from __future__ import annotations

import http.client
import random
from email.utils import formatdate
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import oss2
import pytest

from sandbox.cloud.oss import signature_v1
from sandbox.cloud.oss.addressing import resolve
from sandbox.cloud.oss.errors import OssError

METHODS = ["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH"]
NAMES = [
    "acl",
    "versioning",
    "lifecycle",
    "uploads",
    "uploadId",
    "partNumber",
    "append",
    "position",
    "delete",
    "tagging",
    "versions",
    "max-keys",
    "prefix",
    "marker",
    "list-type",
    "encoding-type",
    "policy",
    "versionId",
    "symlink",
    "restore",
    "comp",
    "replication",
    "x-oss-process",
    "nonsense",
    "continuation-token",
    "encryption",
    "rtc",
]
VALUES = ["", "1", "-1", "2", "add", "url", "\x00", "%", "语", "a" * 300, "9" * 30, "<xml>", "null"]
BODIES = [
    b"",
    b"<",
    b"<a/>",
    b"\xff\xfe",
    b"{}",
    b"<Delete><Object><Key></Key></Object></Delete>",
    b"<Tagging><TagSet><Tag><Key></Key></Tag></TagSet></Tagging>",
    b"<CompleteMultipartUpload><Part><PartNumber>x</PartNumber></Part></CompleteMultipartUpload>",
    b"<LifecycleConfiguration><Rule><Status>Enabled</Status></Rule></LifecycleConfiguration>",
    b"<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>",
]
HEADERS: list[dict[str, str]] = [
    {},
    {"Range": "bytes=9-1"},
    {"Range": "x"},
    {"Content-MD5": "?"},
    {"x-oss-copy-source": "/a"},
    {"x-oss-copy-source": "test-bucket/object?versionId=x"},
    {"x-oss-acl": "none"},
    {"x-oss-tagging": "a=1&a=2"},
    {"x-oss-storage-class": "Hot"},
    {"If-Modified-Since": "never"},
    {"x-oss-object-acl": "x"},
    {"x-oss-forbid-overwrite": "maybe"},
    {"x-oss-symlink-target": "/"},
    {"x-oss-complete-all": "yes"},
]


def test_generated_requests_get_clean_answers(server: Any, bucket: oss2.Bucket) -> None:
    bucket.put_object("object", b"x")
    bucket.put_bucket_acl("public-read-write")
    chance = random.Random(7)  # noqa: S311
    statuses = set()
    with httpx.Client(timeout=10) as client:
        for _ in range(600):
            path = chance.choice(
                [
                    "/",
                    "/test-bucket/",
                    "/test-bucket",
                    "/test-bucket/object",
                    "/test-bucket/a%2Fb",
                    "/test-bucket/%ff",
                    "/Bad_Name/",
                    "/none/x",
                    "//",
                    "/test-bucket//x",
                ]
            )
            query = "&".join(
                f"{name}={quote(chance.choice(VALUES), safe='')}"
                for name in chance.sample(NAMES, chance.choice([0, 1, 1, 1, 2]))
            )
            method = chance.choice(METHODS)
            answer = _signed(server, client, chance, method, path, query)
            described = (method, path, query, answer.status_code, answer.text)
            statuses.add(answer.status_code)
            assert answer.status_code < 500 or answer.status_code == 501, described
            assert "x-oss-request-id" in answer.headers, described
            if answer.status_code >= 400 and method != "HEAD":
                assert "<Code>" in answer.text and "<RequestId>" in answer.text, described
    assert {200, 400, 403, 404, 501} <= statuses


def _signed(
    server: Any, client: httpx.Client, chance: random.Random, method: str, path: str, query: str
) -> httpx.Response:
    """Half of the requests come from the owner: sign the path as it is with version 1."""
    raw = f"{path}?{query}" if query else path
    headers = {**chance.choice(HEADERS), "Date": formatdate(usegmt=True), "Content-Type": "text/plain"}
    try:
        target = resolve("127.0.0.1", raw)
    except OssError:
        target = None
    if target is not None and chance.random() < 0.8:
        text = signature_v1._texts(method, target, headers, headers["Date"])[0]
        root = server.accounts.root
        headers["Authorization"] = f"OSS {root.access_key_id}:{signature_v1._sign(root.access_key_secret, text)}"
    return client.request(method, server.url + raw, headers=headers, content=chance.choice(BODIES))


def test_a_body_without_a_length_is_refused(server: Any, bucket: oss2.Bucket) -> None:
    bucket.put_bucket_acl("public-read-write")
    url = urlsplit(server.url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=10)
    connection.putrequest("PUT", "/test-bucket/object")
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, b"<Code>MissingContentLength</Code>" in answer.read()) == (411, True)
    connection.close()


def test_chunked_uploads_are_taken(server: Any, bucket: oss2.Bucket) -> None:
    bucket.put_bucket_acl("public-read-write")
    answer = httpx.put(f"{server.url}/test-bucket/object", content=iter([b"one", b"two"]))
    assert answer.status_code == 200
    assert bucket.get_object("object").read() == b"onetwo"


@pytest.mark.parametrize("header", ["x-oss-callback", "x-oss-traffic-limit"])
def test_headers_whose_effect_is_missing_are_refused_loudly(bucket: oss2.Bucket, header: str) -> None:
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.put_object("object", b"x", headers={header: "819200"})
    assert (refused.value.status, refused.value.code) == (501, "NotImplemented")
    assert header in refused.value.message
