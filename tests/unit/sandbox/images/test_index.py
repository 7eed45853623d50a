"""The index: nodes read the old list or the new one, and each archive that a list names is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.images.index import is_current, publish, read_index

REFERENCE = "registry.example/models/trainer:1"


def archive(folder: Path, name: str) -> str:
    (folder / name).write_bytes(b"archive")
    return name


def test_nothing_built_is_an_empty_index(tmp_path: Path) -> None:
    assert read_index(tmp_path / "index.json") == {}


def test_the_file_is_the_list_that_nodes_read(tmp_path: Path) -> None:
    publish(tmp_path / "index.json", REFERENCE, archive(tmp_path, "trainer-1.tar"))
    assert json.loads((tmp_path / "index.json").read_text()) == [
        {"reference": REFERENCE, "archive": "trainer-1.tar"},
    ]


def test_a_new_archive_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    index = tmp_path / "index.json"
    publish(index, REFERENCE, archive(tmp_path, "trainer-1.tar"))
    publish(index, REFERENCE, archive(tmp_path, "trainer-2.tar"))
    assert read_index(index) == {REFERENCE: "trainer-2.tar"}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["index.json", "trainer-2.tar"]


def test_publishing_again_keeps_the_archive(tmp_path: Path) -> None:
    for _ in range(2):
        publish(tmp_path / "index.json", REFERENCE, archive(tmp_path, "trainer-1.tar"))
    assert is_current(tmp_path / "index.json", REFERENCE, "trainer-1.tar")


def test_other_images_and_what_they_share_stay(tmp_path: Path) -> None:
    index = tmp_path / "index.json"
    publish(index, REFERENCE, archive(tmp_path, "shared.tar"))
    publish(index, "other:1", "shared.tar")
    publish(index, REFERENCE, archive(tmp_path, "trainer-2.tar"))
    assert read_index(index) == {REFERENCE: "trainer-2.tar", "other:1": "shared.tar"}
    assert (tmp_path / "shared.tar").exists()


def test_an_interruption_before_the_swap_leaves_the_old_list_and_its_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index.json"
    publish(index, REFERENCE, archive(tmp_path, "trainer-1.tar"))

    def interrupted(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        publish(index, REFERENCE, archive(tmp_path, "trainer-2.tar"))
    assert is_current(index, REFERENCE, "trainer-1.tar")


@pytest.mark.parametrize("built", ["trainer-2.tar", "trainer-1.tar"], ids=["another key", "archive gone"])
def test_another_key_or_a_missing_archive_is_not_current(tmp_path: Path, built: str) -> None:
    publish(tmp_path / "index.json", REFERENCE, "trainer-1.tar")
    assert not is_current(tmp_path / "index.json", REFERENCE, built)


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"reference": "x"}]', "null", '{"a": 1}'])
def test_a_damaged_index_says_how_to_repair_it(tmp_path: Path, content: str) -> None:
    index = tmp_path / "index.json"
    index.write_text(content, encoding="utf-8")
    with pytest.raises(SandboxError, match=r"index.json is not a list of images .*delete it and build again"):
        read_index(index)
