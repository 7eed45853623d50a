"""Whether nodes, pods and quota of a business fit together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from infra.instances import INSTANCE_TYPES, InstanceType
from infra.settings.business import Business, BusinessRegion
from infra.settings.faults import Problem, nearest
from infra.settings.monitor import REPLICAS
from infra.settings.nodes import Nodes, TrainingNodes
from infra.settings.positions import Path
from infra.settings.training import Training
from trainer.config import ResourceRequest


@dataclass(frozen=True)
class Pods:
    """Pods of one kind: where their settings stand, how many there are at most, what each requests."""

    path: Path
    count: int
    request: ResourceRequest
    key: str = ""
    """Of the option that says how many there can be."""


def training_pods(business: Business) -> list[Pods]:
    """The ElasticDL job's pods, which run on the training nodes."""
    training = business.training
    return [
        Pods(
            ("training", "worker"),
            training.most_workers + training.standby_workers,
            training.worker,
            _workers_key(training),
        ),
        Pods(("training", "parameter_server"), training.parameter_servers, training.parameter_server),
        Pods(("training", "master"), 1, training.master),
    ]


def standing_pods(business: Business) -> list[Pods]:
    """The pods that are always there, on the serving nodes."""
    serving, monitor = business.serving, business.monitor
    return [
        Pods(("serving", "request"), serving.replicas.maximum, serving.request, "serving.replicas.maximum"),
        Pods(("training", "launcher"), 1, business.training.launcher),
        *([Pods(("monitor", "request"), REPLICAS, monitor.request)] if monitor else []),
    ]


def capacity_problems(business: Business) -> Iterator[Problem]:
    """Every pod fits a node, all fit the pools, and quota and pools agree."""
    yield from _bounds_problems(business)
    for index, region in enumerate(business.regions):
        path: Path = ("regions", index)
        for key, nodes, pods in (
            ("training_nodes", region.training_nodes, training_pods(business)),
            ("serving_nodes", region.serving_nodes, standing_pods(business)),
        ):
            yield from _pool_problems(nodes, (*path, key))
            instance = INSTANCE_TYPES.get(nodes.instance_type)
            if instance is not None:
                yield from _fit_problems(pods, nodes, instance, f"regions[{index}].{key}")
        yield from _gpu_quota_problems(business, region, index)
    yield from _quota_problems(business)


def _bounds_problems(business: Business) -> Iterator[Problem]:
    """The least is not above the most."""
    replicas, training = business.serving.replicas, business.training
    if replicas.minimum > replicas.maximum:
        yield Problem(
            ("serving", "replicas", "minimum"), f"{replicas.minimum} pods", f"at most the maximum, {replicas.maximum}",
            "there cannot be fewer servers than the least", "lower `minimum` or raise `maximum`",
        )  # fmt: skip
    if training.most_workers < training.workers:
        yield Problem(
            ("training", "maximum_workers"), f"{training.most_workers} workers",
            f"at least `workers`, {training.workers}", "the job never has fewer than that",
            "raise `maximum_workers`, lower `workers`, or leave it out",
        )  # fmt: skip


def _pool_problems(nodes: Nodes, path: Path) -> Iterator[Problem]:
    if nodes.instance_type not in INSTANCE_TYPES:
        guess = nearest(nodes.instance_type, INSTANCE_TYPES)
        yield Problem(
            (*path, "instance_type"), nodes.instance_type, "one of " + ", ".join(INSTANCE_TYPES),
            "what a node holds must be known to check quota and requests",
            f"write `{guess}`" if guess else "choose one of them, or add the type to infra/instances.py",
        )  # fmt: skip
    if nodes.autoscaling and nodes.autoscaling.minimum > nodes.autoscaling.maximum:
        yield Problem(
            (*path, "autoscaling", "minimum"), f"{nodes.autoscaling.minimum} nodes",
            f"at most the maximum, {nodes.autoscaling.maximum}", "the pool cannot be larger than its largest size",
            "lower `minimum` or raise `maximum`",
        )  # fmt: skip
    spot = nodes.spot if isinstance(nodes, TrainingNodes) else None
    if spot is not None and spot.on_demand_base > nodes.maximum:
        yield Problem(
            (*path, "spot", "on_demand_base"), f"{spot.on_demand_base} nodes",
            f"at most {nodes.maximum}, the most nodes of the pool", "the base is a part of the pool",
            "lower it, or allow more nodes",
        )  # fmt: skip


