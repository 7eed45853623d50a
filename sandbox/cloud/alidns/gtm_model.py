"""Domain objects of Global Traffic Manager: instances, address pools, their monitors, and access strategies."""

from __future__ import annotations

import datetime
import threading
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict

from sandbox.cloud.core.store import Repository, Store

SYSTEM_ZONE = "gtm-a1b2.com"
"""The zone of names that the service assigns to instances."""

AccessMode = Literal["AUTO", "DEFAULT", "FAILOVER"]


class Document(BaseModel):
    """What all of them have."""

    model_config = ConfigDict(frozen=True)

    identifier: str
    created: datetime.datetime
    updated: datetime.datetime


class Instance(Document):
    """A traffic manager: a public name whose answers come from the pools that its access strategies choose."""

    edition: str
    tasks: int
    messages: int
    resource_group_id: str = ""
    name: str = ""
    ttl: int = 60
    strategy_mode: str = "GEO"
    cname_type: str = "PUBLIC"
    cname_mode: str = "SYSTEM_ASSIGN"
    rr: str = ""
    zone: str = ""
    user_domain: str = ""
    alert_group: str = "[]"
    alerts: tuple[dict[str, str], ...] = ()

    @property
    def public_rr(self) -> str:
        """The host record of its public name."""
        return self.rr if self.cname_mode == "CUSTOM" else self.identifier

    @property
    def public_zone(self) -> str:
        """The zone of its public name."""
        return self.zone if self.cname_mode == "CUSTOM" else SYSTEM_ZONE

    @property
    def public_name(self) -> str:
        """The name that users' names are aliases of."""
        return f"{self.public_rr}.{self.public_zone}".lower()


class Address(BaseModel):
    """An address of a pool. Mode: SMART follows the monitor, ONLINE is always answered, OFFLINE never."""

    model_config = ConfigDict(frozen=True)

    value: str
    mode: Literal["SMART", "ONLINE", "OFFLINE"]
    weight: int = 1
    attribute_info: str = "{}"
    remark: str = ""


class Monitor(BaseModel):
    """How a pool's addresses are probed. `extension` is the API's JSON: port, host, path, code, and more."""

    model_config = ConfigDict(frozen=True)

    identifier: str
    enabled: bool
    protocol: str
    interval: int
    evaluations: int
    timeout: int
    """Milliseconds."""
    extension: str
    nodes: tuple[dict[str, str], ...] = ()
    created: datetime.datetime
    updated: datetime.datetime


class Pool(Document):
    """Addresses of one type."""

    instance: str
    name: str
    kind: Literal["IPV4", "IPV6", "DOMAIN"]
    strategy: Literal["ALL_RR", "RATIO"]
    addresses: tuple[Address, ...]
    monitor: Monitor | None = None


class PoolSet(BaseModel):
    """One of a strategy's two sets of pools: by identifier, with weights."""

    model_config = ConfigDict(frozen=True)

    kind: str
    strategy: str
    pools: dict[str, int]
    minimum: int
    maximum: int
    """How many addresses an answer has at most; 0 for all."""
    latency: str


class Strategy(Document):
    """Which pools answer the users of some lines, and which when too few of those are available."""

    instance: str
    name: str
    mode: str
    lines: tuple[str, ...]
    access: AccessMode
    default: PoolSet
    failover: PoolSet | None = None


class Health(BaseModel):
    """What the monitor found of an address: whether it is up, and how many results in a row say otherwise."""

    model_config = ConfigDict(frozen=True)

    up: bool = True
    contrary: int = 0


@dataclass
class TrafficManagers:
    """All that Global Traffic Manager keeps. `generation` changes with every write."""

    store: Store
    generation: int = 1
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.instances = Repository(self.store, "gtm-instance", Instance)
        self.pools = Repository(self.store, "gtm-pool", Pool)
        self.strategies = Repository(self.store, "gtm-strategy", Strategy)
        self._health = Repository(self.store, "gtm-health", Health)

    def health(self, pool: str, address: str) -> Health:
        """What is known of an address; up until a monitor says otherwise."""
        return self._health.get(f"{pool}/{address}") or Health()

    def set_health(self, pool: str, address: str, health: Health) -> None:
        """Keep what a probe found."""
        self._health.put(f"{pool}/{address}", health)

    def forget_health(self, pool: str, addresses: list[str]) -> None:
        """Forget what probes found of addresses that are gone."""
        for address in addresses:
            self._health.delete(f"{pool}/{address}")

    def pools_of(self, instance: str) -> list[Pool]:
        """An instance's pools."""
        return [pool for pool in self.pools.list() if pool.instance == instance]

    def strategies_of(self, instance: str) -> list[Strategy]:
        """An instance's access strategies."""
        return [strategy for strategy in self.strategies.list() if strategy.instance == instance]

    def available(self, pool: Pool) -> list[Address]:
        """The addresses that may be answered now."""
        return [address for address in pool.addresses if self.is_available(pool, address)]

    def is_available(self, pool: Pool, address: Address) -> bool:
        """Whether an address may be answered: as its mode says, or as the monitor found."""
        if address.mode != "SMART":
            return address.mode == "ONLINE"
        if pool.monitor is None or not pool.monitor.enabled:
            return True
        return self.health(pool.identifier, address.value).up

    def changed(self) -> None:
        """Say that something was written."""
        with self._lock:
            self.generation += 1
