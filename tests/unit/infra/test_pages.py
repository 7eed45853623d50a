"""What every command that writes a generated page does."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from infra.pages import add_output, write_page


class RefusedError(Exception):
    """A page's own reason."""


def refuse() -> str:
    raise RefusedError("no action is known for it; add it")


def test_a_page_is_written_where_it_lies_unless_the_command_line_names_another_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    add_output(parser, tmp_path / "page.md")
    for arguments, place in ([], "page.md"), (["--output", str(tmp_path / "other.md")], "other.md"):
        assert write_page(parser.parse_args(arguments).output, lambda: "# 标题\n") == 0
        assert (tmp_path / place).read_text(encoding="utf-8") == "# 标题\n"
        assert capsys.readouterr().out == f"wrote {tmp_path / place}\n"


def test_a_refusal_is_one_line_and_the_page_stays_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    page.write_text("as it was")
    assert write_page(page, refuse, (RefusedError,)) == 1
    assert capsys.readouterr().err == "error: no action is known for it; add it\n"
    assert page.read_text() == "as it was"


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert write_page(tmp_path / "nowhere" / "page.md", lambda: "text") == 1
    assert capsys.readouterr().err.startswith("error: [Errno 2] No such file or directory")


def test_what_no_page_says_of_itself_is_no_refusal(tmp_path: Path) -> None:
    with pytest.raises(RefusedError):
        write_page(tmp_path / "page.md", refuse)
