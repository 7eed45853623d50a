"""The engine's operations on resources, over a cluster's objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from pulumi.runtime.proto import provider_pb2

from sandbox.pulumi.kubernetes import outputs
from sandbox.pulumi.kubernetes.answers import InitializationError, masked
from sandbox.pulumi.kubernetes.cluster import Cluster
from sandbox.pulumi.kubernetes.differences import Change, changes, parse, replacing, show
from sandbox.pulumi.kubernetes.errors import ClusterUnreachableError, ProviderError
from sandbox.pulumi.kubernetes.immutable import force_new
from sandbox.pulumi.kubernetes.objects import (
    AUTONAMED,
    PATCH_FORCE,
    PROPAGATION,
    SKIP_AWAIT,
    TIMEOUT_SECONDS,
    Identity,
    annotation,
    complete,
    generated_name,
    identity,
    identity_of_id,
    is_true,
    kind_of_token,
    metadata,
    named,
)
from sandbox.pulumi.kubernetes.readiness.waiting import GoneError, NotReadyError, wait_deleted, wait_ready
from sandbox.pulumi.kubernetes.values import decode, encode, has_unknown, mark_secrets, reveal

OWNERS = frozenset({"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob"})
"""Kinds whose pods must be gone with them; others are deleted without that detour."""

_KINDS = provider_pb2.PropertyDiff
_DIFF_KINDS = {
    ("add", False): _KINDS.ADD,
    ("add", True): _KINDS.ADD_REPLACE,
    ("delete", False): _KINDS.DELETE,
    ("delete", True): _KINDS.DELETE_REPLACE,
    ("update", False): _KINDS.UPDATE,
    ("update", True): _KINDS.UPDATE_REPLACE,
}


class Log(Protocol):
    """What the operations say to the engine's user."""

    def status(self, message: str, urn: str = "") -> None: ...

    def warning(self, message: str, urn: str = "") -> None: ...


