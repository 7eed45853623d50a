"""`clock`: the cloud's time."""

from __future__ import annotations

import argparse

from sandbox import cloud_process
from sandbox.commands.common import Commands, add_json, declare, duration, show
from sandbox.report import render_clock
from sandbox.settings import SandboxSettings

ADVANCE_SECONDS = 300.0
"""How long a move may take: it carries out all that falls due on the way."""

DETAILS = """
The cloud's time is the machine's, and what it was ever moved forward. It is what the cloud writes down and waits by:
buckets' lifecycle rules, temporary credentials, creation times. Signatures are checked by the machine's time, so
clients need not know. Time never goes back, except with a restored snapshot or a reset.

  python -m sandbox clock                  show it, and what runs next
  python -m sandbox clock advance 90d      ninety days pass, with each daily run on its day
  python -m sandbox clock advance 12h --json
"""

SHOW = """
  python -m sandbox clock show
"""
ADVANCE = f"""
Returns when all that falls due on the way is done; at most {ADVANCE_SECONDS / 60:.0f} minutes are waited for that.

  python -m sandbox clock advance 90d      lifecycle rules run on each of the ninety days
"""


def add(commands: Commands) -> None:
    """Declare the command."""
    clock = declare(commands, "clock", run_show, "show the cloud's time, or move it forward", DETAILS)
    add_json(clock)
    actions = clock.add_subparsers(metavar="ACTION")
    add_json(declare(actions, "show", run_show, "show the cloud's time, and what runs next", SHOW))
    advance = declare(actions, "advance", run_advance, "move it forward, with all that falls due on the way", ADVANCE)
    advance.add_argument(
        "duration", metavar="DURATION", type=duration, help="how far: a whole number and s, m, h or d, such as 90d"
    )
    add_json(advance)


def run_show(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Show the time."""
    found = cloud_process.ask(settings, "GET", "clock")
    return show(options, found, render_clock(found))


def run_advance(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Move the time."""
    body = {"advance_seconds": options.duration.total_seconds()}
    found = cloud_process.ask(settings, "POST", "clock", body, timeout_seconds=ADVANCE_SECONDS)
    return show(options, found, render_clock(found))
