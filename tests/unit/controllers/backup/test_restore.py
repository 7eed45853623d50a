"""Restores into the same bucket, another bucket and a prefix, with kills at every request."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest

from controllers.__main__ import main
from controllers.backup.copying import RESTORING
from controllers.backup.model import Manifest
from controllers.backup.restoring import Restore
from controllers.backup.work import prove
from controllers.buckets import Bucket
from controllers.config.backup import SourceSettings
from controllers.errors import ControllerError
from tests.unit.controllers.backup.scene import NOON, RUN, Scene, content
from tests.unit.sandbox.cloud.oss.conftest import REGION


def into(scene: Scene, target: Bucket, manifest: Manifest) -> Restore:
    return Restore(scene.repository, manifest.of("data"), target, manifest.id, scene.scratch, 3)


def test_a_damaged_bucket_is_as_it_was_and_what_is_right_is_not_written_again(scene: Scene) -> None:
    before = content(scene.data)
    manifest = scene.back_up()
    kept = scene.data.versions(f"{RUN}version-1/")
    scene.data.delete(f"{RUN}latest.json")
    scene.data.put(f"{RUN}version-2/variables-0-of-1.ckpt", b"flipped")
    scene.data.put("new", b"1")
    work = into(scene, scene.data, manifest)
    plan = work.plan()
    assert plan.counts() == {"create": 1, "replace": 1, "keep": 1, "delete": 1}
    assert content(scene.data)["new"] == b"1"
    assert work.carry_out() == plan
    assert content(scene.data) == before
    assert scene.data.versions(f"{RUN}version-1/") == kept
    assert into(scene, scene.data, manifest).plan().none


def test_bytes_of_the_same_length_that_differ_are_replaced(scene: Scene) -> None:
    manifest = scene.back_up()
    key = f"{RUN}version-2/variables-0-of-1.ckpt"
    scene.data.put(key, b"x" * len(scene.data.get(key)))
    assert into(scene, scene.data, manifest).plan().replace == [key]


def test_another_bucket_and_a_prefix_take_a_copy_and_keep_what_is_beside_it(scene: Scene) -> None:
    manifest = scene.back_up()
    other = scene.make_bucket("other")
    other.put("beside", b"1")
    into(scene, Bucket("other", "restored/", REGION), manifest).carry_out()
    assert content(Bucket("other", "restored/", REGION)) == content(scene.data)
    assert other.get("beside") == b"1"


def test_a_restore_that_was_killed_at_any_request_goes_on_and_never_shows_a_pointer_without_its_object(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = scene.back_up()
    before = content(scene.data)
    target = scene.make_bucket("other")
    budget = [0]
    call = Bucket._call

    def counted(self: Bucket, key: str, action: Callable[[], Any]) -> Any:
        budget[0] -= 1
        if budget[0] < 0:
            raise KeyboardInterrupt
        return call(self, key, action)

    monkeypatch.setattr(Bucket, "_call", counted)
    for allowed in range(200):
        budget[0] = allowed
        try:
            into(scene, target, manifest).carry_out()
            break
        except KeyboardInterrupt:
            budget[0] = 10_000
            there = content(target)
            if f"{RUN}latest.json" in there:
                value = json.loads(there[f"{RUN}latest.json"])
                assert there[value["key"]] == before[value["key"]]
    budget[0] = 10_000
    assert allowed > 3
    assert content(target) == before


def test_another_restore_into_the_same_place_must_end_first(scene: Scene) -> None:
    manifest = scene.back_up()
    scene.data.put(RESTORING, json.dumps({"backup": "20260101T000000Z", "from": "oss://else/"}).encode())
    with pytest.raises(ControllerError, match="has begun and not ended"):
        into(scene, scene.data, manifest).carry_out()


def test_a_point_in_time_is_the_newest_backup_at_or_before_it(scene: Scene) -> None:
    first, second = scene.back_up(), scene.back_up()
    hour = datetime.timedelta(hours=1)
    assert scene.repository.chosen(None, None).id == second.id
    assert scene.repository.chosen(None, NOON + hour).id == first.id
    assert scene.repository.chosen(None, NOON + 1.5 * hour).id == first.id
    assert scene.repository.chosen(None, NOON + 2 * hour).id == second.id
    with pytest.raises(ControllerError, match="no backup that began at or before"):
        scene.repository.chosen(None, NOON)


def test_the_command_says_what_would_change_then_changes_it(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = scene.back_up()
    scene.data.delete(f"{RUN}latest.json")
    line = ["restore", "--from", f"oss://qa-backups/{REGION}", "--to", "oss://qa-data", "--region", REGION]
    assert main([*line, "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "create 1, replace 0, keep 2, delete 0 (dry run: nothing was changed)" in shown
    assert f"create {RUN}latest.json" in shown
    assert scene.data.find(f"{RUN}latest.json") is None
    assert main([*line, "--backup", manifest.id]) == 0
    assert "every object has the backup's checksum" in capsys.readouterr().out
    assert scene.data.find(f"{RUN}latest.json") is not None
    assert main(["backup", "list", "--from", f"oss://qa-backups/{REGION}", "--region", REGION]) == 0
    assert capsys.readouterr().out == f"{manifest.id}  not proven\n"
    assert main(["backup", "verify", "--from", f"oss://qa-backups/{REGION}", "--region", REGION]) == 0
    assert main(["backup", "show", "--from", f"oss://qa-backups/{REGION}", "--region", REGION]) == 0
    assert "data: 3 objects" in capsys.readouterr().out


def test_wrong_arguments_are_told_in_a_line(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.back_up()
    line = ["restore", "--from", f"oss://qa-backups/{REGION}", "--region", REGION]
    assert main([*line, "--to", "models=oss://x"]) == 2
    assert "it has data" in capsys.readouterr().err
    assert main([*line, "--to", "oss://qa-data", "--backup", "yesterday"]) == 2
    assert main([*line, "--to", "/tmp/x"]) == 1
    assert main([*line, "--to", "oss://no-such-bucket"]) == 1
    assert "no bucket no-such-bucket" in capsys.readouterr().err


def test_one_stack_of_the_pulumi_state_comes_back_and_the_others_are_neither_copied_nor_touched(scene: Scene) -> None:
    state = scene.make_bucket("pulumi-state")
    stacks = ".pulumi/stacks/language-model-clusters/"
    for name in ("qa.json", "qa.json.bak", "qa2.json", "textgen.json"):
        state.put(f"{stacks}{name}", f"state of {name}".encode())
    own = SourceSettings(name="pulumi-state", bucket="pulumi-state", prefix=f"{stacks}qa.*")
    scene.settings = scene.settings.model_copy(update={"sources": (*scene.settings.sources, own)})
    manifest = scene.back_up()
    assert [entry.key for entry in manifest.of("pulumi-state")] == ["json", "json.bak"]
    prove(scene.repository, manifest, scene.scratch, 2, lambda: None, scene.now)

    state.put(f"{stacks}qa.json", b"{")
    state.put(f"{stacks}qa.json.attrs", b"new")
    address = manifest.sources["pulumi-state"]
    assert address == f"oss://pulumi-state/{stacks}qa.*"
    arguments = [
        "restore",
        "--from",
        f"oss://qa-backups/{REGION}",
        "--to",
        f"pulumi-state={address}",
        "--region",
        REGION,
    ]
    assert main(arguments) == 0
    assert content(state) == {
        f"{stacks}{name}": f"state of {name}".encode()
        for name in ("qa.json", "qa.json.bak", "qa2.json", "textgen.json")
    }
