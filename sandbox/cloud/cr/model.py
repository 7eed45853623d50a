"""Domain objects of the container registry service and where they are kept."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from sandbox.cloud.core.store import Repository, Store
from sandbox.cloud.cr.errors import invalid

Visibility = Literal["PUBLIC", "PRIVATE"]
NAMESPACE = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,118}[a-z0-9])?")
REPOSITORY = re.compile(r"[a-z0-9](?:[a-z0-9._/-]{0,62}[a-z0-9])?")
PERSONAL = ""
"""The instance of what belongs to Personal Edition."""


class Instance(BaseModel):
    """An Enterprise Edition instance."""

    model_config = ConfigDict(frozen=True)

    identifier: str
    region: str
    name: str
    edition: str
    """Basic, Standard, Advanced or Economy."""
    resource_group_id: str
    created: datetime.datetime


class Namespace(BaseModel):
    """A namespace of an instance, or of a region's Personal Edition."""

    model_config = ConfigDict(frozen=True)

    identifier: str
    region: str
    instance: str
    name: str
    auto_create: bool
    """Whether a push makes the repository."""
    visibility: Visibility
    """Of repositories that a push makes."""
    created: datetime.datetime

    @property
    def key(self) -> str:
        """Its identifier among all namespaces."""
        return f"{self.region}/{self.instance}/{self.name}"


class ImageRepository(BaseModel):
    """A repository of images."""

    model_config = ConfigDict(frozen=True)

    identifier: str
    region: str
    instance: str
    namespace: str
    name: str
    visibility: Visibility
    summary: str
    detail: str
    tag_immutability: bool
    created: datetime.datetime
    updated: datetime.datetime

    @property
    def key(self) -> str:
        """Its identifier among all repositories."""
        return f"{self.region}/{self.instance}/{self.namespace}/{self.name}"


@dataclass
class ImageRepositories:
    """All that the container registry service keeps, apart from the images."""

    store: Store

    def __post_init__(self) -> None:
        self.instances = Repository(self.store, "cr-instance", Instance)
        self.namespaces = Repository(self.store, "cr-namespace", Namespace)
        self.repositories = Repository(self.store, "cr-repository", ImageRepository)

    def namespaces_of(self, region: str, instance: str) -> list[Namespace]:
        """The namespaces of an instance, or of a region's Personal Edition."""
        return [one for one in self.namespaces.list(region) if one.instance == instance]

    def repositories_of(self, region: str, instance: str, namespace: str = "") -> list[ImageRepository]:
        """The repositories of an instance (or Personal Edition), of one namespace or all."""
        return [
            one
            for one in self.repositories.list(region)
            if one.instance == instance and namespace in ("", one.namespace)
        ]


def check_visibility(name: str, value: str) -> Visibility:
    """A visibility, in capitals or not. Raises CloudError."""
    match value.upper():
        case "PUBLIC":
            return "PUBLIC"
        case "PRIVATE":
            return "PRIVATE"
    raise invalid(name, value, "it must be PUBLIC or PRIVATE")


def check_name(parameter: str, name: str, pattern: re.Pattern[str]) -> str:
    """A name that a namespace or repository may have. Raises CloudError."""
    if pattern.fullmatch(name) is None:
        raise invalid(
            parameter, name, "it has lower-case letters, digits and separators, and none of those at its ends"
        )
    return name