class Resources:
    """Each method takes the engine's request and returns the engine's response. Errors are ProviderErrors."""

    def __init__(self, cluster: Cluster, log: Log) -> None:
        self._cluster = cluster
        self._log = log

    def check(self, request: Any) -> Any:
        """The inputs with names, namespace and kind filled in."""
        token = _token(request)
        api_version, kind = kind_of_token(token)
        given, old = decode(request.news), decode(request.olds)
        namespaced = self._cluster.discovery.is_namespaced(str(given.get("apiVersion") or api_version), kind)
        default = self._cluster.behaviour.namespace if namespaced else None
        inputs = complete(given, old, token, _name(request), request.randomSeed, default, _proposed(request))
        failures = []
        if not namespaced and metadata(inputs).get("namespace"):
            reason = f"a {kind} belongs to the whole cluster and has no namespace; remove it"
            failures.append(provider_pb2.CheckFailure(property="metadata.namespace", reason=reason))
        if _proposed(request) == "" and not metadata(inputs).get("name"):
            reason = "auto-naming is disabled (pulumi:autonaming); give the object a name"
            failures.append(provider_pb2.CheckFailure(property="metadata.name", reason=reason))
        return provider_pb2.CheckResponse(inputs=encode(inputs), failures=failures)

    def diff(self, request: Any) -> Any:
        """What changed in the inputs, and whether it can be changed in place."""
        old = decode(request.old_inputs if request.HasField("old_inputs") else request.olds)
        new = decode(request.news)
        found = list(changes(old, new))
        kinds = provider_pb2.DiffResponse
        if not found:
            return kinds(changes=kinds.DIFF_NONE, hasDetailedDiff=True)
        which = self._named(request.id, _token(request), new)
        patterns = force_new(which.api_version, which.kind, reveal(new), self._cluster.behaviour.mutability)
        replaced = replacing(found, patterns) or self._refused(which, new, found, request)
        detailed = {
            str(change): provider_pb2.PropertyDiff(kind=_DIFF_KINDS[change.kind, change in replaced], inputDiff=True)
            for change in found
        }
        return kinds(
            changes=kinds.DIFF_SOME,
            diffs=sorted({str(change.path[0]) for change in found}),
            replaces=[str(change) for change in replaced],
            detailedDiff=detailed,
            hasDetailedDiff=True,
            deleteBeforeReplace=bool(replaced) and _keeps_name(old, new),
        )

    def _refused(self, which: Identity, new: Mapping[str, Any], found: list[Change], request: Any) -> list[Change]:
        """The changes that the API server would refuse because their fields can only be set at creation."""
        if has_unknown(new):
            return []
        ignored = [parse(text) for text in request.ignoreChanges]
        try:
            error = self._cluster.refusal(which, named(reveal(new), which.name), ignored)
        except ClusterUnreachableError as unreachable:
            self._log.warning(f"{which} was compared without the cluster: {unreachable}", request.urn)
            return []
        # Any other refusal is shown by the preview of the update, which follows.
        if error is None or not error.is_immutable:
            return []
        fields = [str(cause.get("field")) for cause in error.causes]
        return [row for row in found if any(_overlap(show(row.path), field) for field in fields)] or found

    def create(self, request: Any) -> Any:
        """Make the object, or plan it in a preview."""
        inputs, token = decode(request.properties), _token(request)
        plain = reveal(inputs)
        if metadata(plain).get("generateName") and not metadata(plain).get("name"):
            plain = named(plain, generated_name(plain))
        which = identity(plain, token)
        force = self._force(inputs)
        if request.preview:
            planned = None
            if not has_unknown(inputs):
                planned = self._cluster.try_create(which, plain, token, force=force)
                self._warn(which, request)
            return provider_pb2.CreateResponse(id="", properties=encode(outputs.preview_of_creation(planned, inputs)))
        live = self._cluster.create(which, plain, token, force=force)
        self._warn(which, request)
        made = identity(live, token)
        live = self._ready(made, live, inputs, request)
        return provider_pb2.CreateResponse(id=made.id, properties=encode(outputs.outputs(live, inputs)))

    def update(self, request: Any) -> Any:
        """Change the object, or plan that in a preview."""
        inputs, old = decode(request.news), decode(request.olds)
        which = self._named(request.id, _token(request), inputs)
        plain = named(reveal(inputs), which.name)
        ignored = [parse(text) for text in request.ignoreChanges]
        force = self._force(inputs)
        if request.preview and has_unknown(inputs):
            return provider_pb2.UpdateResponse(properties=encode(outputs.preview_of_update(None, inputs, old)))
        try:
            if request.preview:
                planned = self._cluster.update(which, plain, ignored, force=force, dry_run=True)
                self._warn(which, request)
                return provider_pb2.UpdateResponse(properties=encode(outputs.preview_of_update(planned, inputs, old)))
            live = self._cluster.update(which, plain, ignored, force=force, dry_run=False)
            self._warn(which, request)
        except ClusterUnreachableError as error:
            if not self._cluster.behaviour.skip_update_unreachable:
                raise
            self._log.warning(f"{which} was not updated (skipUpdateUnreachable): {error}", request.urn)
            return provider_pb2.UpdateResponse(properties=request.olds)
        live = self._ready(which, live, inputs, request)
        return provider_pb2.UpdateResponse(properties=encode(outputs.outputs(live, inputs)))

    def read(self, request: Any) -> Any:
        """The live object: its outputs, and its inputs with what differs from what was declared."""
        inputs, old = decode(request.inputs), decode(request.properties)
        which = self._named(request.id, _token(request), inputs or old)
        try:
            live = self._cluster.read(which)
        except ClusterUnreachableError as error:
            if not self._cluster.behaviour.delete_unreachable:
                raise
            self._log.warning(f"{which} is taken out of the state (deleteUnreachable): {error}", request.urn)
            return provider_pb2.ReadResponse()
        if live is None:
            return provider_pb2.ReadResponse()
        fresh = outputs.refreshed_inputs(live, old, inputs) if metadata(inputs) else outputs.imported_inputs(live)
        properties = mark_secrets(outputs.outputs(live, fresh), old)
        return provider_pb2.ReadResponse(id=which.id, properties=encode(properties), inputs=encode(fresh))

    def delete(self, request: Any) -> None:
        """Delete the object and wait until it is gone; one that is gone already is fine."""
        inputs = decode(request.old_inputs) or decode(request.properties)
        which = self._named(request.id, _token(request), inputs)
        default = "Foreground" if which.kind in OWNERS else "Background"
        try:
            if not self._cluster.delete(which, (annotation(inputs, PROPAGATION) or default).capitalize()):
                return
            if not is_true(inputs, SKIP_AWAIT):
                wait_deleted(self._cluster, which, _timeout(request, inputs), self._say(request))
        except ClusterUnreachableError as error:
            if not self._cluster.behaviour.delete_unreachable:
                raise
            self._log.warning(f"{which} is taken out of the state (deleteUnreachable): {error}", request.urn)

    def _ready(self, which: Identity, live: Mapping[str, Any], inputs: Mapping[str, Any], request: Any) -> Any:
        if is_true(inputs, SKIP_AWAIT):
            return live
        try:
            return wait_ready(self._cluster, which, live, _timeout(request, inputs), self._say(request))
        except GoneError:
            raise
        except NotReadyError as error:
            raise InitializationError(which.id, outputs.outputs(error.live, inputs), str(error)) from error
        except ProviderError as error:
            raise InitializationError(which.id, outputs.outputs(live, inputs), str(error)) from error

    def _named(self, resource_id: str, token: str, properties: Mapping[str, Any]) -> Identity:
        api_version, kind = kind_of_token(token)
        api_version = str(properties.get("apiVersion") or api_version)
        namespaced = self._cluster.discovery.is_namespaced(api_version, kind)
        found = identity_of_id(resource_id, token, self._cluster.behaviour.namespace if namespaced else None)
        return Identity(api_version, kind, found.namespace, found.name)

    def _force(self, inputs: Mapping[str, Any]) -> bool:
        if annotation(inputs, PATCH_FORCE) is not None:
            return is_true(inputs, PATCH_FORCE)
        return self._cluster.behaviour.patch_force

    def _warn(self, which: Identity, request: Any) -> None:
        for text in self._cluster.client.last_warnings():
            if not (self._cluster.behaviour.suppress_deprecation_warnings and "deprecated" in text):
                self._log.warning(f"{which}: {masked(text, request)}", request.urn)

    def _say(self, request: Any) -> Callable[[str], None]:
        return lambda message: self._log.status(message, request.urn)


