"""The sandbox's command line: what it says when it can't do what it was asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.__main__ import main


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("LANGUAGE_MODEL_CLUSTERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SANDBOX_INDEX", "9")


def test_env_of_a_sandbox_that_never_ran_says_how_to_start_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["env"]) == 1
    assert "run `python -m sandbox up`" in capsys.readouterr().err


def test_status_without_a_cloud_is_not_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 1
    assert "not running" in capsys.readouterr().out


def test_a_wrong_index_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SANDBOX_INDEX", "many")
    assert main(["status"]) == 1
    assert capsys.readouterr().err == "error: SANDBOX_INDEX is 'many'; it must be a whole number from 0 to 15\n"


def test_down_without_root_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert main(["down"]) == 1
    assert "needs root" in capsys.readouterr().err
