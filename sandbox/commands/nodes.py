"""`nodes`: which nodes are real and which are simulated, and how many of a region are real."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from sandbox import cloud_process
from sandbox.commands.common import Commands, add_json, declare, show
from sandbox.settings import SandboxSettings

SHOW = """
  python -m sandbox nodes
  python -m sandbox nodes show --json | jq '.regions[].nodes[] | select(.simulated)'
"""
REAL = """
  python -m sandbox nodes real 0 cn-shanghai
"""
DETAILS = """
A real node is a kubelet with containerd in namespaces of its own. On a simulated node nothing runs: it and its pods say
that they are Ready, Running and, for Jobs, Succeeded; `kubectl get pods` shows the pods as Simulated. Nodes past the
number that a region may have of real ones are simulated, the autoscaler's too. Nodes stay what they are.

  python -m sandbox nodes                        each region's nodes
  python -m sandbox nodes real 0 cn-shanghai     all nodes that come to cn-shanghai are simulated
  python -m sandbox nodes real 12 cn-hangzhou    the first twelve are real (150 MB of memory each, without their pods)
"""


def add(commands: Commands) -> None:
    """Declare the command."""
    nodes = declare(
        commands, "nodes", run_show, "show which nodes are real and which are simulated, or set it", DETAILS
    )
    add_json(nodes)
    actions = nodes.add_subparsers(metavar="ACTION")
    add_json(declare(actions, "show", run_show, "show each region's nodes", SHOW))
    real = declare(actions, "real", run_real, "set how many nodes of a region are real ones", REAL)
    real.add_argument("count", type=int, help="from 0 (all are simulated) to 190")
    real.add_argument("region", help="such as cn-hangzhou")
    add_json(real)


def run_show(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Show the nodes."""
    found = cloud_process.ask(settings, "GET", "nodes")
    return show(options, found, render(found))


def run_real(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Set a region's number of real nodes."""
    found = cloud_process.ask(settings, "PUT", "nodes", {"region": options.region, "real_nodes": options.count})
    return show(options, found, render(found))


def render(found: Mapping[str, Any]) -> str:
    """The regions with their nodes, one a line."""
    lines = []
    for region in found["regions"]:
        real = sum(not node["simulated"] for node in region["nodes"])
        simulated = len(region["nodes"]) - real
        lines.append(f"{region['region']}: {real} real nodes of at most {region['real_nodes']}, {simulated} simulated")
        for node in region["nodes"]:
            kind = "simulated" if node["simulated"] else "real"
            state = "Ready" if node["ready"] else "NotReady"
            lines.append(f"  {node['name']:<36} {kind:<9} {state:<8} {node['instance_type']}")
    return "\n".join(lines) or "no region has a cluster"
