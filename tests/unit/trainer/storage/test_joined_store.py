"""Two stores under one root: each key lies in exactly one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.errors import ObjectNotFoundError
from trainer.storage.joined_store import JoinedStore
from trainer.storage.object_store import DirectoryStore


@pytest.fixture
def joined(tmp_path: Path) -> JoinedStore:
    return JoinedStore(DirectoryStore(tmp_path / "data"), "models/", DirectoryStore(tmp_path / "models"))


def test_what_is_written_below_the_prefix_lies_in_the_other_store_only(joined: JoinedStore, tmp_path: Path) -> None:
    joined.put("data/train", b"text")
    joined.put("models/v1/model", b"weights")
    (tmp_path / "file").write_bytes(b"larger weights")
    joined.upload("models/v2/model", tmp_path / "file")
    assert DirectoryStore(tmp_path / "data").list() == ["data/train"]
    assert DirectoryStore(tmp_path / "models").list() == ["models/v1/model", "models/v2/model"]
    assert joined.get("models/v1/model") == b"weights"
    assert joined.get("data/train", 1, 3) == b"ex"
    joined.download("models/v2/model", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"larger weights"


def test_a_listing_shows_both_in_order_and_each_key_once(joined: JoinedStore, tmp_path: Path) -> None:
    for key in ("zeal", "data/train", "models/v1/model"):
        joined.put(key, b"")
    DirectoryStore(tmp_path / "data").put("models/left-behind", b"from before the models had a bucket")
    assert joined.list() == ["data/train", "models/v1/model", "zeal"]
    assert joined.list("models/") == joined.list("m") == ["models/v1/model"]
    assert joined.list("data/") == ["data/train"]


def test_what_is_deleted_is_gone_from_its_store(joined: JoinedStore) -> None:
    joined.put("models/v1/model", b"")
    joined.delete("models/v1/model")
    with pytest.raises(ObjectNotFoundError):
        joined.get("models/v1/model")
