"""The commands that make, start, stop and look at the sandbox itself."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict, replace

from sandbox import cloud_process, doctor, equipment, lifecycle, rootless
from sandbox.commands.common import Commands, Exit, add_json, declare, show
from sandbox.engine import Engine
from sandbox.environment import environment, shell_exports
from sandbox.progress import Progress
from sandbox.report import render_findings, render_status
from sandbox.settings import SandboxSettings

PREPARE = """
The first time about 30 minutes on two cores, later seconds; an interrupted one goes on where it was. `up` does it, too.

  python -m sandbox prepare
"""
TOOLCHAIN = """
Each tool comes from PATH at exactly the pinned version, or from its official download, or is built from its source.

  python -m sandbox toolchain
  python -m sandbox toolchain --json | jq '.tools[] | {name, version, path}'
"""
UP = """
Prepares what is not there yet, then starts the cloud; the clusters that it remembers come back. No effect when it runs.
Needs root, but with --rootless: then all of it is ordinary processes of yours on ports of loopback, with real control
planes, simulated nodes and no container; a sandbox that was started so stays so. Else nodes are real up to
$SANDBOX_MAXIMUM_NODES a region: see `nodes`. A business with its model is brought up by `deploy`.

  python -m sandbox up && eval "$(python -m sandbox env)"
  python -m sandbox up --rootless
  python -m sandbox up --json | jq -r .status_page
"""
DOWN = """
Ends every process, mount, interface and control group of the sandbox; exit status 1 when something is still there. The
next `up` goes on from where it was. Needs root.

  python -m sandbox down
  python -m sandbox down --purge           forget all resources, objects, snapshots and Pulumi's state
"""
STATUS = """
Regions with their clusters, nodes and pods; resources, faults, the latest errors, what was asked for and is not
emulated. The same live in a browser: the status page, whose address is shown. Exit status 1 when the cloud does not
answer.

  python -m sandbox status
  python -m sandbox status --json | jq '.regions[].clusters[] | {name, state}'
"""
ENV = """
Programs that read the usual variables (pulumi, kubectl, the SDKs, the Terraform provider) then talk to the sandbox.

  eval "$(python -m sandbox env)"
  python -m sandbox env --json | jq -r .ALIBABA_CLOUD_ACCESS_KEY_ID
"""
DOCTOR = """
Changes nothing. Each line that is not ok is followed by the way to mend it; exit status 1 when there is one.

  python -m sandbox doctor
  python -m sandbox doctor --json | jq '.findings[] | select(.remedy != "")'
"""


def add(commands: Commands) -> None:
    """Declare the commands."""
    prepare = declare(commands, "prepare", run_prepare, "obtain and build what is cached: tools, images", PREPARE)
    prepare.add_argument("--tests", action="store_true", help="also what only this project's tests need (a browser)")
    toolchain = declare(commands, "toolchain", run_toolchain, "obtain the tools only", TOOLCHAIN)
    toolchain.add_argument("--all", action="store_true", help="also those that only tests and benchmarks need")
    add_json(toolchain)
    up = declare(commands, "up", run_up, "start the cloud", UP)
    up.add_argument(
        "--rootless", action="store_true", help="as ordinary processes on loopback, with simulated nodes only"
    )
    add_json(up)
    down = declare(commands, "down", run_down, "stop the cloud and its regions; state stays", DOWN)
    down.add_argument("--purge", action="store_true", help="forget the state too, with its snapshots")
    add_json(down)
    add_json(declare(commands, "status", run_status, "show what runs", STATUS))
    summary = "print the variables that point programs at the sandbox, for eval"
    add_json(declare(commands, "env", run_env, summary, ENV))
    examine = declare(commands, "doctor", run_doctor, "say what this machine lacks, and how to get it", DOCTOR)
    examine.add_argument("--rootless", action="store_true", help="ask for what `up --rootless` needs, which is less")
    add_json(examine)


def run_prepare(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Obtain and build everything."""
    lifecycle.prepare(settings, Progress(), for_tests=options.tests)
    return Exit.DONE


def run_toolchain(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Obtain the tools."""
    tools = [
        {"name": one.tool.name, "version": one.tool.version, "path": str(one.path), "source": one.source}
        for one in lifecycle.obtain_toolchain(Progress(), all_tools=options.all)
    ]
    text = "\n".join(f"{tool['name']:<26} {tool['version']:<10} {tool['path']}" for tool in tools)
    return show(options, {"tools": tools}, text)


def run_up(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Start the cloud."""
    progress, begun = Progress(), time.monotonic()
    if options.rootless:
        settings = rootless.as_rootless(settings)
    ran = cloud_process.is_answering(settings)
    lifecycle.prepare(settings, progress)
    lifecycle.start(settings, progress)
    Engine(settings).prepare()
    found = {
        "started": not ran,
        "seconds": round(time.monotonic() - begun, 1),
        "endpoint": settings.cloud_url,
        "dns_server": f"{settings.cloud_address}:{settings.cloud_ports.dns}",
        "status_page": cloud_process.page_address(settings),
        "process": cloud_process.process_id(settings),
        "state": str(settings.state),
    }
    text = (
        f"cloud        {found['endpoint']} {'was running' if ran else 'runs'}, DNS on {found['dns_server']}\n"
        f"status page  {found['status_page']}\n"
        'next         eval "$(python -m sandbox env)"'
    )
    return show(options, found, text)


def run_down(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Stop everything; 1 when something could not be removed."""
    left = lifecycle.stop(settings, Progress(), purge=options.purge)
    show(options, {"left": left, "purged": options.purge}, "")
    for trace in left:
        print(f"still there: {trace}", file=sys.stderr)
    return Exit.FAILED if left else Exit.DONE


def run_env(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Print the variables."""
    return show(options, environment(settings), shell_exports(settings))


def run_doctor(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Print the doctor's findings; 1 when something must be done."""
    settings = replace(settings, rootless=settings.rootless or options.rootless)
    findings = [*doctor.examine(settings), *equipment.examine(settings)]
    well = all(finding.is_well for finding in findings)
    show(options, {"well": well, "findings": [asdict(finding) for finding in findings]}, render_findings(findings))
    return Exit.DONE if well else Exit.FAILED


def run_status(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Print what runs; 1 when the cloud does not answer."""
    if not cloud_process.is_answering(settings):
        show(options, {"running": False}, "cloud: not running; start it with `python -m sandbox up`")
        return Exit.FAILED
    status, process = cloud_process.status(settings), cloud_process.process_id(settings)
    page = cloud_process.page_address(settings)
    text = f"cloud: answers on {settings.cloud_url} (process {process})\nstatus page: {page}\n{render_status(status)}"
    return show(options, {"running": True, "status_page": page, "process": process, **status}, text)
