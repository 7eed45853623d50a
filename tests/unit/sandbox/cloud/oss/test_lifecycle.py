"""Lifecycle rules: what is accepted, and what a run really does as the clock moves."""

from __future__ import annotations

import datetime
from typing import Any

import oss2
import pytest

from sandbox.cloud.core.calls import CallLog
from sandbox.cloud.core.schedule import Schedule
from sandbox.cloud.core.store import Store
from sandbox.cloud.oss.lifecycle_rules import DAY, Due

DAYS = datetime.timedelta(days=1)


def put(bucket: oss2.Bucket, *rules: str, headers: dict[str, str] | None = None) -> None:
    document = "".join(f"<Rule>{rule}</Rule>" for rule in rules)
    bucket._do(
        "PUT",
        bucket.bucket_name,
        "",
        data=f"<LifecycleConfiguration>{document}</LifecycleConfiguration>",
        params={"lifecycle": ""},
        headers=headers,
    )


def rule(action: str, prefix: str = "", extra: str = "", status: str = "Enabled") -> str:
    return f"<Prefix>{prefix}</Prefix><Status>{status}</Status>{extra}{action}"


EXPIRE = "<Expiration><Days>3</Days></Expiration>"


def run(server: Any, after: float) -> Any:
    server.clock.advance(after * DAYS)
    return server.run(server.storage.apply_lifecycle())


def names(bucket: oss2.Bucket) -> list[str]:
    return [one.key for one in oss2.ObjectIterator(bucket)]


def test_rules_come_back_as_they_were_put_with_an_id(bucket: oss2.Bucket) -> None:
    put(
        bucket,
        rule(EXPIRE, "backups/") + "<ID>old</ID>",
        rule("<AbortMultipartUpload><Days>1</Days></AbortMultipartUpload>"),
    )
    rules = bucket.get_bucket_lifecycle().rules
    assert [(one.prefix, one.status) for one in rules] == [("backups/", "Enabled"), ("", "Enabled")]
    assert rules[0].id == "old" and rules[1].id
    assert rules[0].expiration.days == 3 and rules[1].abort_multipart_upload.days == 1
    bucket.delete_bucket_lifecycle()
    with pytest.raises(
        oss2.exceptions.NoSuchLifecycle if hasattr(oss2.exceptions, "NoSuchLifecycle") else oss2.exceptions.ServerError
    ):
        bucket.get_bucket_lifecycle()


@pytest.mark.parametrize(
    "rules",
    [
        (),
        (rule(""),),
        (rule(EXPIRE, status="On"),),
        (rule("<Expiration><Days>0</Days></Expiration>"),),
        (rule("<Expiration><Days>-1</Days></Expiration>"),),
        (rule("<Expiration></Expiration>"),),
        (rule("<Expiration><Days>1</Days><Date>2026-01-01T00:00:00.000Z</Date></Expiration>"),),
        (rule("<Expiration><Date>2026-01-01T08:00:00.000Z</Date></Expiration>"),),
        (rule("<Expiration><Date>soon</Date></Expiration>"),),
        (rule("<Transition><Days>1</Days><StorageClass>Standard</StorageClass></Transition>"),),
        (rule(EXPIRE + "<ID>same</ID>", "a/"), rule(EXPIRE + "<ID>same</ID>", "b/")),
        (rule(EXPIRE, "a/"), rule(EXPIRE, "a/b/")),
    ],
)
def test_wrong_rules_are_refused(bucket: oss2.Bucket, rules: tuple[str, ...]) -> None:
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        put(bucket, *rules)
    assert refused.value.status == 400
    assert refused.value.code in ("MalformedXML", "InvalidArgument")


def test_overlapping_rules_are_taken_when_asked_for(bucket: oss2.Bucket) -> None:
    put(bucket, rule(EXPIRE, "a/"), rule(EXPIRE, "a/b/"), headers={"x-oss-allow-same-action-overlap": "true"})


