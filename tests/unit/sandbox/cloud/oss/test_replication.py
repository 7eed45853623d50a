"""Replication between buckets, through the official SDKs, as the clock moves. Rules as documents: test_buckets."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest

from sandbox.cloud.oss import buckets, replication_queue

SHANGHAI = "cn-shanghai"
LAG = datetime.timedelta(seconds=3)


@pytest.fixture
def copy(server: Any, bucket: oss2.Bucket) -> oss2.Bucket:
    """An empty bucket in another region."""
    made = server.bucket("copy-bucket", region=SHANGHAI)
    made.create_bucket()
    return made


def replicate(
    bucket: oss2.Bucket, target: str = "copy-bucket", location: str = "oss-cn-shanghai", extra: str = "", id: str = "r"
) -> None:
    destination = f"<Destination><Bucket>{target}</Bucket><Location>{location}</Location></Destination>"
    document = f"<ReplicationConfiguration><Rule><ID>{id}</ID>{destination}{extra}</Rule></ReplicationConfiguration>"
    bucket._do("POST", bucket.bucket_name, "", data=document, params={"replication": "", "comp": "add"})


def run(server: Any, after: datetime.timedelta = LAG) -> Any:
    server.clock.advance(after)
    return server.run(server.storage.replicate())


def keys(bucket: oss2.Bucket) -> list[str]:
    return [one.key for one in oss2.ObjectIterator(bucket)]


def enable_versioning(*versioned: oss2.Bucket) -> None:
    for one in versioned:
        one.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))


def versions(bucket: oss2.Bucket) -> list[tuple[str, str, bool]]:
    found = bucket.list_object_versions()
    entries = [(one.key, one.versionid, one.is_latest) for one in found.versions]
    return sorted(entries + [(one.key, one.versionid, one.is_latest) for one in found.delete_marker])


def test_a_new_object_arrives_with_all_that_belongs_to_it_after_the_lag(server, bucket, copy) -> None:
    replicate(bucket)
    headers = {"x-oss-meta-owner": "qa", "Content-Type": "text/plain", "x-oss-tagging": "stage=one"}
    content = os.urandom(300_000)
    written = bucket.put_object("object", content, headers=headers | {"x-oss-object-acl": "public-read"})
    assert not run(server, LAG / 2)
    assert keys(copy) == []
    assert run(server, LAG / 2).copied == 1
    found = copy.get_object("object")
    assert found.read() == content
    assert (found.etag, found.headers["Content-Type"]) == (written.etag, "text/plain")
    assert found.headers["x-oss-meta-owner"] == "qa"
    assert found.headers["Last-Modified"] == bucket.head_object("object").headers["Last-Modified"]
    assert copy.get_object_tagging("object").tag_set.tagging_rule == {"stage": "one"}
    assert copy.get_object_acl("object").acl == "public-read"
    assert not run(server)


def test_changes_and_deletions_follow(server, bucket, copy) -> None:
    replicate(bucket)
    for key in ("changed", "deleted", "kept"):
        bucket.put_object(key, b"first")
    assert run(server).copied == 3
    bucket.put_object("changed", b"second")
    bucket.put_object_acl("kept", "public-read")
    bucket.delete_object("deleted")
    done = run(server)
    assert (done.copied, done.removed) == (1, 1)
    assert keys(copy) == ["changed", "kept"]
    assert copy.get_object("changed").read() == b"second"
    assert copy.get_object_acl("kept").acl == "public-read"


def test_with_the_action_put_deletions_do_not_follow_and_prefixes_narrow_a_rule(server, bucket, copy) -> None:
    prefixes = "<PrefixSet><Prefix>a/</Prefix><Prefix>b/</Prefix></PrefixSet>"
    replicate(bucket, extra=f"{prefixes}<Action>PUT</Action>")
    for key in ("a/1", "b/1", "c/1"):
        bucket.put_object(key, b"x")
    assert run(server).copied == 2
    bucket.delete_object("a/1")
    assert not run(server)
    assert keys(copy) == ["a/1", "b/1"]


@pytest.mark.parametrize(("historical", "expected"), [("enabled", ["new", "old"]), ("disabled", ["new"])])
def test_objects_from_before_the_rule_are_copied_where_it_asks_for_that(
    server, bucket, copy, historical: str, expected: list[str]
) -> None:
    bucket.put_object("old", b"x")
    replicate(bucket, extra=f"<HistoricalObjectReplication>{historical}</HistoricalObjectReplication>")
    bucket.put_object("new", b"x")
    run(server)
    assert keys(copy) == expected


def test_progress_tells_the_share_of_old_objects_and_the_time_of_new_ones(server, bucket, copy) -> None:
    for number in range(4):
        bucket.put_object(f"object-{number}", b"x")
    replicate(bucket)
    client = server.client()
    request = oss_v2.GetBucketReplicationProgressRequest(bucket="test-bucket", rule_id="r")

    def rule() -> Any:
        return client.get_bucket_replication_progress(request).replication_progress.rules[0]

    assert (rule().status, rule().progress.historical_object) == ("starting", "0")
    written = server.clock.now()
    bucket.put_object("new", b"x")
    server.clock.advance(LAG)
    assert rule().progress.new_object == written.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert run(server, LAG).copied == 5
    assert (rule().status, rule().progress.historical_object) == ("doing", "1")
    assert rule().progress.new_object == server.clock.now().strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_versions_and_delete_markers_keep_their_ids(server, bucket, copy) -> None:
    enable_versioning(bucket, copy)
    first = bucket.put_object("object", b"first").versionid
    replicate(bucket)
    second = bucket.put_object("object", b"second").versionid
    bucket.delete_object("object")
    run(server)
    assert versions(copy) == versions(bucket)
    assert len(versions(copy)) == 3
    for version, content in ((first, b"first"), (second, b"second")):
        assert copy.get_object("object", params={"versionId": version}).read() == content
    bucket.delete_object("object", params={"versionId": first})
    run(server)
    assert versions(copy) == versions(bucket)
    assert len(versions(copy)) == 2


def test_two_buckets_that_replicate_to_each_other_come_to_rest_with_the_same_content(server, bucket, copy) -> None:
    replicate(bucket)
    replicate(copy, "test-bucket", "oss-cn-hangzhou")
    bucket.put_object("here", b"1")
    copy.put_object("there", b"2")
    assert run(server).copied == 2
    assert not run(server)
    bucket.put_object("both", b"earlier")
    server.clock.advance(datetime.timedelta(seconds=1))
    copy.put_object("both", b"later")
    copy.delete_object("here")
    run(server)
    assert not run(server)
    assert keys(bucket) == keys(copy) == ["both", "there"]
    assert bucket.get_object("both").read() == copy.get_object("both").read() == b"later"


def test_what_was_replicated_is_not_replicated_on(server, bucket, copy) -> None:
    third = server.bucket("third-bucket", region="cn-beijing")
    third.create_bucket()
    replicate(bucket)
    replicate(copy, "third-bucket", "oss-cn-beijing")
    bucket.put_object("object", b"x")
    run(server)
    run(server)
    assert (keys(copy), keys(third)) == (["object"], [])


def test_results_of_multipart_and_append_arrive_whole(server, bucket, copy) -> None:
    replicate(bucket)
    upload = bucket.init_multipart_upload("big").upload_id
    parts = []
    for number, content in enumerate((b"a" * 200_000, b"b" * 10), start=1):
        parts.append(oss2.models.PartInfo(number, bucket.upload_part("big", upload, number, content).etag))
    bucket.complete_multipart_upload("big", upload, parts)
    bucket.append_object("log", 0, b"one")
    run(server)
    server.clock.advance(LAG)
    bucket.append_object("log", 3, b"two")
    run(server)
    assert copy.get_object("big").read() == b"a" * 200_000 + b"b" * 10
    assert copy.get_object("log").read() == b"onetwo"


def test_a_task_that_fails_is_tried_again_and_reported(server, bucket, copy) -> None:
    replicate(bucket)
    bucket.put_object("object", b"x")
    copy.delete_bucket()
    assert run(server).failed == 1
    assert not run(server, datetime.timedelta(seconds=1))
    database = server.storage._backend.database
    found = replication_queue.progress(database.reader, buckets.get(database.reader, "test-bucket"), "r")
    assert (found.pending, found.failing) == (1, 1) and "does not exist" in found.reason
    copy.create_bucket()
    assert run(server, datetime.timedelta(minutes=10)).copied == 1
    assert keys(copy) == ["object"]


@pytest.mark.parametrize("way", [("cn-hangzhou", SHANGHAI), (SHANGHAI, "cn-hangzhou")])
def test_what_regions_that_are_cut_apart_have_for_each_other_waits(server, bucket, copy, way: tuple[str, str]) -> None:
    cut = {way}
    server.storage._replicator._is_cut = lambda region, other: (region, other) in cut
    replicate(bucket)
    bucket.put_object("object", b"x")
    assert run(server).waiting == 1
    cut.clear()
    assert run(server, datetime.timedelta(seconds=5)).copied == 1


def test_tasks_survive_a_restart_and_go_with_their_rule(start, tmp_path: Path) -> None:
    server = start()
    for name, region in (("test-bucket", "cn-hangzhou"), ("copy-bucket", SHANGHAI)):
        server.bucket(name, region=region).create_bucket()
    replicate(server.bucket("test-bucket"))
    server.bucket("test-bucket").put_object("object", b"content")
    server = start()
    assert run(server).copied == 1
    assert server.bucket("copy-bucket", region=SHANGHAI).get_object("object").read() == b"content"
    bucket = server.bucket("test-bucket")
    bucket.put_object("late", b"x")
    bucket.delete_bucket_replication("r")
    assert not run(server)


def test_objects_encrypted_with_kms_need_a_rule_that_says_so(server, bucket, copy) -> None:
    key = {"x-oss-server-side-encryption": "KMS", "x-oss-server-side-encryption-key-id": "source-key"}
    replicate(bucket)
    bucket.put_object("object", b"x", headers=key)
    assert run(server).copied == 0
    bucket.delete_bucket_replication("r")
    selection = "<SseKmsEncryptedObjects><Status>Enabled</Status></SseKmsEncryptedObjects>"
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        replicate(bucket, extra=f"<SourceSelectionCriteria>{selection}</SourceSelectionCriteria>")
    assert refused.value.code == "InvalidArgument"
    replicate(
        bucket,
        extra=f"<SourceSelectionCriteria>{selection}</SourceSelectionCriteria><SyncRole>copier</SyncRole>"
        "<EncryptionConfiguration><ReplicaKmsKeyID>target-key</ReplicaKmsKeyID></EncryptionConfiguration>",
    )
    assert run(server).copied == 1
    assert copy.head_object("object").headers["x-oss-server-side-encryption-key-id"] == "target-key"


@pytest.mark.parametrize(
    "extra",
    [
        "<Action>DELETE</Action>",
        "<HistoricalObjectReplication>yes</HistoricalObjectReplication>",
        "<RTC><Status>on</Status></RTC>",
        "<PrefixSet>" + "<Prefix>a</Prefix>" * 11 + "</PrefixSet>",
    ],
)
def test_wrong_rules_are_refused(bucket, copy, extra: str) -> None:
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        replicate(bucket, extra=extra)
    assert refused.value.code == "InvalidArgument"


def test_buckets_of_different_versioning_cannot_replicate(bucket, copy) -> None:
    enable_versioning(bucket)
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        replicate(bucket)
    assert "versioning" in refused.value.message
