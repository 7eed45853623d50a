"""From files of one's own to a data set: streamed, resumed, and what is bad in them reported."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.unit.trainer.small_data import sentences
from trainer.__main__ import main
from trainer.data import sources
from trainer.data.dataset import Dataset
from trainer.data.preparation import Texts, prepare_texts
from trainer.errors import DataError, SettingsError
from trainer.storage.object_store import DirectoryStore

LINES = [line.translate(str.maketrans("0123456789", "零一二三四五六七八九")) for line in sentences(1500)]


def texts(path: Path, **changes: object) -> Texts:
    return Texts((str(path),), licence="free for all", segmented=True, **changes)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "text"
    made.mkdir()
    (made / "a.txt").write_text("\n".join(LINES[:800]))
    (made / "b.txt").write_text("\n".join([*LINES[700:], "x" * 1_000_000]))
    (made / "c.txt").write_bytes(b"\x7fELF\0\0\0")
    return made


def test_files_become_a_data_set_that_says_what_was_left_out(folder: Path, tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store")
    manifest, written = prepare_texts(store, texts(folder), "", 100, None)
    assert written
    found = Dataset(store, "data/")
    lines = {line for part in ("train", "valid", "test") for line in found.lines_of(part)}
    assert len(lines) == len(LINES)
    assert manifest.repeated_sentences == 100
    assert manifest.skipped == {sources.BINARY: 1, sources.LONG: 1}
    assert manifest.source["files"]["text/a.txt"] == hashlib.sha256((folder / "a.txt").read_bytes()).hexdigest()
    card = store.get("data/README.md").decode()
    assert "free for all" in card
    assert "1 × binary files" in card
    assert str(tmp_path) not in card
    assert prepare_texts(store, texts(folder), "", 100, None) == (manifest, False)


def test_an_interrupted_call_goes_on_and_gives_the_same_data(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = prepare_texts(DirectoryStore(tmp_path / "whole"), texts(folder), "", 100, None)
    read: list[str] = []
    lines = sources.TextFile.lines

    def interrupted(file: sources.TextFile, encoding: str = "utf-8") -> object:
        read.append(file.key)
        for number, line in enumerate(lines(file, encoding)):
            if len(read) == 2 and number == 300:
                raise KeyboardInterrupt
            yield line

    monkeypatch.setattr(sources.TextFile, "lines", interrupted)
    store = DirectoryStore(tmp_path / "resumed")
    with pytest.raises(KeyboardInterrupt):
        prepare_texts(store, texts(folder), "", 100, tmp_path / "work")
    resumed, _ = prepare_texts(store, texts(folder), "", 100, tmp_path / "work")
    assert read == ["a.txt", "b.txt", "b.txt", "c.txt"]
    assert resumed == whole
    assert not (tmp_path / "work").exists()


def test_no_usable_text_is_an_error_that_tells_what_was_met(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("这是一句很长的话。\n".encode("gb18030"))
    (tmp_path / "b.txt").write_bytes(b"")
    with pytest.raises(DataError, match=r"1 empty files, 1 lines that are not utf-8"):
        prepare_texts(DirectoryStore(tmp_path / "store"), texts(tmp_path), "", 100, None)
    with pytest.raises(SettingsError, match="unknown"):
        prepare_texts(DirectoryStore(tmp_path / "store"), texts(tmp_path, encoding="latin-99"), "", 100, None)


def test_a_text_of_one_word_is_told_to_have_too_few(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text("\n".join(" ".join(["字"] * length) for length in range(3, 80)))
    store = str(tmp_path / "store")
    arguments = ["prepare", "--to", store, "--text", str(tmp_path / "a.txt"), "--segmented", "--licence", "mine"]
    assert main(arguments) == 0
    assert "vocabulary of 3;" in capsys.readouterr().out
    assert main(["train", "--data", store]) == 3
    assert "more than the data's 3 words" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--text", "somewhere"], "--licence is missing"),
        (["--text", "somewhere", "--licence", "mine", "--reviews", "5"], "--reviews goes with the newspaper"),
        (["--text", "/nonexistent", "--licence", "mine"], "no file that ends in"),
        (["--vocabulary", "1"], "--vocabulary 1: at least 3"),
    ],
)
def test_options_that_make_no_sense_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    assert main(["prepare", "--to", str(tmp_path), *arguments]) in (2, 3)
    assert reason in capsys.readouterr().err
