"""`fault`: calls that fail, come late, or find no endpoint."""

from __future__ import annotations

import argparse
from typing import Any
from urllib.parse import quote

from sandbox import cloud_process
from sandbox.cloud.core.faults import region_out
from sandbox.commands import node_fault, pod_fault
from sandbox.commands.common import Commands, add_json, declare, duration, show
from sandbox.errors import UsageError
from sandbox.report import render_fault
from sandbox.settings import SandboxSettings

DETAILS = """
A rule says which calls it strikes (--service, --region, --action: globs, the names are those of `logs cloud`; --caller:
the address that they come from, by which one region alone can be cut off), how often (--probability, --count), and
what then happens: --error CODE, --latency 2s, --reset. Every matching rule draws; latencies add up, and a cut
connection goes before an error. --seed repeats a run: the same calls in the same order meet the same faults. Rules
outlive a restart of the cloud; a reset ends them.

  python -m sandbox fault add --service Vpc --action 'Create*' --error Throttling.User --probability 0.3 --seed 7
  python -m sandbox fault add --service OSS --action GetObject --latency 2s --count 10
  python -m sandbox fault add --service CS --error ServiceUnavailable --status 503 --name no-clusters
  python -m sandbox fault add --service OSS --region cn-beijing --caller '172.30.1.*' --reset --name cut
  python -m sandbox fault region-out cn-shanghai       every endpoint of the region cuts its connections
  python -m sandbox fault node stop NODE               a real node; more: fault node --help
  python -m sandbox fault pod kill POD --namespace qa  a pod's process; more: fault pod --help
  python -m sandbox fault list
  python -m sandbox fault remove no-clusters; python -m sandbox fault clear
"""

LIST = """
  python -m sandbox fault list --json | jq '.faults[] | {name, struck}'
"""
REMOVE = """
  python -m sandbox fault remove no-clusters
"""
CLEAR = """
  python -m sandbox fault clear
"""


def add(commands: Commands) -> None:
    """Declare the command."""
    fault = declare(commands, "fault", run_list, "let calls fail, come late or find no endpoint", DETAILS)
    add_json(fault)
    actions = fault.add_subparsers(metavar="ACTION")
    add_json(declare(actions, "list", run_list, "show the rules, and how often each matched and struck", LIST))
    _add_rule(declare(actions, "add", run_add, "put a rule in force", DETAILS))
    remove = declare(actions, "remove", run_remove, "end a rule", REMOVE)
    remove.add_argument("name", metavar="NAME", help="as `fault list` shows it")
    add_json(remove)
    add_json(declare(actions, "clear", run_clear, "end all rules", CLEAR))
    for name, run, summary in (
        ("region-out", run_region_out, "make every endpoint of a region unreachable"),
        ("region-back", run_region_back, "end that"),
    ):
        parser = declare(actions, name, run, summary, f"  python -m sandbox fault {name} cn-shanghai")
        parser.add_argument("region", metavar="REGION", help="such as cn-hangzhou")
        add_json(parser)
    node_fault.add(actions)
    pod_fault.add(actions)


def _add_rule(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--service", default="*", help="glob of services, such as Vpc, CS, OSS (default: all)")
    parser.add_argument("--region", default="*", help="glob of regions, such as 'cn-*' (default: all)")
    parser.add_argument("--action", default="*", help="glob of actions, such as 'Create*' (default: all)")
    parser.add_argument("--caller", default="*", help="glob of callers' addresses, such as '172.30.1.*' (default: all)")
    parser.add_argument(
        "--probability", type=float, default=1.0, help="share of calls struck, over 0 to 1 (default: 1)"
    )
    parser.add_argument("--count", type=int, help="end after so many strikes (default: never)")
    parser.add_argument("--seed", type=int, default=0, help="chooses which calls a probability strikes (default: 0)")
    parser.add_argument("--error", metavar="CODE", help="answer with this error, in the call's own protocol's form")
    parser.add_argument("--status", type=int, help="its HTTP status, 400 to 599 (default: the code's usual, or 500)")
    parser.add_argument("--message", help="its message")
    parser.add_argument(
        "--latency",
        metavar="DURATION",
        type=duration,
        help="carry the call out (or fail it) later, such as 250ms or 2s",
    )
    parser.add_argument("--reset", action="store_true", help="cut the connection instead of answering")
    parser.add_argument("--name", help="by which to remove it (default: the cloud chooses one)")
    add_json(parser)


def run_list(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Show the rules."""
    found = cloud_process.ask(settings, "GET", "faults")
    text = "\n".join(render_fault(fault) for fault in found["faults"])
    return show(options, found, text or "no faults; `python -m sandbox fault --help` shows how to ask for one")


def run_add(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Put a rule in force."""
    return _put(options, settings, _rule(options))


def run_remove(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """End a rule."""
    found = cloud_process.ask(settings, "DELETE", f"faults/{quote(options.name, safe='')}")
    return show(options, found, f"removed {options.name}")


def run_clear(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """End all rules."""
    found = cloud_process.ask(settings, "DELETE", "faults")
    return show(options, found, f"removed {found['removed']}")


def run_region_out(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Make a region unreachable."""
    return _put(options, settings, region_out(options.region).model_dump(exclude_none=True))


def run_region_back(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Make it reachable again."""
    options.name = region_out(options.region).name
    return run_remove(options, settings)


def _put(options: argparse.Namespace, settings: SandboxSettings, rule: dict[str, Any]) -> int:
    found = cloud_process.ask(settings, "POST", "faults", rule)
    return show(options, found, render_fault(found))


def _rule(options: argparse.Namespace) -> dict[str, Any]:
    """The rule as the cloud takes it, which checks it. Raises UsageError for options without --error."""
    rule: dict[str, Any] = {
        name: getattr(options, name)
        for name in ("service", "region", "action", "caller", "probability", "seed", "reset")
    }
    if options.error is not None:
        given = {"code": options.error, "status": options.status, "message": options.message}
        rule["error"] = {name: value for name, value in given.items() if value is not None}
    elif options.status is not None or options.message is not None:
        raise UsageError("--status and --message belong to an error; give --error CODE too")
    if options.latency is not None:
        rule["latency_milliseconds"] = round(options.latency.total_seconds() * 1000)
    return rule | {name: value for name in ("count", "name") if (value := getattr(options, name)) is not None}
