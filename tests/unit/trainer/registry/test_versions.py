"""Versions and pointers: what is not whole, unknown or corrupt is refused, and what was promoted stays."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.unit.trainer.models import numpy_model, promote, upload
from trainer.__main__ import main
from trainer.errors import DataError, SettingsError
from trainer.registry import versions as registry
from trainer.storage.object_store import DirectoryStore

PREFIX = "models/"


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path)


def in_use(store: DirectoryStore) -> str | None:
    return (registry.current(store, PREFIX) or {}).get("version")


def test_a_version_is_listed_once_its_manifest_is_there(store: DirectoryStore) -> None:
    store.put("models/half/numpy/model.npz", b"arriving")
    upload(store, "whole", numpy_model())
    assert registry.versions(store, PREFIX) == ["whole"]
    with pytest.raises(DataError, match="unknown, or not whole yet"):
        registry.promote(store, PREFIX, "half", "")


def test_promoting_points_servers_to_it_and_remembers_the_one_before(store: DirectoryStore) -> None:
    promote(store, "v1")
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    upload(store, "v2", numpy_model(2))
    registry.promote(store, PREFIX, "v2", "better", now)
    pointer = registry.current(store, PREFIX)
    assert pointer is not None
    assert (pointer["version"], pointer["reason"], pointer["promoted_at"]) == ("v2", "better", "2026-01-02T03:04:05Z")
    assert [entry["version"] for entry in pointer["history"]] == ["v1"]


@pytest.mark.parametrize("damage", [b"", b"other bytes"])
def test_a_damaged_version_is_not_promoted_and_the_one_in_use_stays(store: DirectoryStore, damage: bytes) -> None:
    promote(store, "v1")
    upload(store, "v2", numpy_model(2))
    store.put("models/v2/numpy/model.npz", damage)
    with pytest.raises(DataError, match="checksum is not the manifest's"):
        registry.promote(store, PREFIX, "v2", "")
    assert in_use(store) == "v1"


def test_a_version_whose_file_is_missing_is_not_whole(store: DirectoryStore) -> None:
    upload(store, "v1", numpy_model())
    store.delete("models/v1/numpy/model.npz")
    with pytest.raises(DataError, match="v1 is not whole"):
        registry.promote(store, PREFIX, "v1", "")


def test_a_manifest_that_is_not_the_pointers_is_refused(store: DirectoryStore) -> None:
    pointer = upload(store, "v1", numpy_model())
    store.put("models/v1/manifest.json", b"{}")
    with pytest.raises(DataError, match="not the one that the pointer names"):
        registry.open_version(store, PREFIX, "v1", pointer["manifest_sha256"])


def test_rolling_back_goes_one_further_each_time_and_says_when_there_is_none(store: DirectoryStore) -> None:
    for name in ("v1", "v2", "v3"):
        promote(store, name)
    assert registry.rollback(store, PREFIX)["version"] == "v2"
    assert registry.rollback(store, PREFIX)["version"] == "v1"
    with pytest.raises(SettingsError, match="nothing to go back to"):
        registry.rollback(store, PREFIX)
    assert in_use(store) == "v1"


def test_the_commands_list_show_promote_and_roll_back(
    store: DirectoryStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def models(*arguments: str) -> tuple[int, str, str]:
        code = main(["models", *arguments, "--bucket", str(tmp_path)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    assert "no version in" in models("list")[1]
    for name, perplexity in (("v1", 210.25), ("v2", 190.0)):
        upload(store, name, numpy_model(), perplexity)
    assert models("promote", "v1")[0] == 0
    assert models("promote", "v2", "--reason", "checked by hand")[0] == 0
    first, second = models("list")[1].splitlines()
    assert first.startswith("  v1  perplexity 210.2")
    assert second.startswith("* v2  perplexity 190.0")
    assert '"sha256"' in models("show", "v2")[1]
    assert "rolled back from v2 to v1" in models("rollback")[1]
    code, _, errors = models("promote", "v9")
    assert (code, errors.count("\n")) == (3, 1)
    assert "no version v9" in errors
