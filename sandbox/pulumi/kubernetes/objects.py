"""Kubernetes objects: which one a resource means, how it is named, and its form on the wire."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.pulumi.kubernetes.errors import ProviderError
from sandbox.pulumi.kubernetes.values import UNKNOWN, Secret

AUTONAMED = "pulumi.com/autonamed"
SKIP_AWAIT = "pulumi.com/skipAwait"
TIMEOUT_SECONDS = "pulumi.com/timeoutSeconds"
PATCH_FORCE = "pulumi.com/patchForce"
PROPAGATION = "pulumi.com/deletionPropagationPolicy"
MAXIMUM_NAME_LENGTH = 63
SUFFIX_LENGTH = 8
GENERATED_LENGTH = 5
UNSUPPORTED = ("helm.sh", "yaml", "kustomize")
"""Groups of tokens that the official provider implements beside Kubernetes' own kinds."""


@dataclass(frozen=True)
class Identity:
    """Names one object in a cluster."""

    api_version: str
    kind: str
    namespace: str | None
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def id(self) -> str:
        """The resource's ID in the state, as the official provider forms it."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


def kind_of_token(token: str) -> tuple[str, str]:
    """API version and kind of a resource's type, `kubernetes:apps/v1:Deployment`. Raises ProviderError."""
    package, _, rest = token.partition(":")
    module, _, kind = rest.rpartition(":")
    if package != "kubernetes" or not module or not kind:
        raise ProviderError(f"{token!r} is not the type of a Kubernetes resource")
    group, _, version = module.partition("/")
    if group in UNSUPPORTED:
        raise ProviderError(
            f"{token} needs the official Kubernetes plugin, which this one stands in for; declare the objects as "
            f"resources of their own kinds"
        )
    if kind.endswith("Patch") and kind != "Patch":
        raise ProviderError(
            f"{token}: patches of objects of others are not supported here; declare the whole object, or import it"
        )
    if kind.endswith("List"):
        raise ProviderError(f"{token}: lists are not supported here; declare each object as a resource")
    return (version if group == "core" else module), kind


