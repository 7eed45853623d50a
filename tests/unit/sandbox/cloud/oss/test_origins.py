"""Cross-origin requests of browsers, and the white list of referring pages, over plain HTTP."""

from __future__ import annotations

from typing import Any

import oss2
import pytest
import requests

PAGE = "https://app.example.com"


@pytest.fixture
def shared(bucket: oss2.Bucket) -> oss2.Bucket:
    """A bucket that pages of one host may read by script."""
    rule = oss2.models.CorsRule(
        allowed_origins=["https://*.example.com"],
        allowed_methods=["GET", "HEAD"],
        allowed_headers=["x-oss-*"],
        expose_headers=["ETag"],
        max_age_seconds=600,
    )
    bucket.put_bucket_cors(oss2.models.BucketCors([rule]))
    bucket.put_bucket_acl("public-read")
    bucket.put_object("object", b"content")
    return bucket


def ask(server: Any, method: str = "OPTIONS", **headers: str) -> requests.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.request(method, f"{server.url}/test-bucket/object", headers=names, timeout=10)


def test_a_browser_that_asks_first_is_told_what_the_rule_allows(server, shared) -> None:
    answer = ask(
        server,
        Origin=PAGE,
        Access_Control_Request_Method="GET",
        Access_Control_Request_Headers="X-OSS-Meta-A, x-oss-date",
    )
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD"
    assert answer.headers["Access-Control-Allow-Headers"] == "x-oss-meta-a, x-oss-date"
    assert answer.headers["Access-Control-Max-Age"] == "600"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": PAGE},
        {"Origin": "https://example.org", "Access_Control_Request_Method": "GET"},
        {"Origin": PAGE, "Access_Control_Request_Method": "PUT"},
        {"Origin": PAGE, "Access_Control_Request_Method": "GET", "Access_Control_Request_Headers": "x-other"},
    ],
)
def test_what_no_rule_allows_is_forbidden(server, shared, headers: dict[str, str]) -> None:
    answer = ask(server, **headers)
    assert answer.status_code == 403
    assert "<Code>AccessForbidden</Code>" in answer.text


def test_the_request_itself_is_answered_with_the_origin_allowed(server, shared) -> None:
    answer = ask(server, "GET", Origin=PAGE)
    assert (answer.text, answer.headers["Access-Control-Allow-Origin"]) == ("content", PAGE)
    assert answer.headers["Access-Control-Expose-Headers"] == "ETag"
    assert "Access-Control-Allow-Origin" not in ask(server, "GET", Origin="https://example.org").headers
    assert "Access-Control-Allow-Origin" not in ask(server, "GET").headers


def test_only_listed_pages_may_refer_to_a_protected_bucket(server, shared) -> None:
    shared.put_bucket_referer(oss2.models.BucketReferer(False, ["https://*.example.com/*"]))
    assert ask(server, "GET", Referer=f"{PAGE}/page?x=1").status_code == 200
    refused = ask(server, "GET", Referer="https://example.org/page")
    assert (refused.status_code, "bucket referer policy" in refused.text) == (403, True)
    assert ask(server, "GET").status_code == 403
    assert requests.get(shared.sign_url("GET", "object", 60), timeout=10).status_code == 403
    assert shared.get_object("object").read() == b"content"  # signed in a header: not asked


def test_an_empty_referer_passes_where_the_owner_says_so(server, shared) -> None:
    shared.put_bucket_referer(oss2.models.BucketReferer(True, ["https://*.example.com/*"]))
    assert ask(server, "GET").status_code == 200
    assert ask(server, "GET", Referer="https://example.org/").status_code == 403
