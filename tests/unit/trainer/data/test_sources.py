"""Reading text files: whole, in pieces, and those that are no good."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainer.data import sources
from trainer.data.sources import TextFile, find, require_encoding
from trainer.errors import SettingsError, StoreError
from trainer.storage.object_store import DirectoryStore

LINES = ["第一行。", "第二行，很长。", "第三行"]


def read(path: Path, encoding: str = "utf-8") -> tuple[list[str], dict[str, int]]:
    file = TextFile(DirectoryStore(path.parent), path.name)
    found = list(file.lines(encoding))
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    return found, dict(file.skipped)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(st.text(alphabet="中文ab 。", max_size=20), max_size=12),
    piece=st.integers(1, 40),
    packed=st.booleans(),
    ended=st.booleans(),
)
def test_pieces_of_any_size_give_the_same_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str], piece: int, packed: bool, ended: bool
) -> None:
    monkeypatch.setattr(sources, "PIECE_BYTES", piece)
    data = "\n".join(lines).encode() + (b"\n" if ended else b"")
    path = tmp_path / ("a.txt.gz" if packed else "a.txt")
    path.write_bytes(gzip.compress(data) if packed else data)
    found, skipped = read(path)
    assert found == [line.strip() for line in lines if line.strip()]
    assert skipped == ({} if data or packed else {sources.EMPTY: 1})


@pytest.mark.parametrize(
    ("content", "expected", "reason"),
    [
        (b"", [], sources.EMPTY),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", [], sources.BINARY),
        ("\n".join(LINES).encode("utf-16"), [], sources.UTF16),
        ("好\n".encode() + "坏".encode("gb18030") + "\n也好\n".encode(), ["好", "也好"], "lines that are not utf-8"),
        (b"good\nbad\x07\ngood\n", ["good", "good"], sources.CONTROL),
        (b"short\n" + b"x" * 1_000_000 + b"\nshort", ["short", "short"], sources.LONG),
        ("整行\n半".encode()[:-1], ["整行"], sources.TRUNCATED),
    ],
    ids=["empty", "binary", "utf-16", "mis-encoded line", "control character", "a line of a million", "truncated"],
)
def test_what_cannot_be_read_is_left_out_and_counted(
    tmp_path: Path, content: bytes, expected: list[str], reason: str
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    found, skipped = read(path)
    assert found == expected
    assert skipped[reason] == 1


def test_a_cut_and_a_damaged_gzip_file_keep_what_was_read_before(tmp_path: Path) -> None:
    data = gzip.compress("\n".join(f"第 {number} 行 {hash(number)}" for number in range(5000)).encode())
    path = tmp_path / "a.txt.gz"
    path.write_bytes(data[: len(data) // 2])
    found, skipped = read(path)
    assert found[:2] == ["第 0 行 0", "第 1 行 1"]
    assert skipped[sources.TRUNCATED] == 1
    path.write_bytes(data[: len(data) // 2] + b"\xff" * 100 + data[len(data) // 2 + 100 :])
    assert read(path)[1].get(sources.DAMAGED) == 1


def test_a_long_line_is_never_held_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "PIECE_BYTES", 1000)
    monkeypatch.setattr(sources, "LONGEST_LINE", 2000)
    path = tmp_path / "a.txt"
    path.write_bytes(b"a\n" + b"x" * 50_000 + b"\nb\n" + b"y" * 2000 + b"\nc")
    found, skipped = read(path)
    assert found == ["a", "b", "y" * 2000, "c"]
    assert skipped == {sources.LONG: 1}


def test_a_file_in_another_encoding_is_read_when_told(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("\n".join(LINES).encode("gb18030"))
    assert read(path, "gb18030") == (LINES, {})
    assert require_encoding("UTF8") == "utf-8"
    for name in ("no-such", "utf-16"):
        with pytest.raises(SettingsError):
            require_encoding(name)


def test_an_object_that_ends_with_a_piece_ends_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """OSS answers 416 to a range that begins where the object ends."""
    monkeypatch.setattr(sources, "PIECE_BYTES", 4)

    class Bucket:
        def get(self, key: str, start: int = 0, end: int | None = None) -> bytes:
            if start >= 8:
                raise StoreError("oss://b/a.txt: OSS answered 416 InvalidRange: The requested range is not satisfiable")
            return b"one\ntwo\n"[start:end]

    assert list(TextFile(Bucket(), "a.txt").lines()) == ["one", "two"]  # type: ignore[arg-type]


def test_all_text_files_below_an_address_are_found_in_their_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a/c.txt.gz", "a/d.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert [file.key for file in find(str(tmp_path))] == ["a/c.txt.gz", "b.txt"]
    assert [file.key for file in find(str(tmp_path / "a" / "d.csv"))] == ["d.csv"], "a file that is named is meant"
    with pytest.raises(SettingsError, match="no file that ends in"):
        find(str(tmp_path / "nowhere"))
