"""`python -m controllers.drill --help`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from controllers.config import MonitorSettings
from controllers.drill import region
from controllers.drill.faults import DRILLS, Commands
from controllers.drill.run import run, table
from controllers.errors import ControllerError, DrillError


def parser() -> argparse.ArgumentParser:
    """All options."""
    lines = [f"  {drill.name:18}{drill.meaning} ({drill.objective_seconds:.0f} s)" for drill in DRILLS.values()]
    made = argparse.ArgumentParser(
        prog="python -m controllers.drill",
        description="Break a running training job on purpose, and measure how long it takes to be at work again.",
        epilog="drills, each with its objective:\n" + "\n".join(lines) + "\n\n"
        "region: a region's servers die; `python -m controllers.drill region --help`\n\n"
        "The cluster is that of $KUBECONFIG. Exit codes: 0 all objectives met, 4 one missed, 1 other.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "drills", nargs="+", choices=[*DRILLS, "all"], metavar="DRILL", help="which, in this order; or all"
    )
    made.add_argument("--namespace", required=True, help="the business's namespace")
    made.add_argument("--job", default="language-model", help="the job's name (language-model)")
    made.add_argument(
        "--workers", type=int, default=2, help="how many workers the job should have, without standbys (2)"
    )
    made.add_argument("--seed", type=int, default=1, help="chooses the pods; the same seed, the same choice (1)")
    for option, meaning in (
        ("node", "stops the node whose name is put after it"),
        ("kill", "kills (-9) the first process of the pod whose name is put after it"),
        ("freeze", "stops that process without ending it"),
    ):
        made.add_argument(f"--{option}-command", default="", metavar="COMMAND", help=meaning)
    made.add_argument("--report", metavar="FILE", help="write the table to a file, too (Markdown)")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the drills; the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["region"]:  # it breaks no job but servers, and measures with users of its own
        return region.main(given[1:])
    options = parser().parse_args(given)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("controllers.drill").setLevel(logging.INFO)
    settings = MonitorSettings(
        business=options.namespace,
        namespace=options.namespace,
        region="",
        bucket="",
        job_name=options.job,
        workers=options.workers,
    )
    commands = Commands(options.node_command, options.kill_command, options.freeze_command)
    names = list(DRILLS) if "all" in options.drills else options.drills
    try:
        results = asyncio.run(run(settings, names, options.seed, commands))
    except ControllerError as error:
        print(f"drill: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    text = table(results)
    print(text)
    if options.report:
        Path(options.report).write_text(f"{text}\n", encoding="utf-8")
    return 0 if all(result.passed for result in results) else DrillError.exit_code


if __name__ == "__main__":
    sys.exit(main())
