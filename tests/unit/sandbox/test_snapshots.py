"""Snapshots of the cloud's state, and its replacement: whole, isolated from the cloud, safe when killed anywhere."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from sandbox import replacement, snapshots
from sandbox.cloud.core.accounts import Accounts
from sandbox.cloud.core.clock import SystemClock
from sandbox.cloud.core.store import Store
from sandbox.cloud.registry.blobs import blob_path
from sandbox.cloud.registry.catalogue import Catalogue
from sandbox.errors import SandboxError
from sandbox.settings import SandboxSettings

BODY = "ab" + "0" * 30
UPLOAD = "cd" + "0" * 30


class Tree:
    """A cloud's state on disk, as small as it can be."""

    def __init__(self, settings: SandboxSettings) -> None:
        self.state = settings.state
        self.settings = settings
        self.write("first")
        objects = self.state / "objects"
        (objects / "incoming").mkdir(parents=True)
        for name in (BODY, UPLOAD):
            (objects / "objects" / name[:2]).mkdir(parents=True)
            (objects / "objects" / name[:2] / name).write_text(name)
        connection = sqlite3.connect(objects / "metadata.sqlite")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE versions (segments TEXT)")
        connection.execute("CREATE TABLE parts (segments TEXT)")
        connection.execute("INSERT INTO versions VALUES (?), ('[]')", (json.dumps([[BODY, 32]]),))
        connection.commit()
        connection.close()

    def write(self, value: str) -> None:
        store = Store(self.state / "cloud.sqlite")
        store.put("vpc", "one", json.dumps(value))
        store.close()

    def read(self) -> str | None:
        store = Store(self.state / "cloud.sqlite")
        found = store.get("vpc", "one")
        store.close()
        return None if found is None else str(json.loads(found))

    def bodies(self) -> set[str]:
        return {path.name for path in (self.state / "objects").glob("objects/*/*")}

    def restore(self, name: str) -> None:
        snapshots.stage_snapshot(self.settings, name)
        replacement.commit(self.settings)
        assert replacement.finish(self.settings)


@pytest.fixture
def tree(settings: SandboxSettings) -> Tree:
    return Tree(settings)


def test_a_restored_state_is_the_saved_one_and_shares_what_never_changes(tree: Tree) -> None:
    saved = snapshots.save(tree.settings, "one")
    assert (saved.objects, saved.object_bytes, saved.resources["vpc"]) == (1, 32, 1)
    tree.write("second")
    shutil.rmtree(tree.state / "objects" / "objects" / "ab")
    for _ in range(2):  # a snapshot stays as it is
        tree.restore("one")
        assert (tree.read(), tree.bodies()) == ("first", {BODY})
        tree.write("third")
    assert (tree.state / "objects" / "objects" / "ab" / BODY).stat().st_nlink == 2
    inodes = {(root / "objects" / "metadata.sqlite").stat().st_ino for root in (tree.state, kept(tree, "one"))}
    assert len(inodes) == 2  # the databases are written in place


def kept(tree: Tree, name: str) -> Path:
    return tree.state / "snapshots" / name


def test_a_snapshot_holds_what_the_databases_name_and_not_yet_finished_uploads(tree: Tree) -> None:
    snapshots.save(tree.settings, "one")
    assert {path.name for path in kept(tree, "one").glob("objects/objects/*/*")} == {BODY}