def test_days_end_at_the_next_midnight() -> None:
    due = Due(days=2)
    assert not due.reached(DAY // 2, 3 * DAY - 1)
    assert due.reached(DAY // 2, 3 * DAY)


def test_objects_expire_after_their_days_and_only_under_the_prefix(server, bucket: oss2.Bucket) -> None:
    put(bucket, rule(EXPIRE, "logs/"), rule(EXPIRE, "off/", status="Disabled"))
    for key in ("logs/1", "data/1", "off/1"):
        bucket.put_object(key, b"x")
    assert not run(server, 3)
    assert run(server, 0.5).expired == 1
    assert names(bucket) == ["data/1", "off/1"]


def test_tags_and_filters_narrow_a_rule(server, bucket: oss2.Bucket) -> None:
    tag = "<Tag><Key>keep</Key><Value>no</Value></Tag>"
    narrow = "<Filter><ObjectSizeGreaterThan>3</ObjectSizeGreaterThan><Not><Prefix>a/not</Prefix></Not></Filter>"
    put(bucket, rule(EXPIRE, "a/", tag + narrow))
    for key, size in (("a/big", 9), ("a/small", 2), ("a/not", 9)):
        bucket.put_object(key, b"x" * size, headers={"x-oss-tagging": "keep=no"})
    bucket.put_object("a/untagged", b"x" * 9)
    assert run(server, 5).expired == 1
    assert names(bucket) == ["a/not", "a/small", "a/untagged"]


def test_in_a_versioned_bucket_expiry_makes_a_marker_and_old_versions_go_later(server, bucket: oss2.Bucket) -> None:
    bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    old = "<NoncurrentVersionExpiration><NoncurrentDays>10</NoncurrentDays></NoncurrentVersionExpiration>"
    put(
        bucket,
        rule(EXPIRE + old),
        rule("<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"),
        headers={"x-oss-allow-same-action-overlap": "true"},
    )
    bucket.put_object("object", b"x")
    assert run(server, 4).expired == 1
    assert names(bucket) == []
    assert len(bucket.list_object_versions().versions) == 1
    assert not run(server, 9)
    done = run(server, 3)
    assert done.versions_removed == 1
    done = run(server, 0)
    assert bucket.list_object_versions().versions == bucket.list_object_versions().delete_marker == []


def test_old_uploads_are_aborted(server, bucket: oss2.Bucket) -> None:
    put(bucket, rule("<AbortMultipartUpload><Days>2</Days></AbortMultipartUpload>", "a/"))
    bucket.init_multipart_upload("a/1")
    kept = bucket.init_multipart_upload("b/1").upload_id
    assert run(server, 4).uploads_aborted == 1
    assert [one.upload_id for one in bucket.list_multipart_uploads().upload_list] == [kept]


def test_transitions_change_the_storage_class_to_the_coldest_that_is_due(server, bucket: oss2.Bucket) -> None:
    steps = [(2, "IA"), (5, "Archive")]
    put(
        bucket,
        rule(
            "".join(
                f"<Transition><Days>{days}</Days><StorageClass>{name}</StorageClass></Transition>"
                for days, name in steps
            )
        ),
    )
    bucket.put_object("object", b"x")
    assert run(server, 3).transitions == 1
    assert bucket.head_object("object").headers["x-oss-storage-class"] == "IA"
    assert run(server, 3).transitions == 1
    assert not run(server, 1)
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.get_object("object")
    assert refused.value.code == "InvalidObjectState"


def test_a_run_goes_through_more_objects_than_one_batch(server, bucket: oss2.Bucket, monkeypatch) -> None:
    monkeypatch.setattr("sandbox.cloud.oss.lifecycle.BATCH", 3)
    put(bucket, rule(EXPIRE))
    for number in range(10):
        bucket.put_object(f"object-{number}", b"x")
    assert run(server, 5).expired == 10
    assert names(bucket) == []


def test_each_object_goes_on_its_own_day_while_the_clock_is_moved_over_many(server, bucket: oss2.Bucket) -> None:
    expired_on: list[int] = []
    begin = server.clock.now()

    async def carry_out() -> None:
        report = await server.storage.apply_lifecycle()
        expired_on.extend([(server.clock.now() - begin).days] * report.expired)

    schedule = Schedule(Store(None), server.clock, CallLog(None))
    schedule.every("object lifecycle rules", DAYS, carry_out)
    put(
        bucket,
        rule(EXPIRE, "soon/"),
        rule("<Expiration><Days>60</Days></Expiration>", "late/"),
    )
    for key in ("soon/a", "late/b", "kept/c"):
        bucket.put_object(key, b"text")
    assert server.run(schedule.advance(90 * DAYS)) == 91
    assert len(expired_on) == 2
    assert 3 <= expired_on[0] <= 5 and 60 <= expired_on[1] <= 62
    assert names(bucket) == ["kept/c"]
