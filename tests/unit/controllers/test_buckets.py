"""Versions and appends against real OSS semantics (the emulator's)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.controllers.conftest import MakeBucket
from trainer.errors import ChangedError
from trainer.storage.lease import Lease


def test_a_listed_version_is_read_after_the_object_was_replaced_and_deleted(
    make_bucket: MakeBucket, tmp_path: Path
) -> None:
    bucket = make_bucket("data")
    bucket.put("a/b.txt", b"first")
    (found,) = bucket.versions()
    bucket.put("a/b.txt", b"second")
    bucket.delete("a/b.txt")
    assert bucket.versions() == []
    fetched = bucket.fetch(found, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"first"
    bucket.put("c.txt", b"first")
    assert bucket.find("c.txt") == (5, fetched.crc64)
    assert bucket.find("a/b.txt") is None


def test_of_two_appends_at_the_same_end_one_is_refused(make_bucket: MakeBucket) -> None:
    bucket = make_bucket("data")
    bucket.append("log", 0, b"one")
    with pytest.raises(ChangedError):
        bucket.append("log", 0, b"two")
    bucket.append("log", 3, b"two")
    assert bucket.get("log") == b"onetwo"


def test_an_object_that_grew_since_it_was_listed_is_not_taken_for_what_was_listed(
    make_bucket: MakeBucket, tmp_path: Path
) -> None:
    bucket = make_bucket("data")
    bucket.append("log", 0, b"one")
    (found,) = bucket.versions()
    bucket.append("log", 3, b"two")
    with pytest.raises(ChangedError):
        bucket.fetch(found, tmp_path / "file")


def test_a_purge_leaves_no_version_and_no_marker(make_bucket: MakeBucket) -> None:
    bucket = make_bucket("data")
    for key in ("scratch/a", "scratch/b", "kept"):
        bucket.put(key, b"1")
        bucket.put(key, b"2")
    bucket.delete("scratch/a")
    bucket.purge("scratch/")
    bucket.purge("scratch/")
    assert bucket.list() == ["kept"]


def test_one_of_two_regions_holds_it_until_it_gives_it_up(make_bucket: MakeBucket) -> None:
    bucket = make_bucket("data")
    first, second = (
        Lease(bucket, "leases/training", "cn-hangzhou", 60),
        Lease(bucket, "leases/training", "cn-beijing", 60),
    )
    assert first.acquire() and first.held and first.term == 1
    assert not second.acquire() and not second.held
    assert first.acquire() and first.term == 1
    first.release()
    assert not first.held
    assert second.acquire() and second.term == 2
    assert not first.acquire()
