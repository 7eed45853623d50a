"""The commands that make, start, stop and look at the sandbox itself."""

from __future__ import annotations

import argparse
import sys

from sandbox import cloud_process, doctor, lifecycle
from sandbox.commands.common import Commands, add_json, declare, show
from sandbox.environment import shell_exports
from sandbox.progress import Progress
from sandbox.report import render_status
from sandbox.settings import SandboxSettings


def add(commands: Commands) -> None:
    """Declare the commands."""
    prepare = declare(commands, "prepare", run_prepare, "obtain and build what is cached: tools, images")
    prepare.add_argument("--tests", action="store_true", help="also what only this project's tests need (a browser)")
    toolchain = declare(commands, "toolchain", run_toolchain, "obtain the tools only")
    toolchain.add_argument("--all", action="store_true", help="also those that only later parts need (kwok)")
    declare(commands, "up", run_up, "start the cloud")
    down = declare(commands, "down", run_down, "stop the cloud and its regions; state stays")
    down.add_argument("--purge", action="store_true", help="forget the state too, with its snapshots")
    add_json(declare(commands, "status", run_status, "what runs"))
    declare(commands, "env", run_env, "print the variables that point programs at the sandbox, for eval")
    declare(commands, "doctor", run_doctor, "look at this machine and at what is left on it")


def run_prepare(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Obtain and build everything."""
    lifecycle.prepare(settings, Progress(), for_tests=options.tests)
    return 0


def run_toolchain(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Obtain the tools."""
    lifecycle.obtain_toolchain(Progress(), all_tools=options.all)
    return 0


def run_up(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Start the cloud."""
    progress = Progress()
    lifecycle.prepare(settings, progress)
    lifecycle.start(settings, progress)
    return 0


def run_down(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Stop everything; 1 when something could not be removed."""
    left = lifecycle.stop(settings, Progress(), purge=options.purge)
    for trace in left:
        print(f"still there: {trace}", file=sys.stderr)
    return 1 if left else 0


def run_env(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Print the variables."""
    print(shell_exports(settings))
    return 0


def run_doctor(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Print the doctor's findings; 1 when something must be done."""
    findings = doctor.examine(settings)
    for finding in findings:
        print(f"{'ok ' if finding.is_well else 'BAD'} {finding.check}: {finding.found}")
        if not finding.is_well:
            print(f"    {finding.remedy}")
    return 0 if all(finding.is_well for finding in findings) else 1


def run_status(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Print what runs; 1 when the cloud does not answer."""
    answers = cloud_process.is_answering(settings)
    status = cloud_process.status(settings) if answers else {}
    text = "cloud: not running; start it with `python -m sandbox up`"
    if answers:
        process = cloud_process.process_id(settings)
        text = f"cloud: answers on https://{settings.addresses.cloud} (process {process})\n{render_status(status)}"
    show(options, {"running": answers, **status}, text)
    return 0 if answers else 1