def metadata(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The object's metadata; empty when it is missing or unknown."""
    value = properties.get("metadata")
    if isinstance(value, Secret):
        value = value.value
    return value if isinstance(value, dict) else {}


def annotation(properties: Mapping[str, Any], name: str) -> str | None:
    """An annotation's text, None without it."""
    annotations = metadata(properties).get("annotations")
    if isinstance(annotations, Secret):
        annotations = annotations.value
    value = annotations.get(name) if isinstance(annotations, dict) else None
    return None if value is None or value is UNKNOWN or isinstance(value, Secret) else str(value)


def is_true(properties: Mapping[str, Any], name: str) -> bool:
    """Whether an annotation says "true"."""
    return (annotation(properties, name) or "").lower() == "true"


def identity(properties: Mapping[str, Any], token: str) -> Identity:
    """The object that the inputs (or outputs) describe; its name may be empty when it is not known yet."""
    api_version, kind = kind_of_token(token)
    given = metadata(properties)
    namespace, name = given.get("namespace"), given.get("name")
    return Identity(
        str(properties.get("apiVersion") or api_version),
        str(properties.get("kind") or kind),
        namespace if isinstance(namespace, str) and namespace else None,
        name if isinstance(name, str) else "",
    )


def identity_of_id(resource_id: str, token: str, default_namespace: str | None) -> Identity:
    """The object that an ID names: `namespace/name`, or `name` alone. Raises ProviderError."""
    api_version, kind = kind_of_token(token)
    namespace, separator, name = resource_id.rpartition("/")
    if not name or "/" in namespace:
        raise ProviderError(f"ID {resource_id!r} of a {kind} is neither `namespace/name` nor `name`")
    return Identity(api_version, kind, (namespace if separator else default_namespace) or None, name)


def complete(
    properties: Mapping[str, Any],
    old: Mapping[str, Any],
    token: str,
    logical_name: str,
    seed: bytes,
    default_namespace: str | None,
    proposed_name: str | None = None,
) -> dict[str, Any]:
    """The inputs with API version, kind, namespace and name filled in; nulls are left out.

    An object without a name gets the one it had, or the proposed one (none if that is empty), or the logical name
    with 8 random hexadecimal digits; the seed is the engine's, so that an update makes the name its preview showed.
    """
    inputs: dict[str, Any] = _without_nulls(copy.deepcopy(dict(properties)))
    api_version, kind = kind_of_token(token)
    inputs["apiVersion"] = inputs.get("apiVersion") or api_version
    inputs["kind"] = inputs.get("kind") or kind
    if inputs.get("metadata") is UNKNOWN:
        return inputs
    wrapped = inputs.get("metadata")
    given = dict(metadata(inputs))
    inputs["metadata"] = Secret(given) if isinstance(wrapped, Secret) else given
    if default_namespace and not given.get("namespace"):
        given["namespace"] = default_namespace
    if not given.get("name") and not given.get("generateName"):
        was = metadata(old)
        kept = was.get("name") if is_true(old, AUTONAMED) else None
        if proposed_name == "" and not kept:
            return inputs
        given["name"] = kept or proposed_name or automatic_name(logical_name, seed)
        annotations = given.get("annotations")
        if annotations is not UNKNOWN:
            given["annotations"] = {**(annotations if isinstance(annotations, dict) else {}), AUTONAMED: "true"}
    return inputs


def automatic_name(logical_name: str, seed: bytes) -> str:
    """A name of at most 63 characters that differs with the seed."""
    generator = random.Random(seed) if seed else random.SystemRandom()  # noqa: S311 - a name, not a secret
    suffix = "".join(generator.choice("0123456789abcdef") for _ in range(SUFFIX_LENGTH))
    stem = logical_name.lower()[: MAXIMUM_NAME_LENGTH - SUFFIX_LENGTH - 1].rstrip("-.")
    return f"{stem}-{suffix}"


def generated_name(properties: Mapping[str, Any]) -> str:
    """A name from `generateName`, made as the API server makes one; server-side apply needs it beforehand."""
    letters = "bcdfghjklmnpqrstvwxz2456789"
    prefix = str(metadata(properties).get("generateName") or "")
    return prefix + "".join(random.SystemRandom().choice(letters) for _ in range(GENERATED_LENGTH))


def named(properties: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The object with this name."""
    return {**properties, "metadata": {**metadata(properties), "name": name}}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(element) for key, element in value.items() if element is not None}
    if isinstance(value, list):
        return [_without_nulls(element) for element in value]
    if isinstance(value, Secret):
        return Secret(_without_nulls(value.value))
    return value


CRD_PREFIX = "x_kubernetes_"
CRD_REFERENCES = {"_ref": "$ref", "_schema": "$schema"}


def to_wire(inputs: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The object as the API server wants it: the SDK spells some keys of a CRD's JSON Schema differently."""
    return _rename(dict(inputs), to_wire=True) if kind == "CustomResourceDefinition" else dict(inputs)


def from_wire(live: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """A live object as outputs: the SDK's spelling, without the managers of its fields."""
    outputs = dict(live)
    if isinstance(outputs.get("metadata"), dict):
        outputs["metadata"] = {key: value for key, value in outputs["metadata"].items() if key != "managedFields"}
    return _rename(outputs, to_wire=False) if kind == "CustomResourceDefinition" else outputs


def _rename(value: Any, *, to_wire: bool) -> Any:
    if isinstance(value, list):
        return [_rename(element, to_wire=to_wire) for element in value]
    if not isinstance(value, dict):
        return value
    return {_renamed(key, to_wire=to_wire): _rename(element, to_wire=to_wire) for key, element in value.items()}


def _renamed(key: str, *, to_wire: bool) -> str:
    if to_wire:
        return CRD_REFERENCES.get(key) or (key.replace("_", "-") if key.startswith(CRD_PREFIX) else key)
    back = {wire: sdk for sdk, wire in CRD_REFERENCES.items()}
    return back.get(key) or (key.replace("-", "_") if key.startswith(CRD_PREFIX.replace("_", "-")) else key)
