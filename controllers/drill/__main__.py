"""`python -m controllers.drill --help`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from controllers.config.drills import DrillObjectives
from controllers.drill import burst, campaign, growth
from controllers.drill.plot import plot
from controllers.drill.report import Result, kept, table
from controllers.drill.run import DRILLS, run
from controllers.drill.site import read_objectives, read_site
from controllers.errors import ControllerError, DrillError
from trainer.command_line import end


def parser() -> argparse.ArgumentParser:
    """All options."""
    lines = [f"  {drill.name:18}{drill.meaning}" for drill in DRILLS.values()]
    made = argparse.ArgumentParser(
        prog="python -m controllers.drill",
        description="Break a running business on purpose, and measure how long it takes to be at work again.",
        epilog="drills:\n" + "\n".join(lines) + "\n\n"
        "campaign: hundreds of faults, one after another; `python -m controllers.drill campaign --help`\n"
        "burst: many users at once, and what the cluster makes of it; `python -m controllers.drill burst --help`\n"
        "growth: does a training follow its queue of tasks? `python -m controllers.drill growth --help`\n\n"
        "The cluster is that of $KUBECONFIG. Exit codes: 0 all objectives met, 4 one missed, 1 or 2 other.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "drills", nargs="+", choices=[*DRILLS, "all"], metavar="DRILL", help="which, in this order; or all"
    )
    add_place(made)
    made.add_argument("--report", metavar="FILE", help="write the table to a file, too (Markdown)")
    made.add_argument("--plot", metavar="FILE", help="and a plot (SVG)")
    made.add_argument(
        "--results",
        metavar="FILE",
        help="add each result to a file at once; table and plot then show all that are in it",
    )
    return made


def add_place(made: argparse.ArgumentParser) -> None:
    """The options that say where, and to what the drills are held."""
    made.add_argument("--site", required=True, metavar="FILE", help="where, and by which commands (YAML)")
    made.add_argument("--stack", metavar="FILE", help="the business's stack file, whose `drills` are the objectives")
    made.add_argument("--seed", type=int, default=1, help="chooses the pods; the same seed, the same choice (1)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the drills; the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["campaign"]:  # it breaks many things, and has options of its own
        return campaign.main(given[1:])
    if given[:1] == ["burst"]:  # it breaks nothing
        return burst.main(given[1:])
    if given[:1] == ["growth"]:  # it takes a worker's place, which is no fault
        return growth.main(given[1:])
    options = parser().parse_args(given)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("controllers.drill").setLevel(logging.INFO)
    names = list(DRILLS) if "all" in options.drills else options.drills
    results_file = Path(options.results) if options.results else None

    def note(result: Result) -> None:
        if results_file is not None:
            with results_file.open("a", encoding="utf-8") as file:
                file.write(f"{result.to_json()}\n")

    try:
        site = read_site(options.site)
        objectives = read_objectives(options.stack) if options.stack else DrillObjectives()
        # Before anything is broken: can its results be kept, and shown?
        kept(results_file)
        if options.plot:
            plot([])
        results = asyncio.run(run(site, objectives, names, options.seed, note))
        shown = kept(results_file) or results
        text = table(shown)
        print(text)
        if options.report:
            Path(options.report).write_text(f"{text}\n", encoding="utf-8")
        if options.plot:
            Path(options.plot).write_text(plot(shown), encoding="utf-8")
    except ControllerError as error:
        print(f"drill: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0 if all(result.passed for result in results) else DrillError.exit_code


if __name__ == "__main__":
    end(main)
