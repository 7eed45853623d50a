"""`snapshot` and `reset`: the cloud's state kept under a name, brought back, or emptied."""

from __future__ import annotations

import argparse
from functools import partial

from sandbox import lifecycle, snapshots
from sandbox.commands.common import Commands, add_json, declare, show
from sandbox.progress import Progress
from sandbox.report import render_snapshot
from sandbox.settings import SandboxSettings

HOLDS = """
A snapshot holds what the cloud's APIs show: every resource, the buckets with all objects, access keys, the clock, the
fault rules. It shares the objects' contents with the cloud by hard links, so it costs little. It does NOT hold what is
inside a cluster (Kubernetes' objects, volumes), nor Pulumi's own state: run `pulumi refresh` after a restore.
"""
SNAPSHOT_DETAILS = f"""{HOLDS}
A restore takes the cloud's present state away; keep that first if it matters. The cloud is stopped for it and started
again. A cluster that the snapshot does not know is ended with all in it; one that it knows stays as it is, and is
booted, empty, where it is gone. Killed half-way, a restore leaves the old state or the new one, never a mixture.

  python -m sandbox snapshot save before-upgrade         while the cloud runs, as of one moment
  python -m sandbox snapshot list
  python -m sandbox snapshot restore before-upgrade
  python -m sandbox snapshot delete before-upgrade
"""
LIST = """
  python -m sandbox snapshot list --json | jq -r '.snapshots[].name'
"""
RESET_DETAILS = """
Every resource, object and fault rule goes, every cluster ends, the clock shows the machine's time. The account with its
root key stays, so that the variables of `python -m sandbox env` stay good; snapshots stay, too. Pulumi's own state is
not touched: `pulumi refresh` takes what is gone out of it. `down --purge` forgets everything.

  python -m sandbox snapshot save just-in-case && python -m sandbox reset
"""


def add(commands: Commands) -> None:
    """Declare the commands."""
    snapshot = declare(commands, "snapshot", run_list, "keep the cloud's state, or bring one back", SNAPSHOT_DETAILS)
    add_json(snapshot)
    actions = snapshot.add_subparsers(metavar="ACTION")
    for name, run, summary in (
        ("save", run_save, "keep the present state under a name"),
        ("restore", run_restore, "put a kept state in the place of the present one"),
        ("delete", run_delete, "forget a kept state"),
    ):
        parser = declare(actions, name, run, summary, f"{HOLDS}\n  python -m sandbox snapshot {name} before-upgrade")
        parser.add_argument("name", metavar="NAME", help="letters, digits, dots, hyphens and underscores")
        add_json(parser)
    add_json(declare(actions, "list", run_list, "show what is kept", LIST))
    add_json(declare(commands, "reset", run_reset, "empty the cloud", RESET_DETAILS))


def run_save(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Keep the state."""
    found = snapshots.save(settings, options.name).model_dump()
    return show(options, found, render_snapshot(found))


def run_restore(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Bring a state back."""
    lifecycle.replace_state(settings, Progress(), partial(snapshots.stage_snapshot, settings, options.name))
    return show(options, {"restored": options.name}, f"restored {options.name}")


def run_delete(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Forget a state."""
    snapshots.delete(settings, options.name)
    return show(options, {"deleted": options.name}, f"deleted {options.name}")


def run_list(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Show what is kept."""
    found = [snapshot.model_dump() for snapshot in snapshots.every(settings)]
    text = "\n".join(render_snapshot(snapshot) for snapshot in found)
    return show(options, {"snapshots": found}, text or "no snapshots; `python -m sandbox snapshot save NAME` makes one")


def run_reset(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Empty the cloud."""
    lifecycle.replace_state(settings, Progress(), partial(snapshots.stage_empty, settings))
    return show(options, {"reset": True}, "the cloud is empty")
