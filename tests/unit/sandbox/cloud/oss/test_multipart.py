"""Multipart uploads, through both SDKs, and their checksums."""

from __future__ import annotations

import io
import os

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest

PART = 100 * 1024
CONTENT = os.urandom(PART * 3 + 77)


def upload(bucket: oss2.Bucket, key: str, content: bytes = CONTENT) -> tuple[str, list[oss2.models.PartInfo]]:
    identifier = bucket.init_multipart_upload(key, headers={"x-oss-meta-a": "1"}).upload_id
    parts = []
    for number, start in enumerate(range(0, len(content), PART), 1):
        result = bucket.upload_part(key, identifier, number, content[start : start + PART])
        size = min(PART, len(content) - start)
        parts.append(oss2.models.PartInfo(number, result.etag, size=size, part_crc=result.crc))
    return identifier, parts


def test_parts_become_one_object_with_the_right_checksum(bucket: oss2.Bucket) -> None:
    identifier, parts = upload(bucket, "big")
    assert [one.part_number for one in bucket.list_parts("big", identifier).parts] == [1, 2, 3, 4]
    completed = bucket.complete_multipart_upload("big", identifier, parts)  # the SDK compares the checksum
    got = bucket.get_object("big")
    assert got.read() == CONTENT
    assert completed.etag.endswith("-4") and got.object_type == "Multipart"
    assert got.headers["x-oss-meta-a"] == "1"
    with pytest.raises(oss2.exceptions.NoSuchUpload):
        bucket.list_parts("big", identifier)
    assert bucket.get_object("big", byte_range=(PART - 3, 2 * PART + 3)).read() == CONTENT[PART - 3 : 2 * PART + 4]


def test_a_part_sent_again_replaces_the_first(bucket: oss2.Bucket) -> None:
    identifier = bucket.init_multipart_upload("big").upload_id
    bucket.upload_part("big", identifier, 1, b"wrong")
    etag = bucket.upload_part("big", identifier, 1, b"right").etag
    bucket.complete_multipart_upload("big", identifier, [oss2.models.PartInfo(1, etag)])
    assert bucket.get_object("big").read() == b"right"


def test_wrong_completions_are_refused_and_change_nothing(bucket: oss2.Bucket) -> None:
    identifier, parts = upload(bucket, "big")
    small = bucket.upload_part("big", identifier, 5, b"small").etag
    last = bucket.upload_part("big", identifier, 6, b"last").etag
    for wrong, code in (
        ([oss2.models.PartInfo(1, "0" * 32)], "InvalidPart"),
        ([oss2.models.PartInfo(9, parts[0].etag)], "InvalidPart"),
        ([oss2.models.PartInfo(5, small), oss2.models.PartInfo(6, last)], "EntityTooSmall"),
    ):
        with pytest.raises(oss2.exceptions.ServerError) as refused:
            bucket.complete_multipart_upload("big", identifier, wrong)
        assert (refused.value.status, refused.value.code) == (400, code)
    assert not bucket.object_exists("big")
    assert len(bucket.list_parts("big", identifier).parts) == 6


def test_an_aborted_upload_is_gone(bucket: oss2.Bucket) -> None:
    identifier, _ = upload(bucket, "big")
    bucket.abort_multipart_upload("big", identifier)
    for call in (
        lambda: bucket.abort_multipart_upload("big", identifier),
        lambda: bucket.upload_part("big", identifier, 1, b"x"),
        lambda: bucket.complete_multipart_upload("big", identifier, [oss2.models.PartInfo(1, "0")]),
    ):
        with pytest.raises(oss2.exceptions.NoSuchUpload):
            call()


def test_uploads_are_listed_in_pages_and_by_prefix(server, bucket: oss2.Bucket) -> None:
    made = {(key, bucket.init_multipart_upload(key).upload_id) for key in ("a", "b", "b", "c/1", "c/2")}
    client = server.client()
    paginator = client.list_multipart_uploads_paginator()
    pages = list(paginator.iter_page(oss_v2.ListMultipartUploadsRequest(bucket="test-bucket", max_uploads=2)))
    assert {(one.key, one.upload_id) for page in pages for one in page.uploads or []} == made
    assert len(pages) == 3
    rolled = bucket.list_multipart_uploads(prefix="c", delimiter="/")
    assert (rolled.prefix_list, rolled.upload_list) == (["c/"], [])


def test_parts_copied_from_an_object_and_a_range_of_it(bucket: oss2.Bucket) -> None:
    bucket.put_object("source", CONTENT)
    identifier = bucket.init_multipart_upload("copy").upload_id
    first = bucket.upload_part_copy("test-bucket", "source", (0, 2 * PART - 1), "copy", identifier, 1)
    second = bucket.upload_part_copy("test-bucket", "source", None, "copy", identifier, 2)
    parts = [oss2.models.PartInfo(1, first.etag), oss2.models.PartInfo(2, second.etag)]
    bucket.complete_multipart_upload("copy", identifier, parts)
    bucket.delete_object("source")
    assert bucket.get_object("copy").read() == CONTENT[: 2 * PART] + CONTENT


def test_the_second_sdks_uploader_and_copier(server, bucket: oss2.Bucket) -> None:
    client = server.client()
    uploader = client.uploader(part_size=PART, parallel_num=3)
    uploader.upload_from(oss_v2.PutObjectRequest(bucket="test-bucket", key="big"), io.BytesIO(CONTENT))
    assert bucket.get_object("big").read() == CONTENT
    copier = client.copier(part_size=PART, multipart_copy_threshold=PART)
    copier.copy(oss_v2.CopyObjectRequest(bucket="test-bucket", key="copy", source_key="big"))
    assert bucket.get_object("copy").read() == CONTENT


def test_all_parts_can_be_completed_without_naming_them(bucket: oss2.Bucket) -> None:
    identifier, _ = upload(bucket, "big")
    bucket.enable_crc = False  # the SDK adds up the parts that it names
    bucket.complete_multipart_upload("big", identifier, [], headers={"x-oss-complete-all": "yes"})
    assert bucket.get_object("big").read() == CONTENT
