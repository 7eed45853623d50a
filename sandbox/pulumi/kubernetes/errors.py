"""What can go wrong between the provider and a cluster, each as a message a person can act on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sandbox.errors import SandboxError

IMMUTABLE = (
    "immutable",
    "may not change once set",
    "updates to statefulset spec for fields other than",
    "pod updates may not change fields other than",
)
"""How the API server's validation words that a field can only be set at creation."""


class ProviderError(SandboxError):
    """Shown as one diagnostic of the resource."""


class ClusterUnreachableError(ProviderError):
    """The API server does not answer at all."""


class ApiError(ProviderError):
    """An answer of the API server that is an error: its HTTP status, its reason word and its message."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status = status
        self.reason = str(body.get("reason") or "")
        self.message = str(body.get("message") or f"HTTP status {status}")
        details = body.get("details")
        causes = details.get("causes") if isinstance(details, Mapping) else None
        self.causes: list[Mapping[str, Any]] = list(causes or [])
        super().__init__(self.message)

    @property
    def is_conflict(self) -> bool:
        """Another field manager owns a field that server-side apply would change."""
        return self.status == 409 and any(cause.get("reason") == "FieldManagerConflict" for cause in self.causes)

    @property
    def is_immutable(self) -> bool:
        """The change touches a field that can only be set at creation."""
        return self.status == 422 and any(text in self.message for text in IMMUTABLE)


def explain(error: ApiError, what: str) -> ProviderError:
    """The error about an object (`Deployment shop/web`) with its way out."""
    if error.is_conflict:
        return ProviderError(_conflict(error, what))
    if error.status == 422 and error.causes:
        lines = "".join(f"\n  {cause.get('field') or '(object)'}: {cause.get('message')}" for cause in error.causes)
        return ProviderError(f"the API server refuses {what}:{lines}")
    if error.status == 400 and "strict decoding error" in error.message:
        fields = error.message.partition("strict decoding error: ")[2]
        return ProviderError(f"{what} has fields that its kind does not have: {fields}; correct or remove them")
    unknown = _UNKNOWN_FIELD.findall(error.message)
    if unknown:
        return ProviderError(
            f"{what} has fields that its kind does not have: {', '.join(unknown)}; correct or remove them"
        )
    if error.status == 403 and error.reason == "Forbidden":
        return ProviderError(f"the API server forbids {what}: {error.message}")
    if error.status == 401:
        return ProviderError(f"the API server does not accept the kubeconfig's credentials for {what}: {error.message}")
    if error.status == 404 and error.message.startswith("namespaces "):
        return ProviderError(f"{what}: {error.message}; create that Namespace first, or let the resource depend on it")
    return ProviderError(f"{what}: {error.message}")


_UNKNOWN_FIELD = re.compile(r"(\S+): field not declared in schema")
_MANAGER = re.compile(r'conflict with "([^"]+)"')


def _conflict(error: ApiError, what: str) -> str:
    lines = []
    managers = []
    for cause in error.causes:
        found = _MANAGER.search(str(cause.get("message")))
        manager = found.group(1) if found else str(cause.get("message"))
        managers.append(manager)
        lines.append(f"\n  {cause.get('field')}: managed by {manager!r}")
    names = ", ".join(sorted(set(managers)))
    return (
        f"{what}: {len(lines)} field(s) belong to another manager:{''.join(lines)}\n"
        f"remove them from the program (or ignoreChanges), let {names} give them up, or take them over with the "
        'annotation `pulumi.com/patchForce: "true"`'
    )
