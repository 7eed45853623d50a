"""Objects through the first SDK, which checks every CRC. Multipart and versions have files of their own."""

from __future__ import annotations

import base64
import gzip
import hashlib
import os

import oss2
import pytest

CONTENT = os.urandom(3 * 1024 * 1024 + 17)


def test_what_was_put_comes_back(bucket: oss2.Bucket) -> None:
    put = bucket.put_object("data/train 1+2 语言.txt", CONTENT, headers={"x-oss-meta-source": "snownlp"})
    got = bucket.get_object("data/train 1+2 语言.txt")
    assert got.read() == CONTENT
    assert put.etag == got.etag == hashlib.md5(CONTENT, usedforsecurity=False).hexdigest().upper()
    assert got.headers["x-oss-meta-source"] == "snownlp"
    assert got.server_crc == got.client_crc is not None


def test_an_empty_object_exists(bucket: oss2.Bucket) -> None:
    bucket.put_object("empty", b"")
    assert bucket.get_object("empty").read() == b""
    assert bucket.head_object("empty").content_length == 0


def test_missing_things_have_their_own_codes(server, bucket: oss2.Bucket) -> None:
    with pytest.raises(oss2.exceptions.NoSuchKey) as missing:
        bucket.get_object("absent")
    assert missing.value.details["Key"] == "absent"
    with pytest.raises(oss2.exceptions.NoSuchBucket):
        server.bucket("no-such-bucket").get_object("absent")


@pytest.mark.parametrize("first,last", [(0, 9), (1_048_570, 1_048_590), (3 * 1024 * 1024, None), (None, 5)])
def test_ranges(bucket: oss2.Bucket, first: int | None, last: int | None) -> None:
    bucket.put_object("ranged", CONTENT)
    got = bucket.get_object("ranged", byte_range=(first, last))
    expected = CONTENT[-last:] if first is None else CONTENT[first : None if last is None else last + 1]
    assert got.status == 206
    assert got.read() == expected


def test_a_range_beyond_the_end_gives_the_whole_object_unless_standard_behaviour_is_asked_for(
    bucket: oss2.Bucket,
) -> None:
    bucket.put_object("short", b"0123456789")
    assert bucket.get_object("short", byte_range=(5, 20)).read() == b"0123456789"
    standard = {"x-oss-range-behavior": "standard"}
    assert bucket.get_object("short", byte_range=(5, 20), headers=standard).read() == b"56789"
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.get_object("short", byte_range=(10, 20), headers=standard)
    assert (refused.value.status, refused.value.code) == (416, "InvalidRange")


def test_conditional_reads(bucket: oss2.Bucket) -> None:
    etag = bucket.put_object("object", b"content").etag
    assert bucket.get_object("object", headers={"If-Match": f'"{etag}"'}).read() == b"content"
    with pytest.raises(oss2.exceptions.PreconditionFailed):
        bucket.get_object("object", headers={"If-Match": '"other"'})
    with pytest.raises(oss2.exceptions.NotModified):
        bucket.get_object("object", headers={"If-None-Match": f'"{etag}"'})
    with pytest.raises(oss2.exceptions.NotModified):
        bucket.get_object("object", headers={"If-Modified-Since": "Sun, 01 Mar 2026 12:00:00 GMT"})
    with pytest.raises(oss2.exceptions.PreconditionFailed):
        bucket.get_object("object", headers={"If-Unmodified-Since": "Sat, 28 Feb 2026 12:00:00 GMT"})


def test_a_wrong_md5_is_refused_and_leaves_the_old_object(bucket: oss2.Bucket) -> None:
    bucket.put_object("object", b"old")
    digest = base64.b64encode(hashlib.md5(b"something else", usedforsecurity=False).digest()).decode()
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.put_object("object", b"new", headers={"Content-MD5": digest})
    assert refused.value.code == "BadDigest"
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.put_object("object", b"new", headers={"Content-MD5": "short"})
    assert refused.value.code == "InvalidDigest"
    assert bucket.get_object("object").read() == b"old"


def test_forbidding_an_overwrite(bucket: oss2.Bucket) -> None:
    headers = {"x-oss-forbid-overwrite": "true"}
    bucket.put_object("once", b"first", headers=headers)
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.put_object("once", b"second", headers=headers)
    assert (refused.value.status, refused.value.code) == (409, "FileAlreadyExists")
    assert bucket.get_object("once").read() == b"first"