def _fit_problems(pods: Sequence[Pods], nodes: Nodes, instance: InstanceType, pool: str) -> Iterator[Problem]:
    """Each pod must fit a node by itself, and all of them the largest pool together."""
    has = {
        "cpu": (instance.allocatable_cpu, "cores"),
        "memory_mebibytes": (instance.allocatable_memory_mebibytes, "MiB"),
        "gpu": (instance.gpu, "GPUs"),
    }
    for key, (available, unit) in has.items():
        for item in pods:
            asked = getattr(item.request, key)
            if asked > available:
                yield Problem(
                    (*item.path, key), f"{asked:g} {unit}",
                    f"at most {available:g} {unit}, what one {instance.name} leaves for pods (`{pool}.instance_type`)",
                    "no node could ever run this pod", "ask for less, or choose a larger `instance_type`",
                )  # fmt: skip
        total = sum(item.count * getattr(item.request, key) for item in pods)
        room = available * nodes.maximum
        if total > room:
            first = pods[0]
            yield Problem(
                (*first.path, key), f"{total:g} {unit} for {first.count} {_name(first)} and the other pods",
                f"at most {room:g} {unit}: {nodes.maximum} nodes of {instance.name} (`{pool}`)",
                "some pods would wait for ever",
                f"run fewer {_name(first)} (`{first.key}`), ask for less, or allow more nodes",
            )  # fmt: skip


def _workers_key(training: Training) -> str:
    """The option that says how many workers there can be."""
    return "training.maximum_workers" if training.maximum_workers else "training.workers"


def _name(pods: Pods) -> str:
    return "workers" if pods.path[-1] == "worker" else "servers"


def _gpu_quota_problems(business: Business, region: BusinessRegion, index: int) -> Iterator[Problem]:
    pools = (region.training_nodes, region.serving_nodes)
    if any(pool.instance_type not in INSTANCE_TYPES for pool in pools):
        return
    gpus = sum(pool.maximum * INSTANCE_TYPES[pool.instance_type].gpu for pool in pools)
    if business.quota.gpu > gpus:
        nodes = region.training_nodes
        yield Problem(
            ("quota", "gpu"), f"{business.quota.gpu} GPUs",
            f"at most {gpus}: {nodes.maximum} nodes of {nodes.instance_type} with "
            f"{INSTANCE_TYPES[nodes.instance_type].gpu} GPU each (`regions[{index}].training_nodes`)",
            "a pod within the quota would wait for ever for a GPU that no node can have",
            f"write {gpus} or less, or allow more nodes in `regions[{index}].training_nodes`",
        )  # fmt: skip


def _quota_problems(business: Business) -> Iterator[Problem]:
    """All pods must fit the quota, or the API server refuses the last of them."""
    quota, pods = business.quota, [*training_pods(business), *standing_pods(business)]
    limits = (
        ("gpu", "gpu", float(quota.gpu), "GPUs"),
        ("cpu", "cpu", quota.cpu, "cores"),
        ("memory_gibibytes", "memory_mebibytes", quota.memory_gibibytes * 1024.0, "MiB"),
    )
    training = business.training
    who = (
        f"{training.most_workers + training.standby_workers} workers, {training.parameter_servers} parameter servers, "
        f"the master, the launcher, {business.serving.replicas.maximum} servers and the monitor together"
    )
    for key, request_key, limit, unit in limits:
        total = sum(item.count * getattr(item.request, request_key) for item in pods)
        if total > limit:
            yield Problem(
                ("quota", key), f"{limit:g} {unit}", f"at least {total:g} {unit}: {who}",
                "the API server would refuse the last pods of the business",
                f"raise `quota.{key}`, or lower `{_workers_key(training)}`, `serving.replicas.maximum` or what a pod "
                "requests",
            )  # fmt: skip
    count = sum(item.count for item in pods)
    if count > quota.pods:
        yield Problem(
            ("quota", "pods"), f"{quota.pods} pods", f"at least {count}: {who}",
            "the API server would refuse the last pods of the business",
            f"raise `quota.pods`, or lower `{_workers_key(training)}` or `serving.replicas.maximum`",
        )  # fmt: skip
    if quota.load_balancers < 1:
        yield Problem(
            ("quota", "load_balancers"), f"{quota.load_balancers} services", "at least 1",
            "the servers of `serving` are reached by a Service of type LoadBalancer", "raise `quota.load_balancers`",
        )  # fmt: skip
