"""The provider's own inputs: which cluster, and how to behave; and when a change of them replaces everything."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.pulumi.kubernetes import kubeconfig
from sandbox.pulumi.kubernetes.cluster import Behaviour
from sandbox.pulumi.kubernetes.errors import ProviderError
from sandbox.pulumi.kubernetes.immutable import Mutability
from sandbox.pulumi.kubernetes.kubeconfig import Credentials
from sandbox.pulumi.kubernetes.values import has_unknown, reveal

BOOKKEEPING = frozenset({"version", "pluginDownloadURL", "pluginChecksums"})
CREDENTIALS = ("client-certificate-data", "client-key-data", "client-certificate", "client-key", "token", "password")
FLAGS = {
    "deleteUnreachable": "PULUMI_K8S_DELETE_UNREACHABLE",
    "skipUpdateUnreachable": "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE",
    "suppressDeprecationWarnings": "PULUMI_K8S_SUPPRESS_DEPRECATION_WARNINGS",
    "enablePatchForce": "PULUMI_K8S_ENABLE_PATCH_FORCE",
    "enableConfigMapMutable": "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE",
    "enableSecretMutable": "PULUMI_K8S_ENABLE_SECRET_MUTABLE",
    "upsertExistingObjects": "PULUMI_K8S_UPSERT_EXISTING_OBJECTS",
}
"""Inputs that are true or false, and the variable that stands in for each."""


def problems(inputs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with the inputs, as property and reason; values not known yet are not judged."""
    found = []
    plain = reveal(dict(inputs))
    if plain.get("renderYamlToDirectory"):
        found.append(("renderYamlToDirectory", "is not supported by this stand-in for the official plugin; remove it"))
    if str(plain.get("enableServerSideApply", "true")).lower() == "false":
        found.append(("enableServerSideApply", "cannot be false: this provider works by server-side apply; remove it"))
    if plain.get("kubeconfig") and not has_unknown(plain):
        try:
            credentials(plain)
        except ProviderError as error:
            found.append(("kubeconfig", str(error)))
    return found


def credentials(inputs: Mapping[str, Any]) -> Credentials:
    """The cluster and the user that the inputs mean. Raises ProviderError."""
    plain = reveal(dict(inputs))
    return kubeconfig.select(_content(plain), _text(plain, "context"), _text(plain, "cluster"))


def behaviour(inputs: Mapping[str, Any], chosen: Credentials) -> Behaviour:
    """How to behave."""
    plain = reveal(dict(inputs))
    flags = {name: _flag(plain.get(name), variable) for name, variable in FLAGS.items()}
    return Behaviour(
        namespace=_text(plain, "namespace") or chosen.namespace or "default",
        patch_force=flags["enablePatchForce"],
        upsert=flags["upsertExistingObjects"],
        delete_unreachable=flags["deleteUnreachable"],
        skip_update_unreachable=flags["skipUpdateUnreachable"],
        suppress_deprecation_warnings=flags["suppressDeprecationWarnings"],
        mutability=Mutability(flags["enableConfigMapMutable"], flags["enableSecretMutable"]),
    )


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Inputs that changed, and those of them that mean another cluster, so that everything in it is made anew.

    New credentials for the same cluster are no change: they are used from now on, and nothing else happens.
    """
    before, after = reveal(dict(old)), reveal(dict(new))
    keys = sorted(key for key in {*before, *after} - BOOKKEEPING if before.get(key) != after.get(key))
    if "kubeconfig" in keys and _same_but_credentials(before, after):
        keys.remove("kubeconfig")
    identifiers = before.get("clusterIdentifier"), after.get("clusterIdentifier")
    if identifiers != (None, None):
        replaced = identifiers[0] != identifiers[1] and not has_unknown(list(identifiers))
        return keys, ["clusterIdentifier"] if replaced else []
    selecting = [key for key in keys if key in ("kubeconfig", "context", "cluster")]
    return keys, selecting if selecting and _is_other_cluster(before, after) else []


def _same_but_credentials(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    if has_unknown(before) or has_unknown(after):
        return False
    try:
        return _without_credentials(_content(before)) == _without_credentials(_content(after))
    except ProviderError:
        return False


def _without_credentials(content: Mapping[str, Any]) -> dict[str, Any]:
    result = copy.deepcopy(dict(content))
    for row in result.get("users") or []:
        for key in CREDENTIALS:
            (row.get("user") or {}).pop(key, None)
    return result


def _is_other_cluster(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    if has_unknown(before) or has_unknown(after):
        # It cannot be told yet; the official provider does not replace on a guess either.
        return False
    try:
        identities = [
            kubeconfig.cluster_identity(_content(side), _text(side, "context"), _text(side, "cluster"))
            for side in (before, after)
        ]
    except ProviderError:
        return False
    return identities[0] != identities[1]


def _content(inputs: Mapping[str, Any]) -> dict[str, Any]:
    given = inputs.get("kubeconfig")
    if isinstance(given, dict):
        return given
    if given:
        return kubeconfig.parse(str(given))
    return kubeconfig.parse(os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config"))


def _text(inputs: Mapping[str, Any], key: str) -> str | None:
    value = inputs.get(key)
    return str(value) if value else None


def _flag(value: Any, variable: str) -> bool:
    text = os.environ.get(variable, "") if value is None else str(value)
    return text.lower() in ("true", "1")
