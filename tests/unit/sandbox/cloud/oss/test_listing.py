"""Listings: order, prefixes, delimiters, paging; against a plain model for random keys."""

from __future__ import annotations

import random

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest

from sandbox.cloud.oss.listing import paginate, successor
from sandbox.cloud.oss.model import Draft

KEYS = ["a", "a/1", "a/2", "a/b/3", "a0", "b/1", "c d/语", "语/1", "语/2", "\U0001f600"]


@pytest.fixture
def filled(bucket: oss2.Bucket) -> oss2.Bucket:
    for key in KEYS:
        bucket.put_object(key, b"x")
    return bucket


def test_keys_come_in_the_order_of_their_bytes(filled: oss2.Bucket) -> None:
    found = [one.key for one in oss2.ObjectIterator(filled, max_keys=3)]
    assert found == sorted(KEYS, key=str.encode)


@pytest.mark.parametrize("page", [1, 2, 3, 100])
def test_a_delimiter_makes_folders(filled: oss2.Bucket, page: int) -> None:
    found = [(one.key, one.is_prefix()) for one in oss2.ObjectIterator(filled, delimiter="/", max_keys=page)]
    assert sorted(found) == sorted(
        [("a", False), ("a/", True), ("a0", False), ("b/", True), ("c d/", True), ("语/", True), ("\U0001f600", False)]
    )
    inside = [one.key for one in oss2.ObjectIterator(filled, prefix="a/", delimiter="/", max_keys=page)]
    assert inside == ["a/1", "a/2", "a/b/"]


def test_version_2_pages_with_a_token_and_counts(server, filled: oss2.Bucket) -> None:
    client = server.client()
    first = client.list_objects_v2(oss_v2.ListObjectsV2Request(bucket="test-bucket", max_keys=4, fetch_owner=True))
    assert (first.key_count, first.is_truncated) == (4, True)
    assert first.contents[0].owner.id == server.accounts.account_id
    pages = client.list_objects_v2_paginator().iter_page(oss_v2.ListObjectsV2Request(bucket="test-bucket", max_keys=4))
    found = [one.key for page in pages for one in page.contents]
    assert found == sorted(KEYS, key=str.encode)
    after = client.list_objects_v2(oss_v2.ListObjectsV2Request(bucket="test-bucket", start_after="a0", prefix=""))
    assert [one.key for one in after.contents] == ["b/1", "c d/语", "语/1", "语/2", "\U0001f600"]


def test_version_1_of_the_second_sdk(server, filled: oss2.Bucket) -> None:
    found = server.client().list_objects(
        oss_v2.ListObjectsRequest(bucket="test-bucket", prefix="a", marker="a/1", delimiter="")
    )
    assert [one.key for one in found.contents] == ["a/2", "a/b/3", "a0"]


def test_wrong_page_sizes_and_tokens_are_refused(server, filled: oss2.Bucket) -> None:
    for parameters in (
        {"max-keys": "0"},
        {"max-keys": "1001"},
        {"max-keys": "x"},
        {"encoding-type": "base64"},
        {"list-type": "2", "continuation-token": "语"},
        {"list-type": "3"},
    ):
        with pytest.raises(oss2.exceptions.ServerError) as refused:
            filled._do("GET", "test-bucket", "", params=parameters)
        assert (refused.value.status, refused.value.code) == (400, "InvalidArgument")


def test_the_successor_is_above_every_text_with_the_prefix() -> None:
    assert successor("a/") == "a0"
    assert successor("\ud7ff") == "\ue000"
    assert successor("a\U0010ffff") == "b"
    assert successor("\U0010ffff") is None


@pytest.mark.parametrize("seed", range(20))
def test_paging_agrees_with_a_plain_model(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    keys = sorted({"".join(chance.choices("ab/", k=chance.randint(1, 6))) for _ in range(60)})
    prefix = "".join(chance.choices("ab/", k=chance.randint(0, 2)))
    expected: list[str] = []
    for key in keys:
        if key.startswith(prefix):
            head, found, _ = key[len(prefix) :].partition("/")
            entry = prefix + head + found
            if entry not in expected:
                expected.append(entry)
    seen: list[str] = []
    marker = ""
    while True:

        def fetch(start: str, count: int, after: str = marker) -> list[Draft]:
            matching = [key for key in keys if key >= start and key > after and key.startswith(prefix)]
            return [Draft(key) for key in matching[:count]]

        page = paginate(fetch, prefix=prefix, delimiter="/", after=marker, limit=3)
        seen += sorted([*(one.key for one in page.items), *page.prefixes])
        if not page.truncated:
            break
        marker = page.last_key
    assert seen == expected
