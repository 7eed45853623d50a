"""The commands for those who work on the emulator: what it covers, and how to add to it."""

from __future__ import annotations

import argparse
import sys

from sandbox.commands.common import Commands, Exit, add_json, declare, show
from sandbox.paths import REPOSITORY
from sandbox.settings import SandboxSettings

COVERAGE = """
The page lists each call that the pinned Terraform provider can make for the supported resources. What a running cloud
really met and did not know is in `python -m sandbox status`.

  python -m sandbox coverage                  write the page, and print the sums
  python -m sandbox coverage --check          for a test: exit status 1 when it is not what would be written
  python -m sandbox coverage --check --json | jq .services
"""
SCAFFOLD = """
  python -m sandbox scaffold Kms CreateAlias                            an action of a service that is there
  python -m sandbox scaffold Nas CreateFileSystem --version 2017-06-26  and a new service with it
"""


def add(commands: Commands) -> None:
    """Declare the commands."""
    summary = "write docs/coverage.md: which of the provider's calls are answered"
    coverage = declare(commands, "coverage", run_coverage, summary, COVERAGE)
    coverage.add_argument("--check", action="store_true", help="write nothing; exit status 1 when the page is stale")
    add_json(coverage)
    summary = "add a service or an action to the emulator, with its test"
    scaffold = declare(commands, "scaffold", run_scaffold, summary, SCAFFOLD)
    scaffold.add_argument("service", metavar="SERVICE", help="as the API writes it, such as Kms")
    scaffold.add_argument("action", metavar="ACTION", help="such as CreateAlias")
    scaffold.add_argument("--version", default="2020-01-01", help="a new service's API version (default: %(default)s)")
    scaffold.add_argument(
        "--parameters", default="", help="names, separated by spaces (default: those that the Terraform provider sends)"
    )


def run_coverage(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Write the coverage table, or look whether it is stale."""
    from sandbox.cloud.coverage.__main__ import PAGE, run  # noqa: PLC0415 (loads the whole emulator)

    found = run(check=options.check)
    lines = [
        f"{service:<22} {counts['answered']:>4} of {counts['actions']:>4} actions answered"
        for service, counts in found.services.items()
    ]
    written = "is as it should be" if not found.was_stale else "is stale" if options.check else "is written"
    shown = {"page": str(PAGE), "was_stale": found.was_stale, "services": found.services}
    show(options, shown, "\n".join([*lines, f"{PAGE} {written}"]))
    if found.was_stale and options.check:
        print(f"error: {PAGE} is stale; run `python -m sandbox coverage` and commit it", file=sys.stderr)
        return Exit.FAILED
    return Exit.DONE


def run_scaffold(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Add a service or an action to this working tree, and say what to do next."""
    from sandbox.scaffold.generate import plan, scaffold  # noqa: PLC0415 (needed by this command only)

    changed = scaffold(REPOSITORY, plan(options.service, options.action, options.version, options.parameters))
    for path in changed:
        print(path.relative_to(REPOSITORY))
    print(f"try it:  python -m pytest -q {changed[3].relative_to(REPOSITORY)}")
    print("then make the answer what the API's page says, and run `python -m sandbox coverage`")
    return Exit.DONE
