"""What the status page and `python -m sandbox status` show of the cloud as a whole: regions, clusters, resources."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sandbox.cloud.assembly import Cloud
from sandbox.cloud.control.inventory import Reading
from sandbox.cloud.core.regions import REGIONS
from sandbox.cloud.cs.contents import Contents
from sandbox.cloud.cs.model import Cluster, NodePool
from sandbox.cloud.cs.validation import limits
from sandbox.cloud.oss.totals import Totals

SHOWN_NODES = 100
"""Nodes that are listed one by one, those that are not ready first; all are counted."""
SHOWN_TROUBLES = 25
SHOWN_VOLUMES = 50
OBJECT_STORAGE = "OSS"
KEPT_BY_THE_CORE = {"access-key": "Ram", "role-session": "Sts"}
"""Kinds that belong to a service although the core keeps them."""
RECORDS = frozenset({"cluster-task", "alert-state", "gtm-health", "public-address-claim"})
"""Kinds that a service keeps of its own work; no call makes or shows one as a resource."""

Json = dict[str, Any]


def resources_by_service(cloud: Cloud, objects: Totals) -> dict[str, dict[str, int]]:
    """How many resources of each kind each service has; `objects` are object storage's.

    A kind belongs to the service in whose package its model is. What the emulator keeps for itself (the clock, fault
    rules) is no resource.
    """
    owners = {_package(type(service)): service.name for service in cloud.services}
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for kind, count in cloud.context.store.counts().items():
        model = cloud.context.store.models.get(kind)
        owner = KEPT_BY_THE_CORE.get(kind) or (owners.get(_package(model)) if model is not None else None)
        if owner is not None and kind not in RECORDS:
            found[owner][kind] = count
    if objects.buckets:
        found[OBJECT_STORAGE] = {"bucket": sum(objects.buckets.values()), "object": objects.objects}
    return dict(sorted(found.items()))


def regions(cloud: Cloud, readings: Mapping[str, Reading], buckets: Mapping[str, int]) -> list[Json]:
    """The regions that are in use or out, each with its clusters; `buckets` counts object storage's by region."""
    context = cloud.context
    clusters = cloud.operations.clusters.clusters.list()
    out = {name for name in REGIONS if context.faults.is_out(name)}
    used = {*context.store.regions(), *buckets, *out}
    return [
        {
            "name": name,
            "local_name": REGIONS[name].local_name,
            "out": name in out,
            "buckets": buckets.get(name, 0),
            "clusters": [
                _cluster(cloud, cluster, readings.get(cluster.identifier))
                for cluster in clusters
                if cluster.region == name
            ],
        }
        for name in REGIONS
        if name in used
    ]


def _cluster(cloud: Cloud, cluster: Cluster, reading: Reading | None) -> Json:
    shown: Json = {
        "id": cluster.identifier,
        "name": cluster.name,
        "state": cluster.state,
        "reason": cluster.reason,
        "version": cluster.version,
        "inside": None,
        "error": "" if reading is None else reading.error,
        "age_seconds": None if reading is None else reading.age_seconds,
    }
    if reading is not None and reading.contents is not None:
        shown["inside"] = _inside(reading.contents, cloud.operations.clusters.pools_of(cluster.identifier))
    return shown


def _inside(contents: Contents, pools: Sequence[NodePool]) -> Json:
    names = {pool.identifier: pool.name for pool in pools}
    nodes = sorted(contents.nodes, key=lambda node: (node.ready, not node.reason, node.name))
    return {
        "pools": [_pool(pool, contents) for pool in pools],
        "nodes": _count(contents),
        "listed_nodes": [asdict(node) | {"pool": names.get(node.pool, "")} for node in nodes[:SHOWN_NODES]],
        "pods": {namespace: dict(phases) for namespace, phases in sorted(contents.pods.items())},
        "troubles": [asdict(trouble) for trouble in contents.troubles[:SHOWN_TROUBLES]],
        "troubles_in_all": len(contents.troubles),
        "volumes": [asdict(volume) for volume in contents.volumes[:SHOWN_VOLUMES]],
        "volumes_in_all": len(contents.volumes),
    }


def _pool(pool: NodePool, contents: Contents) -> Json:
    smallest, largest = limits(pool.auto_scaling) if pool.scales else (pool.size, pool.size)
    return {
        "id": pool.identifier,
        "name": pool.name,
        "state": pool.state,
        "reason": pool.reason,
        "wanted": pool.size,
        "minimum": smallest,
        "maximum": largest,
        "scales": pool.scales,
        "nodes": _count(contents, pool.identifier),
    }


def _count(contents: Contents, pool: str | None = None) -> dict[str, int]:
    """How many nodes there are (of a pool): in all, ready, real and simulated."""
    nodes = [node for node in contents.nodes if pool is None or node.pool == pool]
    return {
        "total": len(nodes),
        "ready": sum(node.ready for node in nodes),
        "real": sum(node.kind == "real" for node in nodes),
        "simulated": sum(node.kind == "simulated" for node in nodes),
    }


def _package(thing: type) -> str:
    return thing.__module__.rpartition(".")[0]
