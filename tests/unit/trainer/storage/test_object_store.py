"""The directory that behaves like a bucket, and how an address becomes a store. OSS itself: test_oss.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.errors import DataError, ObjectNotFoundError, SettingsError, StoreError
from trainer.storage.object_store import DirectoryStore, get_json, open_store, put_json


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "bucket")


def test_what_is_put_is_got_whole_and_in_parts(store: DirectoryStore) -> None:
    store.put("a/b", b"0123456789")
    assert (store.get("a/b"), store.get("a/b", 3, 5), store.get("a/b", 8)) == (b"0123456789", b"34", b"89")


def test_files_go_up_and_down(store: DirectoryStore, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"content")
    store.upload("x", tmp_path / "in")
    store.download("x", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"content"


def test_listing_is_by_prefix_and_sorted(store: DirectoryStore) -> None:
    assert store.list() == []
    for key in ("b/2", "b/1", "c"):
        store.put(key, b"")
    assert store.list("b/") == ["b/1", "b/2"]


def test_a_missing_object_is_named(store: DirectoryStore) -> None:
    for action in (lambda: store.get("no"), lambda: store.download("no", Path("/nowhere"))):
        with pytest.raises(ObjectNotFoundError, match="no object no"):
            action()
    store.delete("no")


def test_a_failed_write_leaves_the_old_object_and_no_remains(store: DirectoryStore, tmp_path: Path) -> None:
    store.put("key", b"old")
    with pytest.raises(FileNotFoundError):
        store.upload("key", tmp_path / "missing")
    assert store.get("key") == b"old"
    assert store.list() == ["key"]


def test_a_key_cannot_leave_the_root(store: DirectoryStore) -> None:
    with pytest.raises(StoreError, match="leaves the directory"):
        store.put("../x", b"")


def test_json_that_is_none_is_a_data_error(store: DirectoryStore) -> None:
    put_json(store, "good", {"字": 1})
    assert get_json(store, "good") == {"字": 1}
    for text in (b"{", b"[]"):
        store.put("bad", text)
        with pytest.raises(DataError, match="bad"):
            get_json(store, "bad")


@pytest.mark.parametrize(
    ("address", "reason"), [("s3://b", "only oss://"), ("oss:///x", "no bucket"), ("oss://b", "region is missing")]
)
def test_a_wrong_address_is_refused_with_the_way_out(address: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        open_store(address)
