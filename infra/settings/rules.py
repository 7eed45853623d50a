"""Rules across keys: each names the key to change, the limit that another key sets, and the way out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network

from infra.instances import INSTANCE_TYPES, InstanceType
from infra.naming import BusinessNames, NameRuleError, PlatformNames
from infra.settings.business import Business, Training, TrainingNodes
from infra.settings.faults import Problem, nearest
from infra.settings.platform import MINIMUM_TTL_SECONDS, Platform, PlatformRegion
from infra.settings.positions import Path
from trainer.config import ResourceRequest


def platform_problems(platform: Platform) -> Iterator[Problem]:
    """Every broken rule of a platform stack."""
    yield from _repeated([region.name for region in platform.regions], ("regions",), "name")
    for index, region in enumerate(platform.regions):
        path: Path = ("regions", index)
        yield from _network_problems(region, path)
        yield from _name_problems(PlatformNames(platform.organization, region.name).all, ("organization",))


def business_problems(business: Business, platform: Platform) -> Iterator[Problem]:
    """Every broken rule of a business stack on its platform."""
    yield from _repeated([region.name for region in business.regions], ("regions",), "name")
    yield from _dns_problems(business, platform)
    yield from _backup_problems(business)
    known = {region.name for region in platform.regions}
    for index, region in enumerate(business.regions):
        path: Path = ("regions", index)
        if region.name not in known:
            yield _unknown_region(region.name, known, (*path, "name"), business.platform)
        yield from _name_problems(BusinessNames(platform.organization, business.name, region.name).all, ("name",))
        yield from _nodes_problems(business, region.nodes, (*path, "nodes"))
    yield from _quota_problems(business)


def _repeated(names: list[str], path: Path, key: str) -> Iterator[Problem]:
    for index, name in enumerate(names):
        if name in names[:index]:
            yield Problem(
                (*path, index, key), name, f"each {key} once", f"{name} is listed before",
                "remove one of the two entries, or correct its name",
            )  # fmt: skip


def _name_problems(names: object, path: Path) -> Iterator[Problem]:
    try:
        list(names())  # type: ignore[operator]
    except NameRuleError as fault:
        yield Problem(
            path, fault.name, fault.limit, f"this name is composed from the organization, the business and the region "
            f"({fault.source})", f"shorten `{path[-1]}`",
        )  # fmt: skip


# ---- networks


def _network_problems(region: PlatformRegion, path: Path) -> Iterator[Problem]:
    network, cluster = region.network, region.cluster
    switches = network.switches
    yield from _repeated([switch.zone for switch in switches], (*path, "network", "switches"), "zone")
    blocks: list[tuple[str, IPv4Network]] = []
    for index, switch in enumerate(switches):
        at: Path = (*path, "network", "switches", index)
        if not switch.zone.startswith(region.name):
            yield Problem(
                (*at, "zone"), switch.zone, f"a zone of {region.name}", "a switch lies in a zone of its own region",
                f"write for example `{region.name}-a`",
            )  # fmt: skip
        for key, block in (("addresses", switch.addresses), ("pod_addresses", switch.pod_addresses)):
            yield from _switch_problems((*at, key), block, network.addresses)
            yield from _overlap((*at, key), block, blocks)
            blocks.append((f"`{key}` of {switch.zone}", block))
    yield from _private((*path, "network", "addresses"), network.addresses)
    services: Path = (*path, "cluster", "service_addresses")
    yield from _private(services, cluster.service_addresses)
    yield from _overlap(services, cluster.service_addresses, [("the network", network.addresses)])


def _switch_problems(path: Path, block: IPv4Network, network: IPv4Network) -> Iterator[Problem]:
    if not block.subnet_of(network):
        yield Problem(
            path, str(block), f"inside the network's {network}",
            "a switch is a part of its network", "choose a block inside it, or widen `network.addresses`",
        )  # fmt: skip
    if not 16 <= block.prefixlen <= 28:
        yield Problem(
            path, str(block), "a prefix from /16 to /28",
            "the sizes that VPC takes for a switch", "choose a prefix within that range, for example /20",
        )  # fmt: skip


def _overlap(path: Path, block: IPv4Network, others: Iterable[tuple[str, IPv4Network]]) -> Iterator[Problem]:
    for name, other in others:
        if block.overlaps(other):
            yield Problem(
                path, str(block), f"no address in common with {name}, {other}",
                "a packet could not tell the two apart", "choose a block outside it",
            )  # fmt: skip


def _private(path: Path, block: IPv4Network) -> Iterator[Problem]:
    ranges = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
    if not any(block.subnet_of(IPv4Network(private)) for private in ranges):
        yield Problem(
            path, str(block), "inside " + ", ".join(ranges), "these ranges are kept for private networks (RFC 1918)",
            "choose a block inside one of them",
        )  # fmt: skip


# ---- a business


def _unknown_region(name: str, known: set[str], path: Path, stack: str) -> Problem:
    guess = nearest(name, known)
    return Problem(
        path, name, "a region of the platform: " + ", ".join(sorted(known)),
        f"there is no cluster in it (stack file of `{stack}`)",
        f"write `{guess}`" if guess else "choose one of them, or ask for the region to be added to the platform",
    )  # fmt: skip


def _dns_problems(business: Business, platform: Platform) -> Iterator[Problem]:
    least = MINIMUM_TTL_SECONDS[platform.zone.edition]
    if business.dns.ttl_seconds < least:
        yield Problem(
            ("dns", "ttl_seconds"), f"{business.dns.ttl_seconds} seconds", f"at least {least} seconds",
            f"the zone {platform.zone.name} has the edition `{platform.zone.edition}` (zone.edition of the stack "
            f"`{business.platform}`)", f"write {least} or more, or have the zone served by a higher edition",
        )  # fmt: skip


def _backup_problems(business: Business) -> Iterator[Problem]:
    backup = business.storage.backup
    at: Path = ("storage", "backup")
    if backup.infrequent_access_after_days >= backup.retention_days:
        yield Problem(
            (*at, "infrequent_access_after_days"), f"{backup.infrequent_access_after_days} days",
            f"less than retention_days, {backup.retention_days} days",
            "an old version is deleted before it would ever move: it only pays the move",
            "lower it, or keep old versions longer with `retention_days`",
        )  # fmt: skip
    archive = backup.archive_after_days
    if archive is not None and not backup.infrequent_access_after_days < archive < backup.retention_days:
        yield Problem(
            (*at, "archive_after_days"), f"{archive} days",
            f"more than infrequent_access_after_days, {backup.infrequent_access_after_days} days, and less than "
            f"retention_days, {backup.retention_days} days",
            "an old version moves from class to class and is deleted last",
            "order the three, or leave `archive_after_days` out",
        )  # fmt: skip


def _nodes_problems(business: Business, nodes: TrainingNodes, path: Path) -> Iterator[Problem]:
    instance = INSTANCE_TYPES.get(nodes.instance_type)
    if instance is None:
        guess = nearest(nodes.instance_type, INSTANCE_TYPES)
        yield Problem(
            (*path, "instance_type"), nodes.instance_type, "one of " + ", ".join(INSTANCE_TYPES),
            "how many GPUs a node has must be known to check quota and requests",
            f"write `{guess}`" if guess else "choose one of them, or add the type to infra/instances.py",
        )  # fmt: skip
        return
    if nodes.autoscaling and nodes.autoscaling.minimum > nodes.autoscaling.maximum:
        yield Problem(
            (*path, "autoscaling", "minimum"), f"{nodes.autoscaling.minimum} nodes",
            f"at most the maximum, {nodes.autoscaling.maximum}", "the pool cannot be larger than its largest size",
            "lower `minimum` or raise `maximum`",
        )  # fmt: skip
    yield from _capacity_problems(business, nodes, instance)
    yield from _fit_problems(business.training, instance, nodes)


def _capacity_problems(business: Business, nodes: TrainingNodes, instance: InstanceType) -> Iterator[Problem]:
    gpus = nodes.maximum * instance.gpu
    if business.quota.gpu > gpus:
        yield Problem(
            ("quota", "gpu"), f"{business.quota.gpu} GPUs",
            f"at most {gpus}: {nodes.maximum} nodes of {instance.name} with {instance.gpu} GPU each",
            "a pod within the quota would wait for ever for a GPU that no node can have",
            f"write {gpus} or less, or allow more nodes in `regions[].nodes`",
        )  # fmt: skip


def _pods(training: Training) -> list[tuple[str, int, ResourceRequest]]:
    return [
        ("worker", training.workers, training.worker),
        ("parameter_server", training.parameter_servers, training.parameter_server),
        ("master", 1, training.master),
        ("launcher", 1, training.launcher),
    ]


def _fit_problems(training: Training, instance: InstanceType, nodes: TrainingNodes) -> Iterator[Problem]:
    """Each pod must fit a node by itself, and all of them the largest pool together."""
    has = {
        "cpu": (instance.allocatable_cpu, "cores"),
        "memory_mebibytes": (instance.allocatable_memory_mebibytes, "MiB"),
        "gpu": (instance.gpu, "GPUs"),
    }
    for key, (available, unit) in has.items():
        for kind, _, request in _pods(training):
            asked = getattr(request, key)
            if asked > available:
                yield Problem(
                    ("training", kind, key), f"{asked:g} {unit}",
                    f"at most {available:g} {unit}, what one {instance.name} leaves for pods",
                    "no node could ever run this pod", "ask for less, or choose a larger `instance_type`",
                )  # fmt: skip
        total = sum(count * getattr(request, key) for _, count, request in _pods(training))
        pool = available * nodes.maximum
        if total > pool:
            yield Problem(
                ("training", "worker", key), f"{total:g} {unit} for {training.workers} workers and the other pods",
                f"at most {pool:g} {unit}: {nodes.maximum} nodes of {instance.name}",
                "some pods would wait for ever", "run fewer workers, ask for less, or allow more nodes",
            )  # fmt: skip


def _quota_problems(business: Business) -> Iterator[Problem]:
    """The whole job must fit the quota, or the API server refuses its last pods."""
    training, quota = business.training, business.quota
    pods = _pods(training)
    limits = (
        ("gpu", "gpu", float(quota.gpu), "GPUs"),
        ("cpu", "cpu", quota.cpu, "cores"),
        ("memory_gibibytes", "memory_mebibytes", quota.memory_gibibytes * 1024.0, "MiB"),
    )
    for key, request_key, limit, unit in limits:
        total = sum(count * getattr(request, request_key) for _, count, request in pods)
        if total > limit:
            yield Problem(
                ("quota", key), f"{limit:g} {unit}",
                f"at least {total:g} {unit}: {training.workers} workers, {training.parameter_servers} parameter "
                "servers, the master and the launcher together", "the API server would refuse the last pods of the job",
                f"raise `quota.{key}`, or lower `training.workers` or what each pod requests",
            )  # fmt: skip
    count = sum(number for _, number, _ in pods)
    if count > quota.pods:
        yield Problem(
            ("quota", "pods"), f"{quota.pods} pods", f"at least {count}, the pods of the job",
            "the API server would refuse the last pods of the job", "raise `quota.pods`, or run fewer workers",
        )  # fmt: skip
