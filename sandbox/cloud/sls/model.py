"""Domain objects of the log service and where they are kept."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from sandbox.cloud.core.store import Repository, Store
from sandbox.cloud.core.tags import Tags

KEY_SPACE = 2**128
"""Hash keys are MD5 sums; each shard takes a range of them."""

DocumentKind = Literal["dashboard", "job"]


class Project(BaseModel):
    """A project: the unit of endpoints and permissions."""

    model_config = ConfigDict(frozen=True)

    name: str
    region: str
    description: str
    resource_group_id: str
    created: datetime.datetime
    updated: datetime.datetime
    policy: str = ""


class Shard(BaseModel):
    """A range of hash keys, [begin, end), in hexadecimal."""

    model_config = ConfigDict(frozen=True)

    identifier: int
    begin: str
    end: str
    created: datetime.datetime
    read_only: bool = False

    def takes(self, key: str) -> bool:
        """Whether logs of this hash key are written here."""
        return not self.read_only and self.begin <= key < self.end


class LogStore(BaseModel):
    """A log store. `settings` are fields of its request that are shown back as they came."""

    model_config = ConfigDict(frozen=True)

    project: str
    name: str
    created: datetime.datetime
    updated: datetime.datetime
    ttl: int
    """Days that logs are kept, by the cloud's clock; 3650 means for ever."""
    shards: list[Shard]
    settings: dict[str, Any]
    index: dict[str, Any] | None = None
    index_updated: datetime.datetime | None = None
    metering_mode: str = "ChargeByFunction"

    @property
    def key(self) -> str:
        """Its identifier among all stores."""
        return f"{self.project}/{self.name}"


class Document(BaseModel):
    """A dashboard or a job (an alert): noted and shown back as it came."""

    model_config = ConfigDict(frozen=True)

    project: str
    kind: DocumentKind
    name: str
    content: dict[str, Any]
    enabled: bool = True
    created: datetime.datetime
    updated: datetime.datetime


@dataclass
class LogStores:
    """All that the log service keeps, apart from the logs themselves."""

    store: Store

    def __post_init__(self) -> None:
        self.projects = Repository(self.store, "log-project", Project)
        self.stores = Repository(self.store, "log-store", LogStore)
        self.documents = Repository(self.store, "log-document", Document)
        self.tags = Tags(self.store, "sls")

    def stores_of(self, project: str) -> list[LogStore]:
        """A project's log stores, oldest first."""
        return [found for found in self.stores.list() if found.project == project]

    def documents_of(self, project: str, kind: DocumentKind) -> list[Document]:
        """A project's dashboards or jobs."""
        return [found for found in self.documents.list() if (found.project, found.kind) == (project, kind)]


def first_shards(count: int, now: datetime.datetime) -> list[Shard]:
    """The shards of a new store, which share the key space evenly."""
    bounds = [KEY_SPACE * number // count for number in range(count)] + [KEY_SPACE - 1]
    return [
        Shard(identifier=number, begin=f"{bounds[number]:032x}", end=f"{bounds[number + 1]:032x}", created=now)
        for number in range(count)
    ]
