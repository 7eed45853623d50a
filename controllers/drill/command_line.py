"""What the commands that look at a business all the while have in common: their options, and what they leave."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from pathlib import Path


def within(limits: range) -> Callable[[str], int]:
    """An option's type: a whole number of `limits`."""

    def whole(text: str) -> int:
        if not text.isdecimal() or int(text) not in limits:
            raise argparse.ArgumentTypeError(f"{text!r}; write a whole number from {limits[0]} to {limits[-1]}")
        return int(text)

    return whole


def add_outputs(made: argparse.ArgumentParser) -> None:
    """The options that say where the result goes, besides the screen."""
    made.add_argument("--report", metavar="FILE", help="write the table to a file, too (Markdown)")
    made.add_argument("--plot", metavar="FILE", help="and a plot (SVG)")
    made.add_argument("--results", metavar="FILE", help="and all samples (JSON)")


def log_to_the_screen() -> None:
    """Of others only warnings."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("controllers.drill").setLevel(logging.INFO)


def leave(options: argparse.Namespace, text: str, results: str, picture: Callable[[], str]) -> None:
    """Show the table, and write what `add_outputs` has asked for."""
    print(text)
    for path, content in ((options.report, f"{text}\n"), (options.results, f"{results}\n")):
        if path:
            Path(path).write_text(content, encoding="utf-8")
    if options.plot:
        Path(options.plot).write_text(picture(), encoding="utf-8")
