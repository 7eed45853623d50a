"""Which addresses a traffic manager answers to a user of a line: strategy, set of pools, pools, addresses."""

from __future__ import annotations

import random
from dataclasses import dataclass

from sandbox.cloud.alidns.gtm_model import Address, Instance, Pool, PoolSet, Strategy, TrafficManagers

KINDS = {"IPV4": "A", "IPV6": "AAAA", "DOMAIN": "CNAME"}


@dataclass(frozen=True)
class Candidates:
    """A pool of the effective set, with those of its addresses that may be answered."""

    kind: str
    strategy: str
    weight: int
    addresses: tuple[Address, ...]


@dataclass(frozen=True)
class Effective:
    """A strategy as it is in force now."""

    lines: tuple[str, ...]
    strategy: str
    maximum: int
    pools: tuple[Candidates, ...]


@dataclass(frozen=True)
class Route:
    """A traffic manager's public name, ready to answer."""

    name: str
    ttl: int
    strategies: tuple[Effective, ...]

    def answer(self, lines: list[str], chance: random.Random) -> list[tuple[str, str]]:
        """Record types and values for a user whose lines, best first, are these; empty when no strategy fits."""
        for line in lines:
            for effective in self.strategies:
                if line in effective.lines:
                    return _draw(effective, chance)
        return []


def _draw(effective: Effective, chance: random.Random) -> list[tuple[str, str]]:
    pools = [pool for pool in effective.pools if pool.addresses]
    if not pools:
        return []
    if effective.strategy == "RATIO":
        pools = chance.choices(pools, [pool.weight for pool in pools])
    found: list[tuple[str, str]] = []
    for pool in pools:
        addresses = list(pool.addresses)
        if pool.strategy == "RATIO" or pool.kind == "DOMAIN":
            addresses = chance.choices(addresses, [address.weight for address in addresses])
        else:
            start = chance.randrange(len(addresses))
            addresses = addresses[start:] + addresses[:start]
        found += [(KINDS[pool.kind], address.value) for address in addresses]
    aliases = [item for item in found if item[0] == "CNAME"]
    if aliases:
        return aliases[:1]  # an alias stands alone
    return found[: effective.maximum] if effective.maximum else found


def compile_route(managers: TrafficManagers, instance: Instance) -> Route:
    """An instance's route as of now."""
    pools = {pool.identifier: pool for pool in managers.pools_of(instance.identifier)}
    strategies = [item for item in managers.strategies_of(instance.identifier) if item.mode == instance.strategy_mode]
    effective = tuple(_effective(managers, strategy, pools) for strategy in strategies)
    return Route(instance.public_name, instance.ttl, effective)


def _effective(managers: TrafficManagers, strategy: Strategy, pools: dict[str, Pool]) -> Effective:
    _, chosen = effective_set(managers, strategy)
    healthy = is_enough(managers, chosen)
    candidates = []
    for identifier, weight in chosen.pools.items():
        pool = pools.get(identifier)
        if pool is not None:
            # With both sets down, all addresses are answered but those turned off: one may work, none cannot.
            usable = [address for address in pool.addresses if address.mode != "OFFLINE"]
            addresses = managers.available(pool) if healthy else managers.available(pool) or usable
            candidates.append(Candidates(pool.kind, pool.strategy, weight, tuple(addresses)))
    return Effective(strategy.lines, chosen.strategy, chosen.maximum, tuple(candidates))


def available_count(managers: TrafficManagers, pools: PoolSet) -> int:
    """How many addresses of a set may be answered now."""
    found = [managers.pools.get(identifier) for identifier in pools.pools]
    return sum(len(managers.available(pool)) for pool in found if pool is not None)


def is_enough(managers: TrafficManagers, pools: PoolSet) -> bool:
    """Whether a set has the addresses that it needs at least."""
    return available_count(managers, pools) >= max(pools.minimum, 1)


def effective_set(managers: TrafficManagers, strategy: Strategy) -> tuple[str, PoolSet]:
    """DEFAULT or FAILOVER, and its pools: by mode, or by which of them has enough available addresses.

    With neither having enough, the default set is in force.
    """
    if strategy.failover is None or strategy.access == "DEFAULT":
        return "DEFAULT", strategy.default
    if strategy.access == "FAILOVER":
        return "FAILOVER", strategy.failover
    if not is_enough(managers, strategy.default) and is_enough(managers, strategy.failover):
        return "FAILOVER", strategy.failover
    return "DEFAULT", strategy.default


class Routes:
    """Traffic managers by their public names; compiled again only after a change."""

    def __init__(self, managers: TrafficManagers) -> None:
        self._managers = managers
        self._generation = 0
        self._routes: dict[str, Route] = {}

    def find(self, name: str) -> Route | None:
        """The traffic manager of this name (lower case, no dot at the end)."""
        generation = self._managers.generation
        if generation != self._generation:
            compiled = [compile_route(self._managers, instance) for instance in self._managers.instances.list()]
            self._routes = {route.name: route for route in compiled}
            self._generation = generation
        return self._routes.get(name)