def test_while_a_snapshot_is_taken_nobody_commits_to_the_objects_database(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up = snapshots._back_up

    def competing(source: Path, target: Path) -> None:
        back_up(source, target)
        for database in (tree.state / "objects" / "metadata.sqlite", tree.state / "cloud.sqlite"):
            other = sqlite3.connect(database, timeout=0)
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("BEGIN IMMEDIATE")
            other.close()

    monkeypatch.setattr(snapshots, "_back_up", competing)
    snapshots.save(tree.settings, "one")


def test_a_lost_file_of_an_object_is_said_and_leaves_nothing(tree: Tree) -> None:
    shutil.rmtree(tree.state / "objects" / "objects" / "ab")
    with pytest.raises(SandboxError, match=BODY):
        snapshots.save(tree.settings, "one")
    assert list((tree.state / "snapshots").iterdir()) == []


def test_names_are_checked_and_never_overwritten(tree: Tree) -> None:
    snapshots.save(tree.settings, "one")
    for name, reason in (("one", "already"), ("../x", "cannot be named"), (".x", "cannot be named")):
        with pytest.raises(SandboxError, match=reason):
            snapshots.save(tree.settings, name)
    with pytest.raises(SandboxError, match="there are: one"):
        snapshots.stage_snapshot(tree.settings, "two")
    snapshots.delete(tree.settings, "one")
    assert snapshots.every(tree.settings) == []
    with pytest.raises(SandboxError, match="there are: none"):
        snapshots.delete(tree.settings, "one")


def test_what_a_killed_save_left_is_swept_away(tree: Tree) -> None:
    left = tree.state / "snapshots" / ".saving-one"
    left.mkdir(parents=True)
    assert snapshots.every(tree.settings) == []
    assert snapshots.save(tree.settings, "one").name == "one"
    assert not left.exists()


def test_nothing_can_be_saved_of_a_sandbox_that_never_ran(settings: SandboxSettings) -> None:
    with pytest.raises(SandboxError, match="never started"):
        snapshots.save(settings, "one")


def test_a_reset_keeps_the_account_and_nothing_else(tree: Tree) -> None:
    store = Store(tree.state / "cloud.sqlite")
    root = Accounts(store, SystemClock()).root
    store.close()
    snapshots.stage_empty(tree.settings)
    replacement.commit(tree.settings)
    replacement.finish(tree.settings)
    store = Store(tree.state / "cloud.sqlite")
    assert store.counts() == {"account": 1}
    assert Accounts(store, SystemClock()).root.access_key_id == root.access_key_id
    store.close()
    assert tree.bodies() == set()


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", range(12))
def test_killed_at_any_step_a_restore_leaves_the_old_state_or_the_new(
    tree: Tree, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots.save(tree.settings, "one")
    tree.write("second")
    (tree.state / "objects" / "objects" / "cd" / ("cd" + "1" * 30)).write_text("newer")
    old, new = ("second", tree.bodies()), ("first", {BODY})
    left = [step]

    def dying(call):  # type: ignore[no-untyped-def]
        def instead(*arguments, **options):  # type: ignore[no-untyped-def]
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return call(*arguments, **options)

        return instead

    with monkeypatch.context() as patched:
        for owner, name in ((Path, "rename"), (Path, "replace"), (Path, "unlink"), (shutil, "rmtree"), (os, "link")):
            patched.setattr(owner, name, dying(getattr(owner, name)))
        try:
            tree.restore("one")
        except Killed:
            pass
        else:
            assert step > 6  # the last steps are there to show that no kill was missed
    decided = (tree.state / "replacement").exists()
    replacement.finish(tree.settings)  # as the cloud does when it starts
    found = (tree.read(), tree.bodies())
    assert found in ((new,) if decided else (old, new))
    tree.restore("one")
    assert (tree.read(), tree.bodies()) == new


def test_images_of_the_registry_come_back_with_a_snapshot(tree: Tree) -> None:
    store = Store(tree.state / replacement.DATABASE)
    catalogue, digest = Catalogue(store, SystemClock()), "sha256:" + "a" * 64
    catalogue.add_blob("cn-hangzhou//models/trainer", digest)
    store.close()
    blob = tree.state / replacement.REGISTRY / "blobs" / blob_path(digest)
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"a layer")
    snapshots.save(tree.settings, "one")
    snapshots.stage_empty(tree.settings)
    replacement.commit(tree.settings)
    replacement.finish(tree.settings)
    assert not blob.exists()
    snapshots.stage_snapshot(tree.settings, "one")
    replacement.commit(tree.settings)
    replacement.finish(tree.settings)
    assert blob.read_bytes() == b"a layer"
