"""Rules across keys of a platform's stack file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network

from infra.naming import PlatformNames
from infra.settings.faults import Problem
from infra.settings.platform import Platform, PlatformRegion
from infra.settings.positions import Path
from infra.settings.rules.common import name_problems, repeated


def platform_problems(platform: Platform) -> Iterator[Problem]:
    """Every broken rule of a platform stack."""
    yield from repeated([region.name for region in platform.regions], ("regions",), "name")
    switches: list[tuple[str, IPv4Network]] = []
    for index, region in enumerate(platform.regions):
        path: Path = ("regions", index)
        yield from _network_problems(region, path)
        yield from _shared_problems(region, path, switches)
        yield from _edition_problems(region, path)
        yield from name_problems(PlatformNames(platform.organization, region.name).all, ("organization",))


def _network_problems(region: PlatformRegion, path: Path) -> Iterator[Problem]:
    network, cluster = region.network, region.cluster
    switches = network.switches
    yield from repeated([switch.zone for switch in switches], (*path, "network", "switches"), "zone")
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


def _edition_problems(region: PlatformRegion, path: Path) -> Iterator[Problem]:
    cluster = region.cluster
    if cluster.encrypt_secrets and cluster.specification != "ack.pro.small":
        yield Problem(
            (*path, "cluster", "specification"), cluster.specification, "ack.pro.small with `encrypt_secrets: true`",
            "only the Pro edition encrypts Secrets with a key of KMS",
            "write `ack.pro.small`, or `encrypt_secrets: false`",
        )  # fmt: skip


def _shared_problems(region: PlatformRegion, path: Path, earlier: list[tuple[str, IPv4Network]]) -> Iterator[Problem]:
    """Switches of different regions share no address, so that the regions' networks can be connected one day."""
    own: list[tuple[str, IPv4Network]] = []
    for index, switch in enumerate(region.network.switches):
        for key, block in (("addresses", switch.addresses), ("pod_addresses", switch.pod_addresses)):
            yield from _overlap((*path, "network", "switches", index, key), block, earlier)
            own.append((f"`{key}` of {switch.zone}", block))
    earlier.extend(own)


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
