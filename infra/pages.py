"""Commands that write a page (or a schema) which is made from the code: one option, one line, one exit status."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path


def add_output(parser: argparse.ArgumentParser, page: Path) -> None:
    """Declare `--output`, by default where the page lies in the repository."""
    parser.add_argument("--output", type=Path, default=page, help=f"where to write it ({page})")


def write_page(output: Path, text: Callable[[], str], refusals: tuple[type[Exception], ...] = ()) -> int:
    """Write what `text` gives, and say so; returns the exit status.

    A refusal of `text`, or of the file system, is one line and status 1; a page that stood there stays as it was.
    """
    expected: tuple[type[Exception], ...] = (OSError, *refusals)
    try:
        output.write_text(text(), encoding="utf-8")
    except expected as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"wrote {output}")
    return 0
