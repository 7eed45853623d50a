"""`fault node`: what goes wrong with a region's real nodes, done to the node itself."""

from __future__ import annotations

import argparse
import json
import os

from sandbox.commands.common import Commands, add_json, declare, show
from sandbox.errors import SandboxError
from sandbox.progress import Progress
from sandbox.region import Region, node_faults
from sandbox.settings import SandboxSettings

EVENTS = {
    "stop": (node_faults.stop_node, "cut the node's power: all its processes are killed, its disk stays"),
    "start": (node_faults.start_node, "power it on, and wait until it is Ready"),
    "cut-network": (node_faults.cut_network, "pull its cable: its pods go on, and reach only each other"),
    "restore-network": (node_faults.restore_network, "plug the cable in again"),
    "freeze": (node_faults.freeze_node, "let it hang: none of its processes goes on"),
    "thaw": (node_faults.thaw_node, "let it go on"),
}
DETAILS = """
The fault is done to the real node, so Kubernetes notices it in its own time: a silent node is NotReady after 50 s. The
names are those of `kubectl get nodes`, and `python -m sandbox status` shows them, too. Needs root.

  python -m sandbox fault node stop NODE             and start again: python -m sandbox fault node start NODE
  python -m sandbox fault node cut-network NODE      restore-network
  python -m sandbox fault node freeze NODE           thaw
"""


def add(actions: Commands) -> None:
    """Declare the action of `fault`."""
    node = declare(actions, "node", run, "stop, cut off or freeze a real node, and put it right again", DETAILS)
    summaries = "; ".join(f"{name}: {summary}" for name, (_, summary) in EVENTS.items())
    node.add_argument("event", choices=EVENTS, metavar="EVENT", help=summaries)
    node.add_argument("node", metavar="NODE", help="the node's name")
    add_json(node)


def run(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Do it to the node."""
    if os.geteuid() != 0:
        raise SandboxError("a node's faults need root, as starting it did; run the command as root")
    region = region_of(settings, options.node)
    carry_out, _ = EVENTS[options.event]
    with Progress().step(f"{options.event} of node {options.node} in {region.name}"):
        carry_out(region, options.node)
    found = {"event": options.event, "node": options.node, "region": region.name}
    return show(options, found, f"{options.node} in {region.name}: {options.event} done")


def region_of(settings: SandboxSettings, node: str) -> Region:
    """The region that has a real node of this name. Raises SandboxError, with the nodes there are, when none has."""
    regions = settings.state / "regions"
    found = {record.parts[-2]: record.parents[2] for record in sorted(regions.glob("*/nodes/*/node.json"))}
    if node not in found:
        raise SandboxError(f"there is no real node {node!r}; there are: {', '.join(sorted(found)) or 'none'}")
    slot = int(json.loads((found[node] / "region.json").read_text())["slot"])
    return Region(found[node].name, slot, settings)
