"""The command line: help, exit codes, errors in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.trainer.small_data import job, upload
from trainer.__main__ import main
from trainer.storage.object_store import DirectoryStore, put_json


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    return captured.err


def test_help_names_every_command_and_exits_with_zero(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for command in ("prepare", "train", "evaluate", "publish", "launch", "status", "serve", "models"):
        assert command in text


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["prepare", "--to", "s3://x"], 2, "only oss://"),
        (["train", "--data", "/nonexistent"], 4, "no object data/manifest.json"),
        (["train", "--data", "/nonexistent", "--dropout", "1.5"], 2, "dropout: Input should be less than 1"),
        (["train", "--data", "/nonexistent", "--class-features"], 2, "--hidden-classes 64"),
        (["train", "--data", "/n", "--class-features", "--hidden-classes", "4", "--publish"], 2, "exclude each other"),
        (["launch", "--config", "/nonexistent.json"], 2, "No such file"),
        (["status", "--bucket", "some-bucket"], 2, "region is missing"),
        (["serve", "--settings", "/nonexistent.json"], 2, "No such file"),
        (["models", "list", "--bucket", "some-bucket"], 2, "region is missing"),
    ],
)
def test_a_mistake_is_one_line_with_its_exit_code(
    arguments: list[str], code: int, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    assert reason in one_line(capsys)


def test_a_wrong_settings_file_names_key_value_and_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = json.loads(job().model_dump_json())
    settings["model"]["window"] = 99
    (tmp_path / "training.json").write_text(json.dumps(settings))
    assert main(["evaluate", "--config", str(tmp_path / "training.json")]) == 2
    message = one_line(capsys)
    assert "model.window" in message
    assert "'99'" in message
    assert "16" in message


def test_a_model_trained_here_is_registered_beside_its_data_and_promoted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "trainer.registry.publish.export", lambda *_: None
    )  # SavedModels take seconds and are another test's
    upload(DirectoryStore(tmp_path))
    small = [
        "--vocabulary-size",
        "100",
        "--embedding-dimension",
        "8",
        "--hidden-dimension",
        "16",
        "--minibatch-size",
        "16",
    ]
    assert (
        main(["train", "--data", str(tmp_path), "--epochs", "2", "--learning-rate", "0.02", *small, "--publish"]) == 0
    )
    assert "promoted: the first version" in capsys.readouterr().out
    assert main(["models", "list", "--bucket", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("* ")


def test_evaluating_before_anything_was_trained_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    upload(DirectoryStore(tmp_path))
    (tmp_path / "training.json").write_text(job().model_dump_json())
    assert main(["evaluate", "--config", str(tmp_path / "training.json"), "--store", str(tmp_path)]) == 5
    assert "has left nothing" in one_line(capsys)


def test_status_before_and_after_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--bucket", str(tmp_path)]) == 0
    assert "none yet" in capsys.readouterr().out
    store = DirectoryStore(tmp_path)
    put_json(store, "checkpoints/language-model/status.json", {"phase": "done", "progress": {"step": 0}})
    put_json(store, "models/latest.json", {"version": "v1", "perplexity": {"network": 180.0, "unigram": 600.0}})
    assert main(["status", "--bucket", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "models/v1/" in text
    assert text.index("network") < text.index("unigram")
    assert main(["status", "--bucket", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["model"]["version"] == "v1"
