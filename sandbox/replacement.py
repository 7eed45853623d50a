"""Puts another state in the place of the cloud's, whole or not at all, also when the machine dies on the way.

The new state is built in a folder of its own. Renaming that folder to `replacement` is the one step that decides:
before it the old state holds, after it the new one, because `finish`, which the cloud calls when it starts, carries the
rest out. Each of the steps may be repeated.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from sandbox.cloud.core.store import Store
from sandbox.cloud.cs.model import Clusters
from sandbox.settings import SandboxSettings

PLAN = "plan.json"
DATABASE = "cloud.sqlite"
OBJECTS = "objects"
REGISTRY = "registry"


class Plan(BaseModel):
    """What of the real regions does not belong to the new state."""

    model_config = ConfigDict(frozen=True)

    purge: dict[str, int] = {}
    """Regions (with their slots) whose cluster is another one, or none, in the new state."""
    remove_nodes: dict[str, list[str]] = {}
    """Nodes that the new state does not know, of clusters that it does."""


def begin(settings: SandboxSettings) -> Path:
    """An empty folder for the new state: `cloud.sqlite` and the folders `objects` and `registry` must be put there."""
    folder = settings.state / "replacement.new"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    return folder


def commit(settings: SandboxSettings) -> None:
    """Decide for the new state. The cloud must not run, and its lock be held."""
    folder = settings.state / "replacement.new"
    (folder / PLAN).write_text(_plan(settings, folder).model_dump_json())
    flush_tree(folder)
    folder.rename(settings.state / "replacement")
    flush(settings.state)


def finish(settings: SandboxSettings) -> bool:
    """Carry out what was decided and not yet done; whether there was something. The cloud must not run."""
    folder = settings.state / "replacement"
    if not folder.exists():
        return False
    _clear_regions(settings, Plan.model_validate(json.loads((folder / PLAN).read_text())))
    if (folder / DATABASE).exists():
        for suffix in ("-wal", "-shm"):  # they belong to the old file, and would be read into the new one
            (settings.state / f"{DATABASE}{suffix}").unlink(missing_ok=True)
        (folder / DATABASE).replace(settings.state / DATABASE)
    for name in (OBJECTS, REGISTRY):
        if (folder / name).exists():
            shutil.rmtree(settings.state / name, ignore_errors=True)
            (folder / name).rename(settings.state / name)
    flush(settings.state)
    shutil.rmtree(folder)
    return True


def flush(folder: Path) -> None:
    """Make a folder's entries durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_tree(folder: Path) -> None:
    """Make everything in a folder durable, save the objects' contents, which were flushed when they were written."""
    for path in folder.rglob("*"):
        if path.is_dir() or path.suffix in (".sqlite", ".json"):
            flush(path)
    flush(folder)


def _plan(settings: SandboxSettings, folder: Path) -> Plan:
    regions = settings.state / "regions"
    slots = {
        path.parent.name: int(json.loads(path.read_text())["slot"]) for path in sorted(regions.glob("*/region.json"))
    }
    if not slots:
        return Plan()
    present, _ = _clusters(settings.state / DATABASE)
    wanted, nodes = _clusters(folder / DATABASE)
    purge = {name: slot for name, slot in slots.items() if name not in wanted or wanted[name] != present.get(name)}
    strange: dict[str, list[str]] = {}
    real = [(record.parts[-4], record.parts[-2]) for record in sorted(regions.glob("*/nodes/*/node.json"))]
    simulated = [(record.parts[-3], record.stem) for record in sorted(regions.glob("*/simulated-nodes/*.json"))]
    for region, node in [*real, *simulated]:
        if region in slots and region not in purge and node not in nodes:
            strange.setdefault(region, []).append(node)
    return Plan(purge=purge, remove_nodes=strange)


def _clusters(database: Path) -> tuple[dict[str, str], set[str]]:
    """The identifier of each region's cluster, and the names of all nodes."""
    store = Store(database)
    try:
        clusters = Clusters(store)
        found = {cluster.region: cluster.identifier for cluster in clusters.clusters.list()}
        return found, {node.name for node in clusters.nodes.list()}
    finally:
        store.close()


def _clear_regions(settings: SandboxSettings, plan: Plan) -> None:
    if not plan.purge and not plan.remove_nodes:
        return
    # A cloud without real regions must do without what they need.
    from sandbox.region import open_region  # noqa: PLC0415

    for name, slot in plan.purge.items():
        open_region(name, slot, settings).purge()
    for name, nodes in plan.remove_nodes.items():
        record = settings.state / "regions" / name / "region.json"
        region = open_region(name, int(json.loads(record.read_text())["slot"]), settings)
        for node in nodes:
            region.remove_node(node)
