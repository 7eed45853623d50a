"""Objects in a cluster: create, update, read and delete by server-side apply, with errors a person can act on."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.pulumi.kubernetes.client import FIELD_MANAGER, Client
from sandbox.pulumi.kubernetes.discovery import Discovery, Kind
from sandbox.pulumi.kubernetes.errors import ApiError, ProviderError, explain
from sandbox.pulumi.kubernetes.immutable import Mutability, Path
from sandbox.pulumi.kubernetes.objects import Identity, to_wire

NEW_KIND_TIMEOUT_SECONDS = 20.0
"""A CustomResourceDefinition made moments ago is served after its API group was published."""
TERMINATING_TIMEOUT_SECONDS = 120.0
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Behaviour:
    """What the provider's inputs say beside which cluster it is."""

    namespace: str = "default"
    patch_force: bool = False
    upsert: bool = False
    delete_unreachable: bool = False
    skip_update_unreachable: bool = False
    suppress_deprecation_warnings: bool = False
    mutability: Mutability = field(default_factory=Mutability)


class KindMissingError(ProviderError):
    """The cluster serves no such kind (yet)."""


class Cluster:
    """One cluster, safe to use from many threads."""

    def __init__(self, client: Client, behaviour: Behaviour) -> None:
        self.client = client
        self.behaviour = behaviour
        self.discovery = Discovery(client)
        self.cancelled = threading.Event()

    def kind(self, identity: Identity) -> Kind:
        """The kind as served. Raises KindMissingError."""
        found = self.discovery.kind(identity.api_version, identity.kind)
        if found is None:
            raise KindMissingError(
                f"this cluster serves no {identity.kind} in {identity.api_version}; correct apiVersion and kind, or "
                f"let the resource depend on its CustomResourceDefinition"
            )
        return found

    def path(self, identity: Identity) -> str:
        """The object's path. Raises KindMissingError."""
        return self.kind(identity).path(identity.namespace, identity.name)

    def read(self, identity: Identity) -> dict[str, Any] | None:
        """The live object, None when there is none (or not even its kind)."""
        try:
            return self.client.find(self.path(identity))
        except KindMissingError:
            return None
        except ApiError as error:
            raise explain(error, str(identity)) from error

    def create(self, identity: Identity, inputs: Mapping[str, Any], token: str, *, force: bool) -> dict[str, Any]:
        """Make a new object. Raises ProviderError when it exists already, with how to import it."""
        kind = self._new_kind(identity)
        body = to_wire(inputs, identity.kind)
        path = kind.path(identity.namespace, identity.name)
        try:
            existing = self._after_deletion(path)
            if existing is not None and not (force or self.behaviour.upsert):
                raise _exists(existing, identity, token)
            return self.client.apply(path, body, force=force, dry_run=False)
        except ApiError as error:
            raise explain(error, str(identity)) from error

    def try_create(
        self, identity: Identity, inputs: Mapping[str, Any], token: str, *, force: bool
    ) -> dict[str, Any] | None:
        """What creation would make; None when that cannot be told before (kind or namespace not there yet).

        Raises ProviderError for what the API server would refuse.
        """
        try:
            path = self.path(identity)
            body = to_wire(inputs, identity.kind)
            existing = self.client.find(path)
            if existing is not None and not (force or self.behaviour.upsert):
                if FIELD_MANAGER in managers(existing):
                    # Its own predecessor, which is deleted before this one is made.
                    return None
                raise _exists(existing, identity, token)
            return self.client.apply(path, body, force=force, dry_run=True)
        except KindMissingError:
            return None
        except ApiError as error:
            if error.status == 404 or "is being terminated" in error.message:
                return None
            raise explain(error, str(identity)) from error

    def update(
        self,
        identity: Identity,
        inputs: Mapping[str, Any],
        ignored: Sequence[Path],
        *,
        force: bool,
        dry_run: bool,
    ) -> dict[str, Any]:
        """Bring an object to the inputs, or only plan it. Raises ProviderError.

        Ignored fields keep the value that they have in the cluster: to apply the old one would take them away from
        whoever set them (an autoscaler), to leave them out would reset them.
        """
        try:
            return self._apply(identity, inputs, ignored, force=force, dry_run=dry_run)
        except ApiError as error:
            raise explain(error, str(identity)) from error

    def refusal(self, identity: Identity, inputs: Mapping[str, Any], ignored: Sequence[Path]) -> ApiError | None:
        """Why the API server would refuse an update, other managers aside; None when it would not."""
        try:
            self._apply(identity, inputs, ignored, force=True, dry_run=True)
        except ApiError as error:
            return error
        except KindMissingError:
            return None
        return None

    def _apply(
        self, identity: Identity, inputs: Mapping[str, Any], ignored: Sequence[Path], *, force: bool, dry_run: bool
    ) -> dict[str, Any]:
        path = self.path(identity)
        body = to_wire(inputs, identity.kind)
        if ignored:
            body = keep_ignored(body, self.client.find(path) or {}, ignored)
        return self.client.apply(path, body, force=force, dry_run=dry_run)

    def delete(self, identity: Identity, propagation: str) -> bool:
        """Ask for deletion; False when there is nothing to delete."""
        try:
            self.client.delete(self.path(identity), propagation)
        except KindMissingError:
            return False
        except ApiError as error:
            if error.status == 404:
                return False
            raise explain(error, f"deletion of {identity}") from error
        return True

    def _new_kind(self, identity: Identity) -> Kind:
        deadline = time.monotonic() + NEW_KIND_TIMEOUT_SECONDS
        while True:
            try:
                return self.kind(identity)
            except KindMissingError:
                if time.monotonic() > deadline or self.cancelled.wait(POLL_SECONDS):
                    raise

    def _after_deletion(self, path: str) -> dict[str, Any] | None:
        """The object at the path, once a deletion that is under way has ended."""
        deadline = time.monotonic() + TERMINATING_TIMEOUT_SECONDS
        while True:
            existing = self.client.find(path)
            if existing is None or "deletionTimestamp" not in existing["metadata"] or time.monotonic() > deadline:
                return existing
            if self.cancelled.wait(POLL_SECONDS):
                return existing


def managers(live: Mapping[str, Any]) -> list[str]:
    """Who manages fields of the object."""
    rows = live.get("metadata", {}).get("managedFields") or []
    return sorted({str(row.get("manager")) for row in rows if row.get("subresource") != "status"})


def keep_ignored(body: Mapping[str, Any], live: Mapping[str, Any], ignored: Sequence[Path]) -> dict[str, Any]:
    """The body with the live values at the ignored paths."""
    result = copy.deepcopy(dict(body))
    for path in ignored:
        found, value = _at(live, path)
        holder_found, holder = _at(result, path[:-1])
        if not holder_found or not isinstance(holder, dict) or not isinstance(path[-1], str):
            continue
        if found:
            holder[path[-1]] = value
        else:
            holder.pop(path[-1], None)
    return result


def _at(value: Any, path: Path) -> tuple[bool, Any]:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return False, None
    return True, value


def _exists(existing: Mapping[str, Any], identity: Identity, token: str) -> ProviderError:
    made_by = ", ".join(managers(existing)) or "someone"
    return ProviderError(
        f"{identity} exists already (managed by {made_by}) and is not in this stack's state; "
        f"import it: `pulumi import {token} NAME {identity.id} --generate-code=false`; or give this one another name"
    )
