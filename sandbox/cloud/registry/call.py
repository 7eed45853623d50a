"""One verified request to the registry, and the parts that carry it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from sandbox.cloud.core.accounts import Principal
from sandbox.cloud.registry.addressing import Registry
from sandbox.cloud.registry.archives import BuiltImages
from sandbox.cloud.registry.blobs import Blobs
from sandbox.cloud.registry.catalogue import Catalogue
from sandbox.cloud.registry.errors import RegistryError
from sandbox.cloud.registry.tokens import Scope

VERSION_HEADER = {"Docker-Distribution-Api-Version": "registry/2.0"}


class Repositories(Protocol):
    """What the container registry service knows of its repositories."""

    def hosts_of(self, registry: Registry) -> tuple[str, ...]:
        """The host names of a registry."""

    def key_of(self, registry: Registry, name: str) -> str | None:
        """The key of a repository; None when there is none."""

    def is_public(self, registry: Registry, name: str) -> bool:
        """Whether anybody may pull from a repository, if there is one."""

    def create_for_push(self, registry: Registry, name: str) -> str | None:
        """The key of a repository that is pushed to, made when its namespace says so; None when it must not be."""

    def may(self, principal: Principal, registry: Registry, name: str, action: str) -> bool:
        """Whether policies let somebody pull, push or delete."""

    def keeps_tags(self, registry: Registry, name: str) -> bool:
        """Whether a tag, once pushed, must not be pushed again."""


@dataclass(frozen=True)
class Backend:
    """What the registry works with."""

    repositories: Repositories
    catalogue: Catalogue
    blobs: Blobs
    built: BuiltImages


@dataclass(frozen=True)
class Call:
    """A request whose right to do what it does has been checked. `rest` is what follows the kind in the path."""

    backend: Backend
    request: web.Request
    registry: Registry
    name: str
    rest: str
    granted: tuple[Scope, ...] = ()

    def allows(self, name: str, action: str) -> bool:
        """Whether the request's token allows something in another repository."""
        return any(scope.name == name and action in scope.actions for scope in self.granted) or (
            action == "pull" and self.backend.repositories.is_public(self.registry, name)
        )

    @property
    def hosts(self) -> tuple[str, ...]:
        """The registry's host names."""
        return self.backend.repositories.hosts_of(self.registry)

    @property
    def key(self) -> str:
        """The repository's key; empty when the account has none (the sandbox may have built images of its name)."""
        return self.backend.repositories.key_of(self.registry, self.name) or ""

    def key_for_push(self) -> str:
        """The repository's key, which is made where its namespace lets a push make it. Raises RegistryError."""
        key = self.backend.repositories.create_for_push(self.registry, self.name)
        if key is None:
            raise no_repository(self.name, self.hosts[0])
        return key

    def location(self, path: str) -> str:
        """A path of this repository, for a Location header."""
        mirrored = self.request.query.get("ns")
        return f"/v2/{self.name}/{path}" + (f"?ns={mirrored}" if mirrored else "")


def no_repository(name: str, host: str) -> RegistryError:
    """A push has no repository to go to, and must not make one."""
    return RegistryError(
        "DENIED",
        f"there is no repository {name} in {host}, and its namespace does not exist or does not make repositories by a "
        "push; create it (alicloud_cr_repo) or set the namespace's auto_create",
    )
