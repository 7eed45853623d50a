"""The controllers' command line: `python -m controllers --help`."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from controllers.backup.options import add_commands
from controllers.config.monitor import MONITOR_FILE
from controllers.config.traffic import TRAFFIC_FILE
from controllers.errors import ControllerError
from trainer.command_line import end

EPILOGUE = """\
Exit codes: 0 done, 1 other, 2 wrong arguments or settings, 3 Kubernetes, 130 interrupted.
`python -m controllers.drill --help`: break things on purpose, and measure."""


def parser() -> argparse.ArgumentParser:
    """All commands and options."""
    top = argparse.ArgumentParser(
        prog="python -m controllers",
        description="What runs in a business's namespace beside its training job.",
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    monitor = commands.add_parser("monitor", help="watch the training job and repair it (the deployment's process)")
    monitor.add_argument("--settings", default=MONITOR_FILE, metavar="FILE", help=f"settings ({MONITOR_FILE})")

    add_commands(
        commands.add_parser("backup", help="copy the business's data, prove the copies, look at them"),
        commands.add_parser("restore", help="bring a bucket to what a backup holds, or say what would change"),
    )

    traffic = commands.add_parser("traffic", help="lead users away from a dead region (the deployment's process)")
    traffic.add_argument("--settings", default=TRAFFIC_FILE, metavar="FILE", help=f"settings ({TRAFFIC_FILE})")

    incidents = commands.add_parser("incidents", help="what broke, what was done, how long it took")
    incidents.add_argument("--store", metavar="STORE", help="bucket (oss://BUCKET) or directory that holds them")
    incidents.add_argument("--region", default="", help="the bucket's region")
    incidents.add_argument("--prefix", default="incidents/", help="below which they lie (incidents/)")
    incidents.add_argument("--namespace", help="instead of a bucket: what the monitor of a namespace remembers")
    incidents.add_argument("--job", default="language-model", help="the job's name (language-model)")
    incidents.add_argument("--json", action="store_true", help="JSON lines instead of a timeline")
    incidents.add_argument("--plot", metavar="FILE", help="also write a plot (SVG)")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    options = parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    for noisy in ("httpx2", "httpcore2", "httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        if options.command == "monitor":
            from controllers.monitor.run import run  # noqa: PLC0415 - the client only where it is needed

            run(options.settings)
        elif options.command == "traffic":
            from controllers.traffic import run as traffic  # noqa: PLC0415

            traffic.run(options.settings)
        elif options.command in ("backup", "restore"):
            from controllers.backup import commands  # noqa: PLC0415

            commands.backup(options) if options.command == "backup" else commands.restore(options)
        else:
            from controllers.incidents import show  # noqa: PLC0415

            show(options)
    except ControllerError as error:
        print(f"controllers {options.command}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    end(main)
