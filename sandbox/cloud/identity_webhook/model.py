"""What the webhook puts into a pod. Pure; after the documentation of ack-pod-identity-webhook."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PREFIX = "pod-identity.alibabacloud.com"
INJECTION_LABEL = f"{PREFIX}/injection"
ROLE_ANNOTATION = f"{PREFIX}/role-name"
EXPIRATION_ANNOTATION = f"{PREFIX}/service-account-token-expiration"
SKIP_ANNOTATION = f"{PREFIX}/skip-containers"

VOLUME = "rrsa-oidc-token"
MOUNT_PATH = "/var/run/secrets/ack.alibabacloud.com/rrsa-tokens"
TOKEN_FILE = f"{MOUNT_PATH}/token"
AUDIENCE = "sts.aliyuncs.com"
DEFAULT_EXPIRATION = 3600
SHORTEST_EXPIRATION = 600
LONGEST_EXPIRATION = 43200
LONGEST_SESSION_NAME = 64


@dataclass(frozen=True)
class Identity:
    """The role that a pod's service account stands for."""

    role_arn: str
    provider_arn: str
    session_name: str
    expiration: int


def identity_of(
    pod: Mapping[str, Any],
    service_account: Mapping[str, Any],
    namespace: str,
    account_id: str,
    provider_arn: str,
) -> Identity | None:
    """The identity that a pod gets; None when its service account names no role."""
    account_metadata = service_account.get("metadata") or {}
    annotations = account_metadata.get("annotations") or {}
    role = annotations.get(ROLE_ANNOTATION)
    if not role:
        return None
    pod_annotations = (pod.get("metadata") or {}).get("annotations") or {}
    expiration = pod_annotations.get(EXPIRATION_ANNOTATION) or annotations.get(EXPIRATION_ANNOTATION)
    return Identity(
        role_arn=f"acs:ram::{account_id}:role/{str(role).lower()}",
        provider_arn=provider_arn,
        session_name=session_name(namespace, str(account_metadata.get("name", "default"))),
        expiration=_expiration(expiration),
    )


def session_name(namespace: str, service_account: str) -> str:
    """A role session's name that tells which workload it is; cut, with a checksum, to what STS takes."""
    name = re.sub(r"[^A-Za-z0-9.@_-]", "-", f"{namespace}.{service_account}")
    if len(name) <= LONGEST_SESSION_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: LONGEST_SESSION_NAME - 9]}-{digest}"


def patch_for(pod: Mapping[str, Any], identity: Identity) -> list[dict[str, Any]]:
    """A JSON patch that adds the variables and the token, and never changes what is there."""
    patch: list[dict[str, Any]] = []
    specification = pod.get("spec") or {}
    annotations = (pod.get("metadata") or {}).get("annotations") or {}
    skipped = {name.strip() for name in str(annotations.get(SKIP_ANNOTATION, "")).split(",")}
    mounted = False
    for section in ("initContainers", "containers"):
        for position, container in enumerate(specification.get(section) or []):
            if container.get("name") in skipped:
                continue
            mounted = True
            patch += _container_patch(f"/spec/{section}/{position}", container, identity)
    volumes = specification.get("volumes")
    if mounted and not any(volume.get("name") == VOLUME for volume in volumes or []):
        patch += _append("/spec/volumes", volumes, [_volume(identity)])
    return patch


def _container_patch(path: str, container: Mapping[str, Any], identity: Identity) -> list[dict[str, Any]]:
    variables = {
        "ALIBABA_CLOUD_ROLE_ARN": identity.role_arn,
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": identity.provider_arn,
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE": TOKEN_FILE,
        "ALIBABA_CLOUD_ROLE_SESSION_NAME": identity.session_name,
    }
    present = {item.get("name") for item in container.get("env") or []}
    added = [{"name": name, "value": value} for name, value in variables.items() if name not in present]
    patch = _append(f"{path}/env", container.get("env"), added)
    mounts = container.get("volumeMounts") or []
    if not any(mount.get("name") == VOLUME or mount.get("mountPath") == MOUNT_PATH for mount in mounts):
        mount = {"name": VOLUME, "mountPath": MOUNT_PATH, "readOnly": True}
        patch += _append(f"{path}/volumeMounts", container.get("volumeMounts"), [mount])
    return patch


def _append(path: str, existing: Any, added: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not added:
        return []
    if not existing:
        return [{"op": "add", "path": path, "value": added}]
    return [{"op": "add", "path": f"{path}/-", "value": item} for item in added]


def _volume(identity: Identity) -> dict[str, Any]:
    token = {"audience": AUDIENCE, "expirationSeconds": identity.expiration, "path": "token"}
    return {"name": VOLUME, "projected": {"defaultMode": 420, "sources": [{"serviceAccountToken": token}]}}


def _expiration(text: Any) -> int:
    """Seconds within what Kubernetes and STS take; a wrong annotation gets the default, as on ACK."""
    try:
        return max(SHORTEST_EXPIRATION, min(int(text), LONGEST_EXPIRATION))
    except (TypeError, ValueError):
        return DEFAULT_EXPIRATION


def webhook_configuration(url: str, authority: str) -> dict[str, Any]:
    """The object that makes a cluster ask the webhook. `authority` is the base64 form of the sandbox's certificate.

    Pods are refused when the emulator does not answer: one without its identity would start and then fail for a
    reason that is hard to find. Only namespaces with the label are affected.
    """
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "ack-pod-identity-webhook"},
        "webhooks": [
            {
                "name": "pod-identity.alibabacloud.com",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "reinvocationPolicy": "IfNeeded",
                "timeoutSeconds": 10,
                "clientConfig": {"url": url, "caBundle": authority},
                "namespaceSelector": {"matchLabels": {INJECTION_LABEL: "on"}},
                "rules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["pods"],
                        "scope": "Namespaced",
                    }
                ],
            }
        ],
    }
