"""`logs`: a business's training log, or the cloud's latest calls."""

from __future__ import annotations

import argparse

from sandbox import cloud_process, deployment
from sandbox.cloud.core.calls import LATEST_CALLS
from sandbox.commands.common import Commands, add_json, declare, show, wants_json
from sandbox.errors import UsageError
from sandbox.report import render_call
from sandbox.settings import SandboxSettings

CLOUD = "cloud"
DETAILS = """
  python -m sandbox logs qa                      follow the training of the business qa
  python -m sandbox logs cloud                   the latest calls to the cloud's APIs
  python -m sandbox logs cloud --errors          only those that failed, with their reasons and faults
  python -m sandbox logs cloud --limit 200 --json

Of object storage's calls, only those that failed are written down, without the answers "no such object".
All that is written down is in the file logs/cloud.log of the sandbox's state, one JSON object a line.
"""


def add(commands: Commands) -> None:
    """Declare the command."""
    logs = declare(commands, "logs", run, "follow a business's training log, or show the cloud's latest calls", DETAILS)
    logs.add_argument(
        "subject", metavar="SUBJECT", nargs="?", default="qa", help="a business's stack, or `cloud` (default: qa)"
    )
    logs.add_argument("--errors", action="store_true", help="of the cloud: only calls that failed")
    logs.add_argument(
        "--limit", type=_limit, default=50, help=f"of the cloud: how many calls, 1 to {LATEST_CALLS} (default: 50)"
    )
    add_json(logs)


def run(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Show the log that was asked for."""
    if options.subject != CLOUD:
        if options.errors or wants_json(options):
            raise UsageError("--errors and --json are for `logs cloud`; a training's log is followed as it is written")
        return deployment.follow_logs(settings, options.subject)
    found = cloud_process.ask(settings, "GET", f"calls?limit={options.limit}&errors={int(options.errors)}")
    return show(options, found, "\n".join(render_call(call) for call in found["calls"]) or "no calls yet")


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= LATEST_CALLS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {LATEST_CALLS}")
    return int(text)
