"""Backups of a bucket that is being written to, against real OSS semantics. Kills are exceptions at every request."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controllers.backup.copying import RESTORING
from controllers.backup.repository import JOURNAL, SCRATCH
from controllers.backup.work import alone, prove, tidy
from controllers.buckets import Bucket
from controllers.errors import ControllerError
from tests.unit.controllers.backup.scene import RUN, Scene, content


def prove_it(scene: Scene, identifier: str) -> None:
    manifest = scene.repository.manifest(identifier)
    prove(scene.repository, manifest, scene.scratch, 3, lambda: None, scene.now)


def test_what_did_not_change_is_neither_read_nor_copied_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    first = scene.back_up()
    assert (len(first.entries), first.copied_objects) == (3, 3)
    read: list[str] = []
    fetch = Bucket.fetch
    monkeypatch.setattr(Bucket, "fetch", lambda self, found, path: read.append(found.key) or fetch(self, found, path))
    second = scene.back_up()
    assert (read, second.copied_objects, second.entries) == ([], 0, first.entries)
    scene.data.put("copy-of-a-checkpoint", scene.data.get(f"{RUN}version-1/variables-0-of-1.ckpt"))
    third = scene.back_up()
    assert (read, third.copied_objects, len(third.entries)) == (["copy-of-a-checkpoint"], 0, 4)


def test_a_checkpoint_that_comes_in_the_middle_leaves_no_pointer_without_its_object(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the listing, checkpoints go on, so that what was listed is deleted before it is read."""
    step = iter(range(3, 100))
    fetch = Bucket.fetch

    def fetch_late(self: Bucket, found: Any, path: Path) -> Any:
        for _ in range(4):
            scene.checkpoint(next(step))
        return fetch(self, found, path)

    monkeypatch.setattr(Bucket, "fetch", fetch_late)
    manifest = scene.back_up()
    assert manifest.broken == ()
    pointer = next(entry for entry in manifest.entries if entry.key == f"{RUN}latest.json")
    value = json.loads(scene.repository.bucket.get(scene.repository.content_key(pointer.sha256)))
    assert value["sha256"] in {entry.sha256 for entry in manifest.entries if entry.key == value["key"]}


def test_a_listing_that_missed_an_object_is_made_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that was read before the checkpoint was written, and one after."""
    versions, calls = Bucket.versions, []

    def torn(self: Bucket, prefix: str = "") -> Any:
        found = versions(self, prefix)
        if self.name == "qa-data" and not calls:
            calls.append(1)
            return [one for one in found if "version-2" not in one.key]
        return found

    monkeypatch.setattr(Bucket, "versions", torn)
    manifest = scene.back_up()
    assert manifest.broken == () and len(manifest.entries) == 3


def test_a_bucket_that_is_broken_itself_is_backed_up_and_said_to_be(scene: Scene) -> None:
    scene.data.put(f"{RUN}version-2/variables-0-of-1.ckpt", b"flipped")
    manifest = scene.back_up()
    assert manifest.broken == (f"data/{RUN}latest.json",)
    assert len(manifest.entries) == 3


def test_a_bucket_that_is_being_restored_is_not_backed_up(scene: Scene) -> None:
    scene.data.put(RESTORING, b"{}")
    with pytest.raises(ControllerError, match="is being restored"):
        scene.back_up()


def test_leases_are_not_copied(scene: Scene) -> None:
    scene.data.append("leases/training", 0, b"x")
    assert [entry.key for entry in scene.back_up().entries if entry.key.startswith("leases")] == []


def test_a_backup_that_was_killed_at_any_request_does_not_exist_and_goes_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controllers.backup.copying.JOURNAL_SECONDS", 0.0)
    budget = [0]
    call = Bucket._call

    def counted(self: Bucket, key: str, action: Callable[[], Any]) -> Any:
        budget[0] -= 1
        if budget[0] < 0:
            raise KeyboardInterrupt
        return call(self, key, action)

    monkeypatch.setattr(Bucket, "_call", counted)
    kills = 0
    for allowed in range(200):
        budget[0] = allowed
        try:
            manifest = scene.back_up()
        except KeyboardInterrupt:
            kills += 1
            budget[0] = 1000
            assert scene.repository.ids() == [] or scene.repository.bucket.find(JOURNAL) is not None
            if scene.repository.ids():  # killed between the manifest and the journal's removal: it exists
                manifest = scene.repository.manifest(scene.repository.ids()[0])
                break
            continue
        break
    budget[0] = 10_000
    assert kills > 5
    assert {entry.key for entry in manifest.entries} == set(content(scene.data))
    prove_it(scene, manifest.id)


def test_a_proof_reads_everything_back_and_leaves_nothing_behind(scene: Scene) -> None:
    manifest = scene.back_up()
    prove_it(scene, manifest.id)
    found = scene.repository.proof(manifest.id)
    assert found is not None and (found.objects, found.bytes) == (3, manifest.size)
    assert scene.repository.bucket.list(SCRATCH) == []
    assert scene.repository.write_status()["last_proven"] == manifest.id


def test_content_that_rots_is_no_proof(scene: Scene) -> None:
    manifest = scene.back_up()
    entry = max(manifest.entries, key=lambda one: one.size)
    scene.repository.bucket.put(scene.repository.content_key(entry.sha256), b"x" * entry.size)
    with pytest.raises(ControllerError, match="is not what was copied"):
        prove_it(scene, manifest.id)
    assert scene.repository.proof(manifest.id) is None
    assert scene.repository.bucket.list(SCRATCH) == []


def test_old_backups_go_with_what_they_alone_held_but_never_the_last_proven_one(scene: Scene) -> None:
    proven = scene.back_up()
    prove_it(scene, proven.id)
    for step in range(3, 9):
        scene.checkpoint(step)
        scene.back_up()
    gone, contents = tidy(scene.settings, scene.repository)
    ids = scene.repository.ids()
    assert len(gone) == 4 and contents > 0
    assert ids[0] == proven.id and len(ids) == 3
    for identifier in ids:
        prove_it(scene, identifier)


def test_two_backups_at_once_wait_for_each_other(scene: Scene) -> None:
    with (
        alone(scene.repository.bucket),
        pytest.raises(ControllerError, match="another backup"),
        alone(scene.repository.bucket, wait_seconds=-1),
    ):
        pass
    with alone(scene.repository.bucket) as renew:
        renew()
