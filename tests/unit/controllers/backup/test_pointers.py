"""What the trainer's pointers name, in the forms in which the trainer writes them."""

from __future__ import annotations

import json

from controllers.backup.pointers import Reference, is_pointer, references


def test_each_form_names_its_objects() -> None:
    checkpoint = {"version": 7, "key": "checkpoints/qa/run/version-7/variables-0-of-1.ckpt", "sha256": "aa"}
    assert references("checkpoints/qa/run/latest.json", json.dumps(checkpoint).encode()) == [
        Reference("checkpoints/qa/run/version-7/variables-0-of-1.ckpt", "aa")
    ]
    data = {"version": "v", "shards": [{"name": "train-0.txt", "sha256": "bb"}], "vocabulary_sha256": "cc"}
    assert references("data/manifest.json", json.dumps(data).encode()) == [
        Reference("data/train-0.txt", "bb"),
        Reference("data/vocabulary.json", "cc"),
    ]
    model = {"version": "20260301", "manifest_sha256": "dd"}
    assert references("models/current.json", json.dumps(model).encode()) == [
        Reference("models/20260301/manifest.json", "dd")
    ]
    files = {"version": "20260301", "files": [{"name": "numpy/model.npz", "sha256": "ee"}]}
    assert references("models/20260301/manifest.json", json.dumps(files).encode()) == [
        Reference("models/20260301/numpy/model.npz", "ee")
    ]


def test_what_is_no_pointer_names_nothing() -> None:
    for data in (b"", b"[]", b"{", b"{}", b'{"files": 1, "shards": [2], "key": 3}', b"\xff"):
        assert references("a/manifest.json", data) == []
    assert is_pointer("a/latest.json") and is_pointer("final.json") and not is_pointer("a/status.json")
