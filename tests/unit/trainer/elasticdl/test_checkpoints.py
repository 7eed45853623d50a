"""Checkpoints that are damaged, and those before them. How workers write and read them is in test_worker.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from elasticdl.proto import elasticdl_pb2
from elasticdl.python.common.tensor_utils import serialize_ndarray

from trainer.elasticdl import checkpoints
from trainer.elasticdl.pointers import LATEST, find
from trainer.errors import DataError
from trainer.storage.object_store import DirectoryStore

PREFIX = "checkpoints/job/run/"


def model(step: int) -> elasticdl_pb2.Model:
    made = elasticdl_pb2.Model(version=step)
    serialize_ndarray(np.full(3, step, np.float32), made.dense_parameters["beta"])
    return made


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    """Four checkpoints, of which the last three are kept."""
    made = DirectoryStore(tmp_path)
    for step in (100, 200, 300, 400):
        checkpoints.save(made, PREFIX, model(step), LATEST)
    return made


def damage(store: DirectoryStore, step: int) -> None:
    store.put(f"{PREFIX}version-{step}/variables-0-of-1.ckpt", b"damaged")


def newest(store: DirectoryStore) -> int:
    entry = find(store, PREFIX, LATEST)
    assert entry is not None
    return int(checkpoints.load_whole(store, entry).version)


def test_the_newest_checkpoint_is_taken_and_the_one_before_where_it_is_damaged_or_gone(store: DirectoryStore) -> None:
    assert newest(store) == 400
    damage(store, 400)
    assert newest(store) == 300
    store.delete(f"{PREFIX}version-300/variables-0-of-1.ckpt")
    assert newest(store) == 200


def test_where_none_is_whole_the_reason_names_the_last_that_was_tried(store: DirectoryStore) -> None:
    for step in (200, 300, 400):
        damage(store, step)
    with pytest.raises(DataError, match="version-200"):
        newest(store)


def test_the_next_checkpoint_stands_in_front_of_a_damaged_one(store: DirectoryStore) -> None:
    damage(store, 400)
    checkpoints.save(store, PREFIX, model(500), LATEST)
    assert newest(store) == 500
    assert checkpoints.versions(store, PREFIX) == {300, 400, 500}
