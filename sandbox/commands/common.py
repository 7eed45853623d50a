"""What the commands have in common: how one is declared, and how its result is printed."""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
from collections.abc import Callable
from enum import IntEnum
from typing import Any, NoReturn, TypeAlias

from sandbox.durations import parse_duration
from sandbox.settings import SandboxSettings

PROGRAM = "python -m sandbox"
WIDEST = 110


class Exit(IntEnum):
    """The exit statuses of every command."""

    DONE = 0
    FAILED = 1
    """It failed; or, for commands that look at something, it is not as it should be."""
    USAGE = 2
    INTERRUPTED = 130
    """By Ctrl-C, as shells number it."""
    NO_READER = 141
    """Whoever read the output (`| head`) went away, as shells number it."""


Command = Callable[[argparse.Namespace, SandboxSettings], int]
"""Carries a command out; returns the exit status. Raises SandboxError with one line that says what is wrong."""

Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
"""Where commands are declared."""


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Help as wide as the terminal, up to a width that reads well, with examples kept as they are."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=min(shutil.get_terminal_size().columns, WIDEST))


class Parser(argparse.ArgumentParser):
    """Tells of a mistake in one line, with where the help is."""

    def error(self, message: str) -> NoReturn:
        """End the program with the status for a wrong command line."""
        self.exit(Exit.USAGE, f"error: {message}; see `{self.prog} --help`\n")


def declare(commands: Commands, name: str, run: Command, summary: str, details: str) -> Parser:
    """Add a command. `details` is what its own help says below its options: an example at least, what to expect."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=details.strip("\n"),
        formatter_class=Formatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    return parser


def add_json(parser: argparse.ArgumentParser) -> None:
    """Let a command print JSON."""
    # Without a default, or that of `clock show` would undo what `clock --json show` says.
    parser.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON on standard output, for programs"
    )


def duration(text: str) -> datetime.timedelta:
    """The type of an argument that is a duration."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def wants_json(options: argparse.Namespace) -> bool:
    """Whether JSON was asked for."""
    return bool(getattr(options, "json", False))


def show(options: argparse.Namespace, found: Any, text: str) -> int:
    """Print a result, as JSON when that was asked for; the exit status of success."""
    output = json.dumps(found, indent=2, sort_keys=True) if wants_json(options) else text
    if output:
        print(output)
    return Exit.DONE
