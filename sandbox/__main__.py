"""The sandbox's command line: `python -m sandbox --help`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from sandbox import cloud_process, deployment, doctor, lifecycle
from sandbox.durations import parse_duration
from sandbox.environment import shell_exports
from sandbox.errors import SandboxError
from sandbox.progress import Progress
from sandbox.report import render, render_clock, render_status
from sandbox.settings import SandboxSettings

EPILOG = """
A first session:
  python -m sandbox deploy qa         everything, up to a trained model in the qa business's bucket
  eval "$(python -m sandbox env)"     point pulumi, kubectl and the SDKs at the sandbox
  pulumi preview --stack qa           as on the real cloud
  python -m sandbox down              stop; the next deploy goes on from there
$SANDBOX_NAME and $SANDBOX_INDEX (0 to 15) choose one of several sandboxes on a machine.
"""


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="An Alibaba Cloud with real Kubernetes regions on this machine.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    deploy = commands.add_parser("deploy", help="set everything up and bring one business up, with a trained model")
    deploy.add_argument("business", help="the business's stack, such as qa")
    commands.add_parser("destroy", help="pulumi destroy of every stack, with the data in its buckets")
    commands.add_parser("prepare", help="obtain and build what is cached: tools, images")
    toolchain = commands.add_parser("toolchain", help="obtain the tools only")
    toolchain.add_argument("--all", action="store_true", help="also those that only later parts need (kwok)")
    commands.add_parser("up", help="start the cloud")
    down = commands.add_parser("down", help="stop the cloud and its regions; state stays")
    down.add_argument("--purge", action="store_true", help="forget the state too")
    status = commands.add_parser("status", help="what runs")
    status.add_argument("--json", action="store_true", help="as JSON")
    clock = commands.add_parser("clock", help="show the cloud's time, or move it forward with all that falls due")
    clock.add_argument("--advance", metavar="DURATION", help="how far, such as 12h or 90d; it never goes back")
    clock.add_argument("--json", action="store_true", help="as JSON")
    commands.add_parser("env", help="print the variables that point programs at the sandbox, for eval")
    logs = commands.add_parser("logs", help="follow a business's training log")
    logs.add_argument("business", nargs="?", default="qa", help="the business's stack (default: qa)")
    coverage = commands.add_parser(
        "coverage", help="write docs/coverage.md: which of the provider's calls are answered"
    )
    coverage.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page is stale")
    scaffold = commands.add_parser("scaffold", help="add a service or an action to the emulator, with its test")
    scaffold.add_argument("service", metavar="SERVICE", help="as the API writes it, such as Kms")
    scaffold.add_argument("action", metavar="ACTION", help="such as CreateAlias")
    scaffold.add_argument("--version", default="2020-01-01", help="a new service's API version (default: %(default)s)")
    scaffold.add_argument(
        "--parameters", default="", help="names, separated by spaces (default: those that the Terraform provider sends)"
    )
    commands.add_parser("doctor", help="look at this machine and at what is left on it")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 well, 1 with one line that says what is wrong, 130 interrupted."""
    options = parser().parse_args(arguments)
    try:
        return run(options, SandboxSettings.from_environment())
    except (SandboxError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130


def run(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Dispatch to the command."""
    progress = Progress()
    match options.command:
        case "env":
            print(shell_exports(settings))
        case "doctor":
            return show_findings(settings)
        case "scaffold":
            write_scaffold(options.service, options.action, options.version, options.parameters)
        case "coverage":
            return write_coverage(check=options.check)
        case "status":
            return show_status(settings, as_json=options.json)
        case "clock":
            show_clock(settings, options.advance, as_json=options.json)
        case "deploy":
            print(render(deployment.deploy(settings, options.business, progress), settings, options.business))
        case "destroy":
            deployment.destroy(settings, progress)
        case "logs":
            return deployment.follow_logs(settings, options.business)
        case "prepare" | "toolchain" | "up" | "down":
            return run_lifecycle(options, settings, progress)
    return 0


def run_lifecycle(options: argparse.Namespace, settings: SandboxSettings, progress: Progress) -> int:
    """The commands that make, start and stop the sandbox itself."""

    match options.command:
        case "prepare":
            lifecycle.prepare(settings, progress)
        case "toolchain":
            lifecycle.obtain_toolchain(progress, all_tools=options.all)
        case "up":
            lifecycle.prepare(settings, progress)
            lifecycle.start(settings, progress)
        case "down":
            left = lifecycle.stop(settings, progress, purge=options.purge)
            for trace in left:
                print(f"still there: {trace}", file=sys.stderr)
            return 1 if left else 0
    return 0


def write_scaffold(service: str, action: str, version: str, parameters: str) -> None:
    """Add a service or an action to this working tree, and say what to do next."""
    from sandbox.scaffold.generate import plan, scaffold  # noqa: PLC0415 (needed by this command only)

    root = Path(__file__).parents[1]
    changed = scaffold(root, plan(service, action, version, parameters))
    for path in changed:
        print(path.relative_to(root))
    print(f"try it:  python -m pytest -q {changed[3].relative_to(root)}")
    print("then make the answer what the API's page says, and run `python -m sandbox coverage`")


def write_coverage(*, check: bool) -> int:
    """Write the coverage table, or look whether it is stale."""
    from sandbox.cloud.coverage.__main__ import run as generate  # noqa: PLC0415 (loads the whole emulator)

    return generate(check=check)


def show_findings(settings: SandboxSettings) -> int:
    """Print the doctor's findings; 1 when something must be done."""
    findings = doctor.examine(settings)
    for finding in findings:
        print(f"{'ok ' if finding.is_well else 'BAD'} {finding.check}: {finding.found}")
        if not finding.is_well:
            print(f"    {finding.remedy}")
    return 0 if all(finding.is_well for finding in findings) else 1


def show_clock(settings: SandboxSettings, advance: str | None, *, as_json: bool) -> None:
    """Print the cloud's time, after moving it when a duration is given."""
    if advance is None:
        found = cloud_process.clock(settings)
    else:
        found = cloud_process.advance_clock(settings, parse_duration(advance))
    print(json.dumps(found, indent=2, sort_keys=True) if as_json else render_clock(found))


def show_status(settings: SandboxSettings, *, as_json: bool) -> int:
    """Print what runs; 1 when the cloud does not answer."""
    answers = cloud_process.is_answering(settings)
    status = cloud_process.status(settings) if answers else {}
    if as_json:
        print(json.dumps({"running": answers, **status}, indent=2, sort_keys=True))
    elif answers:
        print(f"cloud: answers on https://{settings.addresses.cloud} (process {cloud_process.process_id(settings)})")
        print(render_status(status))
    else:
        print("cloud: not running; start it with `python -m sandbox up`")
    return 0 if answers else 1


if __name__ == "__main__":
    sys.exit(main())