def test_appending(bucket: oss2.Bucket) -> None:
    first = bucket.append_object("log", 0, b"first ", init_crc=0)
    second = bucket.append_object("log", first.next_position, b"second", init_crc=first.crc)
    assert bucket.get_object("log").read() == b"first second"
    assert second.next_position == 12
    assert bucket.head_object("log").object_type == "Appendable"
    with pytest.raises(oss2.exceptions.PositionNotEqualToLength) as refused:
        bucket.append_object("log", 3, b"x")
    assert refused.value.next_position == 12
    bucket.put_object("normal", b"x")
    with pytest.raises(oss2.exceptions.ObjectNotAppendable):
        bucket.append_object("normal", 1, b"x")


def test_a_copy_outlives_its_source(bucket: oss2.Bucket) -> None:
    bucket.put_object("source", CONTENT, headers={"x-oss-meta-kind": "original", "Content-Type": "text/plain"})
    copied = bucket.copy_object(bucket.bucket_name, "source", "target")
    bucket.delete_object("source")
    got = bucket.get_object("target")
    assert got.read() == CONTENT
    assert (got.headers["x-oss-meta-kind"], got.content_type) == ("original", "text/plain")
    assert copied.etag == got.etag
    bucket.copy_object(
        bucket.bucket_name,
        "target",
        "renamed",
        headers={"x-oss-metadata-directive": "REPLACE", "x-oss-meta-kind": "copy"},
    )
    assert bucket.head_object("renamed").headers["x-oss-meta-kind"] == "copy"


def test_an_object_can_be_copied_onto_itself(bucket: oss2.Bucket) -> None:
    bucket.put_object("object", CONTENT)
    bucket.update_object_meta("object", {"x-oss-meta-new": "1"})
    assert bucket.get_object("object").read() == CONTENT
    assert bucket.head_object("object").headers["x-oss-meta-new"] == "1"


def test_batch_delete(bucket: oss2.Bucket) -> None:
    names = [f"object {number} <&> 语" for number in range(5)]
    for name in names:
        bucket.put_object(name, b"x")
    assert bucket.batch_delete_objects([*names[:3], "never existed"]).deleted_keys == [*names[:3], "never existed"]
    assert [found.key for found in oss2.ObjectIterator(bucket)] == names[3:]


def test_tags_and_access_control_of_an_object(bucket: oss2.Bucket) -> None:
    bucket.put_object("object", b"x", headers={"x-oss-tagging": "stage=raw"})
    assert bucket.get_object_tagging("object").tag_set.tagging_rule == {"stage": "raw"}
    assert bucket.head_object("object").headers["x-oss-tagging-count"] == "1"
    rule = oss2.models.TaggingRule()
    rule.add("stage", "clean")
    bucket.put_object_tagging("object", oss2.models.Tagging(rule))
    assert bucket.get_object_tagging("object").tag_set.tagging_rule == {"stage": "clean"}
    bucket.delete_object_tagging("object")
    assert bucket.get_object_tagging("object").tag_set.tagging_rule == {}
    assert bucket.get_object_acl("object").acl == "default"
    bucket.put_object_acl("object", oss2.OBJECT_ACL_PUBLIC_READ)
    assert bucket.get_object_acl("object").acl == "public-read"


def test_a_symbolic_link_reads_its_target(bucket: oss2.Bucket) -> None:
    bucket.put_object("target", b"content")
    bucket.put_symlink("target", "link")
    assert bucket.get_symlink("link").target_key == "target"
    assert bucket.get_object("link").read() == b"content"
    bucket.delete_object("target")
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.get_object("link")
    assert refused.value.code == "SymlinkTargetNotExist"


def test_an_archived_object_must_be_restored(bucket: oss2.Bucket) -> None:
    bucket.put_object("cold", b"x", headers={"x-oss-storage-class": "Archive"})
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.get_object("cold")
    assert refused.value.code == "InvalidObjectState"
    assert bucket.restore_object("cold").status == 202
    assert bucket.get_object("cold").read() == b"x"


def test_compressed_content_is_stored_as_it_came(bucket: oss2.Bucket) -> None:
    packed = gzip.compress(b"text " * 1000)
    bucket.put_object("packed", packed, headers={"Content-Encoding": "gzip"})
    assert bucket.head_object("packed").content_length == len(packed)


def test_a_signed_address_with_changed_response_headers(server, bucket: oss2.Bucket) -> None:
    bucket.put_object("object", b"x")
    params = {"response-content-type": "text/html", "response-content-disposition": "attachment"}
    got = bucket.get_object("object", params=params)
    assert got.read() == b"x"
    assert (got.headers["Content-Type"], got.headers["Content-Disposition"]) == ("text/html", "attachment")


@pytest.mark.parametrize("key", ["x" * 1024, "\\name"])
def test_impossible_names_are_refused(bucket: oss2.Bucket, key: str) -> None:
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.put_object(key, b"x")
    assert refused.value.code == "InvalidObjectName"