def _token(request: Any) -> str:
    """The resource's own type; a URN also names the types of its parents, before a `$`."""
    return str(request.type or request.urn.split("::")[2].rpartition("$")[2])


def _name(request: Any) -> str:
    return str(request.name or request.urn.rpartition("::")[2])


def _proposed(request: Any) -> str | None:
    """The name that the user's auto-naming settings propose; empty when they forbid one, None without settings."""
    if not request.HasField("autonaming"):
        return None
    options = request.autonaming
    return "" if options.mode == options.DISABLE else str(options.proposed_name) or None


def _timeout(request: Any, inputs: Mapping[str, Any]) -> float | None:
    if request.timeout > 0:
        return float(request.timeout)
    given = annotation(inputs, TIMEOUT_SECONDS)
    if given is None:
        return None
    try:
        return max(float(given), 1.0)
    except ValueError as error:
        raise ProviderError(f"annotation {TIMEOUT_SECONDS} = {given!r} is not a number of seconds") from error


def _keeps_name(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether the replacement has the name of what it replaces, so that this one must go first."""
    if is_true(new, AUTONAMED) or metadata(new).get("generateName"):
        return False
    before, after = metadata(old), metadata(new)
    return all(reveal(before.get(key)) == reveal(after.get(key)) for key in ("name", "namespace"))


def _overlap(path: str, field: str) -> bool:
    return path == field or path.startswith((f"{field}.", f"{field}[")) or field.startswith((f"{path}.", f"{path}["))
