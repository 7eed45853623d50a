"""Versions and delete markers, through both SDKs."""

from __future__ import annotations

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest


@pytest.fixture
def versioned(bucket: oss2.Bucket) -> oss2.Bucket:
    bucket.put_object("old", b"before versioning")
    bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    return bucket


def versions(bucket: oss2.Bucket, **arguments: object) -> list[tuple[str, str, bool, bool]]:
    found = bucket.list_object_versions(**arguments)
    entries = [(one.key, one.versionid, one.is_latest, False) for one in found.versions]
    return entries + [(one.key, one.versionid, one.is_latest, True) for one in found.delete_marker]


def test_overwriting_keeps_the_old_version(versioned: oss2.Bucket) -> None:
    first = versioned.put_object("object", b"first").versionid
    second = versioned.put_object("object", b"second").versionid
    assert first and second and first != second
    assert versioned.get_object("object").read() == b"second"
    assert versioned.get_object("object", params={"versionId": first}).read() == b"first"
    assert versions(versioned, prefix="object") == [("object", second, True, False), ("object", first, False, False)]


def test_an_object_from_before_is_the_null_version(versioned: oss2.Bucket) -> None:
    versioned.put_object("old", b"after")
    assert versioned.get_object("old", params={"versionId": "null"}).read() == b"before versioning"


def test_a_delete_marker_hides_and_its_removal_shows_again(versioned: oss2.Bucket) -> None:
    version = versioned.put_object("object", b"content").versionid
    marker = versioned.delete_object("object")
    assert marker.delete_marker
    with pytest.raises(oss2.exceptions.NoSuchKey) as missing:
        versioned.get_object("object")
    assert missing.value.headers["x-oss-delete-marker"] == "true"
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        versioned.get_object("object", params={"versionId": marker.versionid})
    assert (refused.value.status, refused.value.code) == (405, "MethodNotAllowed")
    assert [one.key for one in oss2.ObjectIterator(versioned)] == ["old"]
    removed = versioned.delete_object("object", params={"versionId": marker.versionid})
    assert removed.delete_marker
    assert versioned.get_object("object").read() == b"content"
    versioned.delete_object("object", params={"versionId": version})
    assert versions(versioned, prefix="object") == []


def test_removing_the_newest_version_brings_back_the_one_before(versioned: oss2.Bucket) -> None:
    versioned.put_object("object", b"first")
    second = versioned.put_object("object", b"second").versionid
    versioned.delete_object("object", params={"versionId": second})
    assert versioned.get_object("object").read() == b"first"


def test_suspended_versioning_overwrites_only_the_null_version(versioned: oss2.Bucket) -> None:
    kept = versioned.put_object("object", b"kept").versionid
    versioned.put_bucket_versioning(oss2.models.BucketVersioningConfig("Suspended"))
    for content in (b"one", b"two"):
        assert versioned.put_object("object", content).versionid == "null"
    assert versioned.get_object("object").read() == b"two"
    versioned.delete_object("object")
    assert versions(versioned, prefix="object") == [("object", kept, False, False), ("object", "null", True, True)]


def test_a_missing_version_has_its_own_code(versioned: oss2.Bucket) -> None:
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        versioned.get_object("old", params={"versionId": "CAEQnothing"})
    assert (refused.value.status, refused.value.code) == (404, "NoSuchVersion")


def test_versions_are_listed_in_pages(server, versioned: oss2.Bucket) -> None:
    for number in range(4):
        versioned.put_object("a", str(number))
        versioned.put_object("b/c", str(number))
    client = server.client()
    paginator = client.list_object_versions_paginator()
    pages = list(paginator.iter_page(oss_v2.ListObjectVersionsRequest(bucket="test-bucket", max_keys=3)))
    found = [(one.key, one.version_id) for page in pages for one in page.version or []]
    assert [key for key, _ in found] == ["a"] * 4 + ["b/c"] * 4 + ["old"]
    assert len(set(found)) == 9
    rolled = versioned.list_object_versions(delimiter="/", max_keys=5)
    assert (rolled.common_prefix, rolled.is_truncated) == (["b/"], True)


def test_deleting_versions_in_a_batch(versioned: oss2.Bucket) -> None:
    one = versioned.put_object("object", b"1").versionid
    two = versioned.put_object("object", b"2").versionid
    listed = oss2.models.BatchDeleteObjectVersionList()
    for version in (one, two):
        listed.append(oss2.models.BatchDeleteObjectVersion("object", version))
    assert len(versioned.delete_object_versions(listed).delete_versions) == 2
    assert versions(versioned, prefix="object") == []


def test_copying_an_old_version_restores_it(versioned: oss2.Bucket) -> None:
    first = versioned.put_object("object", b"first").versionid
    versioned.put_object("object", b"second")
    versioned.copy_object("test-bucket", "object", "object", params={"versionId": first})
    assert versioned.get_object("object").read() == b"first"


def test_a_versioned_bucket_is_empty_only_without_versions(versioned: oss2.Bucket) -> None:
    versioned.delete_object("old")
    with pytest.raises(oss2.exceptions.BucketNotEmpty):
        versioned.delete_bucket()
    for key, version, _, _ in versions(versioned):
        versioned.delete_object(key, params={"versionId": version})
    versioned.delete_bucket()


def test_appending_makes_no_new_version(versioned: oss2.Bucket) -> None:
    versioned.append_object("log", 0, b"one")
    versioned.append_object("log", 3, b"two")
    assert len(versions(versioned, prefix="log")) == 1
    assert versioned.get_object("log").read() == b"onetwo"
