"""Domain objects of the DNS service and where they are kept."""

from __future__ import annotations

import datetime
import threading
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from sandbox.cloud.core.store import Repository, Store
from sandbox.cloud.core.tags import Tags

NAME_SERVERS = ("ns1.alidns.com", "ns2.alidns.com")
DEFAULT_LINE = "default"


class Domain(BaseModel):
    """A zone."""

    model_config = ConfigDict(frozen=True)

    name: str
    identifier: str
    created: datetime.datetime
    group_id: str = ""
    remark: str = ""
    resource_group_id: str = ""


class Record(BaseModel):
    """A resource record of a zone, for users of one line (part of the network)."""

    model_config = ConfigDict(frozen=True)

    identifier: str
    domain: str
    rr: str
    kind: str
    value: str
    ttl: int
    line: str
    priority: int
    enabled: bool = True
    weight: int = 1
    """How often it is answered beside its like, where weights are on."""
    remark: str = ""
    created: datetime.datetime
    updated: datetime.datetime

    @property
    def name(self) -> str:
        """The full name, without the dot at the end."""
        return self.domain if self.rr == "@" else f"{self.rr}.{self.domain}"


class WeightedSet(BaseModel):
    """The records of one name, type and line, of which one is answered by weight."""

    model_config = ConfigDict(frozen=True)

    name: str
    kind: str
    line: str

    @property
    def key(self) -> str:
        """What it is kept under."""
        return f"{self.name}/{self.kind}/{self.line}"


class Product(BaseModel):
    """An instance of the DNS service as bought: its edition is that of the zone it is bound to."""

    model_config = ConfigDict(frozen=True)

    identifier: str
    version: str
    security: str
    domains: str
    created: datetime.datetime
    domain: str = ""


@dataclass
class Zones:
    """All that the DNS service keeps. `generation` changes with every write, so that answers can be compiled once."""

    store: Store
    generation: int = 1
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.domains = Repository(self.store, "dns-domain", Domain)
        self.records = Repository(self.store, "dns-record", Record)
        self.products = Repository(self.store, "dns-product", Product)
        self.weighted = Repository(self.store, "dns-weights", WeightedSet)
        self.tags = Tags(self.store, "alidns")

    def records_of(self, domain: str) -> list[Record]:
        """The records of a zone."""
        return self.records.list(domain=domain)

    def has_weights(self, name: str, kind: str, line: str) -> bool:
        """Whether weights are on for these records."""
        return self.weighted.get(WeightedSet(name=name, kind=kind, line=line).key) is not None

    def changed(self) -> None:
        """Say that something was written."""
        with self._lock:
            self.generation += 1
