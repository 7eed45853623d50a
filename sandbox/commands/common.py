"""What the commands have in common: how one is declared, and how its result is printed."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Callable
from typing import Any, TypeAlias

from sandbox.settings import SandboxSettings

Command = Callable[[argparse.Namespace, SandboxSettings], int]
"""Carries a command out; returns the exit status. Raises SandboxError with one line that says what is wrong."""

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""Where commands are declared."""


def declare(commands: Commands, name: str, run: Command, summary: str, details: str = "") -> argparse.ArgumentParser:
    """Add a command. `details` is what its own help says below its options: examples, what to expect."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=textwrap.dedent(details).strip("\n"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def add_json(parser: argparse.ArgumentParser) -> None:
    """Let a command print JSON."""
    # Without a default, or that of `clock show` would undo what `clock --json show` says.
    parser.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON on standard output, for programs"
    )


def wants_json(options: argparse.Namespace) -> bool:
    """Whether JSON was asked for."""
    return bool(getattr(options, "json", False))


def show(options: argparse.Namespace, found: Any, text: str) -> int:
    """Print a result, as JSON when that was asked for; 0, the exit status of success."""
    output = json.dumps(found, indent=2, sort_keys=True) if wants_json(options) else text
    if output:
        print(output)
    return 0
