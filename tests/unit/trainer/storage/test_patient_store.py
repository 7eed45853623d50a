"""Waiting for object storage that is away; time is made by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.errors import ObjectNotFoundError, RefusedError, StoreError
from trainer.storage.object_store import DirectoryStore
from trainer.storage.patient_store import PATIENCE_SECONDS, WAIT_SECONDS, PatientStore


class Away(DirectoryStore):
    """Answers from some moment on."""

    def __init__(self, root: Path, until: float, refusal: StoreError | None = None) -> None:
        super().__init__(root)
        self.now, self.until, self.asked = 0.0, until, 0
        self.refusal = refusal or StoreError("503")

    def get(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        self.asked += 1
        if self.now < self.until:
            raise self.refusal
        return super().get(key, start, end)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def patient(self) -> PatientStore:
        return PatientStore(self, lambda: self.now, self.sleep)


def test_a_read_waits_out_an_outage_and_is_back_within_the_longest_wait(tmp_path: Path) -> None:
    store = Away(tmp_path, until=300.0)
    store.put("a", b"text")
    assert store.patient().get("a", 1, 3) == b"ex"
    assert 300.0 <= store.now <= 300.0 + WAIT_SECONDS[-1]
    assert store.asked < 50


def test_patience_ends(tmp_path: Path) -> None:
    store = Away(tmp_path, until=1e9)
    with pytest.raises(StoreError, match="503"):
        store.patient().get("a")
    assert store.now <= PATIENCE_SECONDS


@pytest.mark.parametrize("refusal", [RefusedError("403 AccessDenied"), ObjectNotFoundError("no object a")])
def test_what_is_refused_or_not_there_is_said_at_once(tmp_path: Path, refusal: StoreError) -> None:
    store = Away(tmp_path, until=1.0, refusal=refusal)
    with pytest.raises(type(refusal)):
        store.patient().get("a")
    assert (store.now, store.asked) == (0.0, 1)


def test_everything_else_is_done_as_the_store_does_it(tmp_path: Path) -> None:
    store = Away(tmp_path, until=0.0).patient()
    (tmp_path / "file").write_bytes(b"more")
    store.put("b/one", b"1")
    store.upload("b/two", tmp_path / "file")
    store.download("b/two", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == b"more"
    assert store.list("b/") == ["b/one", "b/two"]
    store.delete("b/one")
    assert store.list("b/") == ["b/two"]
