"""What both editions do with namespaces, repositories and their images; and what the image registry asks of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.cloud.core.accounts import Principal, random_text
from sandbox.cloud.core.authorization import Authorizer
from sandbox.cloud.core.context import Context
from sandbox.cloud.core.errors import AccessDenied
from sandbox.cloud.core.regions import IDENTIFIER_ALPHABET
from sandbox.cloud.cr.errors import (
    namespace_exists,
    namespace_in_use,
    namespace_not_found,
    repository_exists,
    repository_not_found,
)
from sandbox.cloud.cr.model import (
    NAMESPACE,
    PERSONAL,
    REPOSITORY,
    ImageRepositories,
    ImageRepository,
    Instance,
    Namespace,
    Visibility,
    check_name,
)
from sandbox.cloud.registry.addressing import Registry
from sandbox.cloud.registry.blobs import Blobs
from sandbox.cloud.registry.catalogue import Catalogue

ACTIONS = {"pull": "PullRepository", "push": "PushRepository", "delete": "DeleteRepoTag"}
"""What policies call what a client may do."""


@dataclass
class Images:
    """Namespaces and repositories with their images."""

    context: Context
    found: ImageRepositories
    catalogue: Catalogue
    blobs: Blobs | None
    authorizer: Authorizer

    def create_namespace(
        self, region: str, instance: str, name: str, *, auto_create: bool, visibility: Visibility
    ) -> Namespace:
        """Make a namespace, unless its name is taken."""
        namespace = Namespace(
            identifier="crn-" + random_text(16, IDENTIFIER_ALPHABET),
            region=region,
            instance=instance,
            name=check_name("Namespace", name, NAMESPACE),
            auto_create=auto_create,
            visibility=visibility,
            created=self.context.clock.now(),
        )
        with self.context.store.transaction():
            if self.found.namespaces.get(namespace.key) is not None:
                raise namespace_exists(name)
            return self.found.namespaces.put(namespace.key, namespace, region)

    def namespace(self, region: str, instance: str, name: str) -> Namespace:
        """A namespace. Raises CloudError when there is none."""
        namespace = self.found.namespaces.get(f"{region}/{instance}/{name}")
        if namespace is None:
            raise namespace_not_found(name)
        return namespace

    def update_namespace(self, namespace: Namespace, **changes: Any) -> None:
        """Change a namespace."""
        self.found.namespaces.put(namespace.key, namespace.model_copy(update=changes), namespace.region)

    def delete_namespace(self, namespace: Namespace) -> None:
        """Delete a namespace without repositories."""
        with self.context.store.transaction():
            left = self.found.repositories_of(namespace.region, namespace.instance, namespace.name)
            if left:
                raise namespace_in_use(namespace.name, len(left))
            self.found.namespaces.delete(namespace.key)

    def create_repository(
        self,
        namespace: Namespace,
        name: str,
        *,
        visibility: Visibility,
        summary: str = "",
        detail: str = "",
        tag_immutability: bool = False,
    ) -> ImageRepository:
        """Make a repository, unless its name is taken."""
        now = self.context.clock.now()
        repository = ImageRepository(
            identifier="crr-" + random_text(16, IDENTIFIER_ALPHABET),
            region=namespace.region,
            instance=namespace.instance,
            namespace=namespace.name,
            name=check_name("RepoName", name, REPOSITORY),
            visibility=visibility,
            summary=summary,
            detail=detail,
            tag_immutability=tag_immutability,
            created=now,
            updated=now,
        )
        with self.context.store.transaction():
            if self.found.repositories.get(repository.key) is not None:
                raise repository_exists(f"{namespace.name}/{name}")
            return self.found.repositories.put(repository.key, repository, repository.region)

    def repository(self, region: str, instance: str, namespace: str, name: str) -> ImageRepository:
        """A repository. Raises CloudError when there is none."""
        repository = self.found.repositories.get(f"{region}/{instance}/{namespace}/{name}")
        if repository is None:
            raise repository_not_found(f"{namespace}/{name}")
        return repository

    def update_repository(self, repository: ImageRepository, **changes: Any) -> ImageRepository:
        """Change a repository."""
        changed = repository.model_copy(update={**changes, "updated": self.context.clock.now()})
        return self.found.repositories.put(repository.key, changed, repository.region)

    def delete_repository(self, repository: ImageRepository) -> None:
        """Delete a repository with its images."""
        with self.context.store.transaction():
            unused = self.catalogue.delete_repository(repository.key)
            self.found.repositories.delete(repository.key)
        for digest in unused if self.blobs is not None else ():
            self.blobs.remove(digest)  # type: ignore[union-attr]

    def delete_instance(self, instance: Instance) -> None:
        """Delete an instance with all that is in it."""
        for repository in self.found.repositories_of(instance.region, instance.identifier):
            self.delete_repository(repository)
        with self.context.store.transaction():
            for namespace in self.found.namespaces_of(instance.region, instance.identifier):
                self.found.namespaces.delete(namespace.key)
            self.found.instances.delete(instance.identifier)

    def hosts_of(self, registry: Registry) -> tuple[str, ...]:
        """The host names of a registry, the one inside the cloud first."""
        region = registry.region
        if not registry.instance:
            return tuple(f"registry{kind}.{region}.aliyuncs.com" for kind in ("-vpc", "", "-internal"))
        return tuple(f"{registry.instance}-registry{kind}.{region}.cr.aliyuncs.com" for kind in ("-vpc", ""))

    def key_of(self, registry: Registry, name: str) -> str | None:
        """The key of a repository; None when there is none."""
        repository = self._of(registry, name)
        return repository.key if repository is not None else None

    def is_public(self, registry: Registry, name: str) -> bool:
        """Whether anybody may pull from a repository, if there is one."""
        repository = self._of(registry, name)
        return repository is not None and repository.visibility == "PUBLIC"

    def keeps_tags(self, registry: Registry, name: str) -> bool:
        """Whether a tag, once pushed, must not be pushed again."""
        repository = self._of(registry, name)
        return repository is not None and repository.tag_immutability

    def create_for_push(self, registry: Registry, name: str) -> str | None:
        """The key of a repository that is pushed to, made when its namespace says so."""
        key = self.key_of(registry, name)
        instance = self._instance(registry)
        if key is not None or instance is None:
            return key
        parent, _, own = name.partition("/")
        namespace = self.found.namespaces.get(f"{registry.region}/{instance}/{parent}")
        if namespace is None or not namespace.auto_create:
            return None
        return self.create_repository(namespace, own, visibility=namespace.visibility).key

    def may(self, principal: Principal, registry: Registry, name: str, action: str) -> bool:
        """Whether policies let somebody pull, push or delete."""
        instance = self._instance(registry)
        if instance is None:
            return False
        place = f"{instance}/{name}" if instance else name
        resource = f"acs:cr:{registry.region}:{principal.account_id}:repository/{place}"
        try:
            self.authorizer.authorize(principal, f"cr:{ACTIONS[action]}", resource)
        except AccessDenied:
            return False
        return True

    def registry_of(self, region: str, instance: Instance | None) -> Registry:
        """The registry of an instance, or of a region's Personal Edition."""
        return Registry(region, instance.name if instance is not None else "")

    def _instance(self, registry: Registry) -> str | None:
        """The identifier of a registry's instance (empty for Personal Edition); None when there is none."""
        if not registry.instance:
            return PERSONAL
        for instance in self.found.instances.list(registry.region):
            if instance.name == registry.instance:
                return instance.identifier
        return None

    def _of(self, registry: Registry, name: str) -> ImageRepository | None:
        instance = self._instance(registry)
        return None if instance is None else self.found.repositories.get(f"{registry.region}/{instance}/{name}")
