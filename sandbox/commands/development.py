"""The commands for those who work on the emulator: what it covers, and how to add to it."""

from __future__ import annotations

import argparse

from sandbox.commands.common import Commands, declare
from sandbox.paths import REPOSITORY
from sandbox.settings import SandboxSettings


def add(commands: Commands) -> None:
    """Declare the commands."""
    coverage = declare(
        commands, "coverage", run_coverage, "write docs/coverage.md: which of the provider's calls are answered"
    )
    coverage.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page is stale")
    scaffold = declare(commands, "scaffold", run_scaffold, "add a service or an action to the emulator, with its test")
    scaffold.add_argument("service", metavar="SERVICE", help="as the API writes it, such as Kms")
    scaffold.add_argument("action", metavar="ACTION", help="such as CreateAlias")
    scaffold.add_argument("--version", default="2020-01-01", help="a new service's API version (default: %(default)s)")
    scaffold.add_argument(
        "--parameters", default="", help="names, separated by spaces (default: those that the Terraform provider sends)"
    )


def run_coverage(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Write the coverage table, or look whether it is stale."""
    from sandbox.cloud.coverage.__main__ import run  # noqa: PLC0415 (loads the whole emulator)

    return run(check=options.check)


def run_scaffold(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Add a service or an action to this working tree, and say what to do next."""
    from sandbox.scaffold.generate import plan, scaffold  # noqa: PLC0415 (needed by this command only)

    changed = scaffold(REPOSITORY, plan(options.service, options.action, options.version, options.parameters))
    for path in changed:
        print(path.relative_to(REPOSITORY))
    print(f"try it:  python -m pytest -q {changed[3].relative_to(REPOSITORY)}")
    print("then make the answer what the API's page says, and run `python -m sandbox coverage`")
    return 0
