"""From weights to the registry: what is refused, and what a registered model holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.unit.trainer.small_data import job, small_split, upload
from trainer.data.vocabulary import Vocabulary
from trainer.errors import TrainingError
from trainer.network.model import build_model
from trainer.network.numpy_form import NumpyModel
from trainer.network.training import Conveniences, train
from trainer.registry import versions as registry
from trainer.registry.publish import model_with, publish
from trainer.storage.object_store import DirectoryStore, checksum, get_json


def initial() -> dict[str, Any]:
    settings = job()
    model = build_model(settings.model, settings.schedule.seed)
    return {variable.name: variable.numpy() for variable in model.trainable_variables}


def shaken() -> dict[str, Any]:
    draw = np.random.default_rng(0)
    return {name: value + draw.normal(0, 0.5, value.shape).astype(np.float32) for name, value in initial().items()}


@pytest.mark.parametrize("table", ["word_embedding/embeddings:0", "window_embedding/embeddings:0"])
def test_a_table_as_before_training_is_refused(table: str) -> None:
    with pytest.raises(TrainingError, match=f"{table} are as they were before training"):
        model_with({**shaken(), table: initial()[table]}, job())


def test_another_random_table_is_refused_too() -> None:
    table = "word_embedding/embeddings:0"
    random = np.random.default_rng(5).uniform(-0.05, 0.05, (100, 8)).astype(np.float32)
    with pytest.raises(TrainingError, match="before training"):
        model_with({**shaken(), table: random}, job())


def test_missing_misshapen_and_infinite_weights_are_refused() -> None:
    whole = shaken()
    with pytest.raises(TrainingError, match="have no hidden/kernel:0"):
        model_with({name: value for name, value in whole.items() if name != "hidden/kernel:0"}, job())
    with pytest.raises(TrainingError, match="the settings make"):
        model_with({**whole, "hidden/bias:0": np.zeros(3)}, job())
    with pytest.raises(TrainingError, match="diverged"):
        model_with({**whole, "hidden/bias:0": np.full(16, np.nan)}, job())


def test_a_model_that_is_worse_than_counting_words_is_not_published(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    upload(store)
    bad = {name: 1.5 * value for name, value in shaken().items()}
    with pytest.raises(TrainingError, match="no better than the unigram"):
        publish(store, job(), bad, "run", {})
    assert registry.latest(store, "models/") is None


class KeptWeights(tf.keras.callbacks.Callback):
    """The weights after each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs: list[dict[str, Any]] = []

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        self.epochs.append({variable.name: variable.numpy() for variable in self.model.trainable_variables})


@pytest.fixture(scope="module")
def trained() -> list[dict[str, Any]]:
    """The weights after two epochs, and after four."""
    settings, kept = job(), KeptWeights()
    words = Vocabulary.count(small_split().train, 100)
    sentences = [words.encode(line) for line in small_split().train]
    schedule = settings.schedule.model_copy(update={"epochs": 4})
    train(settings.model, schedule, words, sentences, conveniences=Conveniences(callbacks=(kept,)))
    return [kept.epochs[1], kept.epochs[3]]


def test_a_published_model_is_whole_and_says_where_it_comes_from(tmp_path: Path, trained: list[dict[str, Any]]) -> None:
    store = DirectoryStore(tmp_path / "store")
    manifest = upload(store)
    settings = job()
    model = model_with(trained[-1], settings)
    entry = publish(store, settings, trained[-1], "0123456789ab", {"training": {"step": 9}})
    assert registry.latest(store, "models/") == entry
    noted = get_json(store, entry["manifest"])
    assert (noted["run"], noted["data_version"], noted["training"]) == (
        "0123456789ab",
        manifest.version,
        {"step": 9},
    )
    assert {file["name"] for file in noted["files"]} >= {
        "saved_model/saved_model.pb",
        "vocabulary.json",
        "evaluation.md",
        "evaluation.json",
    }
    for file in noted["files"]:
        assert checksum(store.get(f"models/{entry['version']}/{file['name']}")) == file["sha256"]
    loaded = tf.saved_model.load(str(tmp_path / "store" / "models" / entry["version"] / "saved_model"))
    ids = tf.constant([[5, 6, 7]], tf.int32)
    answer = loaded.signatures["serving_default"](context_ids=ids)["logits"]
    assert answer.numpy() == pytest.approx(model(ids).numpy(), abs=1e-5)
    arrays = NumpyModel.from_bytes(store.get(f"models/{entry['version']}/numpy/model.npz"))
    assert arrays.weights.logits(ids.numpy()) == pytest.approx(model(ids).numpy(), abs=1e-5)
    assert np.array(noted["probe"]["logits"]) == pytest.approx(
        arrays.weights.logits(np.array(noted["probe"]["context_ids"])), abs=1e-5
    )


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DirectoryStore:
    """With data; without SavedModels, which take seconds and are another test's."""
    monkeypatch.setattr("trainer.registry.publish.export", lambda *_: None)
    made = DirectoryStore(tmp_path)
    upload(made)
    return made


def test_only_a_better_model_is_promoted_and_lineage_names_its_parent(
    store: DirectoryStore, trained: list[dict[str, Any]]
) -> None:
    less, good = trained
    first = publish(store, job(), less, "first", {})
    assert (first["promoted"], first["reason"]) == (True, "the first version")
    second = publish(store, job(), good, "second", {})
    assert second["promoted"]
    assert "better on" in second["reason"]
    assert get_json(store, second["manifest"])["parent"] == first["version"]
    third = publish(store, job(), less, "third", {})
    assert not third["promoted"]
    assert "no better on" in third["reason"]
    assert registry.latest(store, "models/") == third
    current = registry.current(store, "models/")
    assert current is not None
    assert current["version"] == second["version"]


def test_a_version_in_use_that_cannot_be_read_gives_way_to_a_sound_one(
    store: DirectoryStore, trained: list[dict[str, Any]]
) -> None:
    store.put("models/current.json", b'{"version": "gone", "manifest_sha256": "0"}')
    entry = publish(store, job(), trained[1], "next", {})
    assert entry["promoted"]
    assert "can't be read" in entry["reason"]


def test_a_publication_killed_before_its_end_is_begun_again(
    store: DirectoryStore, trained: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("trainer.registry.versions.promote", killed)
        with pytest.raises(KeyboardInterrupt):
            publish(store, job(), trained[0], "first", {})
    assert registry.latest(store, "models/") is None, "so the launcher still takes the run for unpublished"
    assert publish(store, job(), trained[0], "again", {})["promoted"]
