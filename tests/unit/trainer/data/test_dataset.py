"""The data set in a store."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from trainer.data import dataset
from trainer.data.dataset import Dataset, read_manifest
from trainer.data.dataset_writer import write_dataset
from trainer.data.partition import Split
from trainer.data.vocabulary import Vocabulary
from trainer.errors import DataError, ObjectNotFoundError
from trainer.storage.object_store import DirectoryStore, get_json, put_json

TRAIN = [f"句子 {number} 有 {'很' * (number % 7)}多 字" for number in range(1234)]
FOUND = Split(TRAIN, ["一 句", "两 句 话"], ["三 句"], repeated=7)
WORDS = Vocabulary.count(TRAIN, 500)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DirectoryStore:
    monkeypatch.setattr(dataset, "SENTENCES_PER_SHARD", 500)
    made = DirectoryStore(tmp_path)
    write_dataset(made, "data/", FOUND, WORDS, {"package": "test"})
    return made


def test_shards_are_text_files_that_anybody_can_read(store: DirectoryStore) -> None:
    names = ["train-00000.txt", "train-00001.txt", "train-00002.txt", "valid-00000.txt", "test-00000.txt"]
    assert store.list("data/") == sorted(
        f"data/{name}" for name in [*names, "README.md", "manifest.json", "vocabulary.json"]
    )
    text = "".join(store.get(f"data/{name}").decode() for name in names[:3])
    assert text.splitlines() == TRAIN


@pytest.mark.parametrize(("start", "end"), [(0, 500), (0, 1), (99, 101), (100, 200), (250, 333), (499, 500), (7, 7)])
def test_any_range_of_a_shard_is_read_as_if_it_were_read_whole(store: DirectoryStore, start: int, end: int) -> None:
    assert Dataset(store, "data/").lines("train-00001.txt", start, end) == TRAIN[500 + start : 500 + end]


def test_a_range_reads_few_bytes_beyond_its_own(store: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    get = store.get

    def counted(key: str, start: int = 0, end: int | None = None) -> bytes:
        data = get(key, start, end)
        read.append(len(data))
        return data

    found = Dataset(store, "data/")
    monkeypatch.setattr(store, "get", counted)
    found.lines("train-00000.txt", 200, 300)
    assert read == [sum(len(f"{line}\n".encode()) for line in TRAIN[200:300])]


def test_a_range_outside_of_the_shard_is_refused(store: DirectoryStore) -> None:
    with pytest.raises(DataError, match="has sentences 0 to 234"):
        Dataset(store, "data/").lines("train-00002.txt", 0, 235)
    with pytest.raises(DataError, match="no shard"):
        Dataset(store, "data/").lines("train-00009.txt", 0, 1)


def test_the_same_data_is_not_written_again(store: DirectoryStore) -> None:
    first = read_manifest(store, "data/")
    again, written = write_dataset(store, "data/", FOUND, WORDS, {"package": "test"})
    assert (again, written) == (first, False)


def test_other_data_gets_another_version_and_leaves_no_old_shards(store: DirectoryStore) -> None:
    first = read_manifest(store, "data/")
    smaller, written = write_dataset(
        store, "data/", Split(TRAIN[:10], ["一 句"], ["三 句"]), WORDS, {"package": "test"}
    )
    assert written
    assert smaller.version != first.version
    assert store.list("data/train-") == ["data/train-00000.txt"]


@pytest.mark.parametrize("name", ["train-00001.txt", "vocabulary.json"])
def test_a_changed_object_is_noticed(store: DirectoryStore, name: str) -> None:
    store.put(f"data/{name}", store.get(f"data/{name}").replace("有".encode(), "无".encode(), 1))
    found = Dataset(store, "data/")
    with pytest.raises(DataError, match="checksum"):
        found.sentences("train", found.vocabulary(500))


def test_a_vocabulary_larger_than_the_datas_is_refused_with_the_way_out(store: DirectoryStore) -> None:
    with pytest.raises(DataError, match=r"vocabulary_size 30,000 is more than the data's 500"):
        Dataset(store, "data/").vocabulary(30_000)


def test_no_data_and_a_senseless_manifest_are_told_apart(store: DirectoryStore) -> None:
    with pytest.raises(ObjectNotFoundError):
        read_manifest(store, "elsewhere/")
    broken = get_json(store, "data/manifest.json")
    broken["shards"][0]["bytes"] = "many"
    put_json(store, "data/manifest.json", broken)
    with pytest.raises(DataError, match=r"shards\.0\.bytes"):
        read_manifest(store, "data/")


def test_every_shard_says_where_its_sentences_begin(store: DirectoryStore) -> None:
    for shard in read_manifest(store, "data/").shards:
        text = store.get(f"data/{shard.name}")
        ends = list(itertools.accumulate((len(line) for line in text.splitlines(keepends=True)), initial=0))
        assert list(shard.offsets) == ends[:-1][:: dataset.STRIDE]


def test_the_manifest_counts_what_each_part_holds(store: DirectoryStore) -> None:
    manifest = read_manifest(store, "data/")
    train = manifest.statistics["train"]
    assert train.sentences == len(TRAIN) == manifest.sentences("train")
    assert train.words == sum(len(line.split()) for line in TRAIN)
    assert train.distinct_words == len({word for line in TRAIN for word in line.split()})
    assert manifest.statistics["valid"].unknown_words == 5, "none of its words stands in the training text"
    assert manifest.repeated_sentences == 7


def test_a_data_card_beside_the_data_says_what_it_is_and_its_licence(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    source = {"description": "Some letters", "licence": "free for all", "files": {"letters.txt": "0123abcd"}}
    write_dataset(store, "data/", FOUND, WORDS, source, {"lines that are not UTF-8": 3})
    card = store.get("data/README.md").decode()
    for part in ("Some letters", "free for all", "| `letters.txt` | `0123abcd` |", "3 × lines that are not UTF-8"):
        assert part in card
    assert "| train | 1,234 |" in card


def test_an_older_layout_is_refused_with_the_way_out(store: DirectoryStore) -> None:
    put_json(store, "data/manifest.json", {**get_json(store, "data/manifest.json"), "format": 1})
    with pytest.raises(DataError, match=r"format: .*trainer prepare"):
        read_manifest(store, "data/")
