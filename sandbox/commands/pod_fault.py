"""`fault pod`: what goes wrong with a pod's process, done to the process itself, from outside of its container."""

from __future__ import annotations

import argparse
import json
import os
import signal

from sandbox.commands.common import Commands, add_json, declare, show
from sandbox.errors import SandboxError
from sandbox.region import Region
from sandbox.settings import SandboxSettings

EVENTS = {
    "kill": (signal.SIGKILL, "kill -9 its first process, as the kernel would"),
    "freeze": (signal.SIGSTOP, "let its first process hang: it neither goes on nor ends"),
    "thaw": (signal.SIGCONT, "let it go on"),
}
DETAILS = """
The signal comes from the node, so it reaches also the first process of a container, which nothing inside can kill.
Needs root.

  python -m sandbox fault pod kill elasticdl-language-model-worker-0 --namespace qa
  python -m sandbox fault pod freeze elasticdl-language-model-worker-0 --namespace qa     and again: thaw
"""


def add(actions: Commands) -> None:
    """Declare the action of `fault`."""
    pod = declare(actions, "pod", run, "kill, freeze or thaw a pod's process", DETAILS)
    summaries = "; ".join(f"{name}: {summary}" for name, (_, summary) in EVENTS.items())
    pod.add_argument("event", choices=EVENTS, metavar="EVENT", help=summaries)
    pod.add_argument("pod", metavar="POD", help="the pod's name")
    pod.add_argument("--namespace", default="default", help="the pod's namespace (default)")
    pod.add_argument("--region", help="the region; needed only when there are several")
    add_json(pod)


def run(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Do it to the process."""
    if os.geteuid() != 0:
        raise SandboxError("a pod's faults need root, as starting its node did; run the command as root")
    region = region_of(settings, options.region)
    number, _ = EVENTS[options.event]
    region.signal_container(options.namespace, options.pod, number)
    found = {"event": options.event, "pod": options.pod, "namespace": options.namespace, "region": region.name}
    return show(options, found, f"{options.namespace}/{options.pod} in {region.name}: {options.event} done")


def region_of(settings: SandboxSettings, name: str | None) -> Region:
    """The region of this name, or the only one. Raises SandboxError, with the regions there are."""
    slots = {
        record.parent.name: int(json.loads(record.read_text())["slot"])
        for record in sorted((settings.state / "regions").glob("*/region.json"))
    }
    there = ", ".join(slots) or "none"
    if name is None and len(slots) != 1:
        raise SandboxError(f"which region? name one with --region; there are: {there}")
    chosen = name or next(iter(slots))
    if chosen not in slots:
        raise SandboxError(f"there is no region {chosen!r}; there are: {there}")
    return Region(chosen, slots[chosen], settings)
