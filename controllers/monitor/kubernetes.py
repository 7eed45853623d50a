"""The Kubernetes client: lightkube's, with what it leaves out: bookmarks in watches, deletion of exactly one object."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import msgspec
from lightkube import AsyncClient
from lightkube.core import decoders
from lightkube.core.exceptions import ApiError

from controllers.errors import ClusterError, ConflictError

REQUEST_SECONDS = 10.0
CONNECT_SECONDS = 4.0
PAGE = 500
CONFLICT, NOT_FOUND, GONE = 409, 404, 410


class Kubernetes(AsyncClient):
    """From inside a pod, or with a person's kubeconfig ($KUBECONFIG)."""

    def __init__(self, namespace: str) -> None:
        super().__init__(
            namespace=namespace,
            timeout=httpx2.Timeout(REQUEST_SECONDS, connect=CONNECT_SECONDS),
            field_manager="status-monitor",
        )

    def everything(self, resource: Any, **scope: Any) -> Any:
        """All objects of a kind, in pages; the list's `resourceVersion` is known at its end."""
        if scope.get("namespace") is None:
            scope.pop("namespace", None)
        return self.list(resource, chunk_size=PAGE, **scope)

    async def stream(self, resource: Any, version: str, seconds: int, **scope: Any) -> AsyncIterator[tuple[str, Any]]:
        """Watch from a resource version on, until the server ends it after so long.

        BOOKMARK events tell newer versions in quiet times; of their objects only that is real, the rest is empty.
        """
        request = self._client.prepare_request(
            "list",
            res=resource,
            namespace=scope.get("namespace"),
            watch=True,
            params={
                "timeoutSeconds": seconds,
                "resourceVersion": version,
                "allowWatchBookmarks": "true",
                "labelSelector": scope.get("labels"),
            },
        )
        request.timeout = httpx2.Timeout(REQUEST_SECONDS, connect=CONNECT_SECONDS, read=None)
        response = await self._client.send(  # type: ignore[no-untyped-call]
            self._client.build_adapter_request(request), stream=True
        )
        try:
            if response.is_error:
                await response.aread()
                self._client.raise_for_status(response)  # type: ignore[no-untyped-call]
            async for line in response.aiter_lines():
                yield decode(line.encode(), resource)
        finally:
            await response.aclose()

    async def delete_exactly(self, resource: Any, name: str, uid: str, grace_seconds: int | None) -> bool:
        """Delete the object of this name and uid. False if it is not there any more, whoever has its name now."""
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        request = self._client.prepare_request("delete", resource, name=name, namespace=self.namespace)
        request.data = options
        try:
            response = await self._client.send(self._client.build_adapter_request(request))  # type: ignore[no-untyped-call]
            self._client.handle_response("delete", response, request)
        except httpx2.HTTPError as error:
            if status_of(error) in (NOT_FOUND, CONFLICT):
                return False
            raise refusal(error) from error
        return True


class _Version(msgspec.Struct, frozen=True):
    resourceVersion: str = ""  # noqa: N815 - Kubernetes' own name


class Mark(msgspec.Struct):
    """As much of a bookmark's object as means anything."""

    metadata: _Version = _Version()


def decode(line: bytes, resource: Any) -> tuple[str, Any]:
    """A line of a watch: (type, object). Raises ApiError when the server tells of an error in it."""
    event = decoders.decode_watch_event(line)
    if event.type == "ERROR":
        raise ApiError(status=decoders.decode_status(bytes(event.object)))
    if event.type == "BOOKMARK":
        return event.type, msgspec.json.decode(event.object, type=Mark)
    return event.type, decoders.decode_object(bytes(event.object), resource)


def status_of(error: Exception) -> int | None:
    """The HTTP status that the API server answered with, if it answered."""
    if isinstance(error, ApiError):
        return error.status.code
    return error.response.status_code if isinstance(error, httpx2.HTTPStatusError) else None


def refusal(error: Exception) -> ClusterError:
    """In one line, and as the right kind of error."""
    status = status_of(error)
    text = " ".join(str(error).split())[:300] or type(error).__name__
    if status == CONFLICT:
        return ConflictError(f"changed by another: {text}")
    where = f"Kubernetes answered {status}" if status else "the Kubernetes API can't be reached"
    return ClusterError(f"{where}: {text}")


FAILURES = (httpx2.HTTPError, httpx2.InvalidURL, msgspec.DecodeError, OSError, TimeoutError)
"""What a call may raise when the API server is away, refuses, or is cut off in the middle of an answer."""
