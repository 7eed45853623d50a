"""The API server over HTTP: one request with bounded retries, errors as ApiError, watches as streams of events."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sandbox.pulumi.kubernetes.errors import ApiError, ClusterUnreachableError, ProviderError
from sandbox.pulumi.kubernetes.kubeconfig import Credentials

if TYPE_CHECKING:
    import httpx

CONNECT_TIMEOUT_SECONDS = 5.0
REQUEST_TIMEOUT_SECONDS = 30.0
ATTEMPTS = 5
FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 5.0
MAXIMUM_CONNECTIONS = 256
RETRIED = frozenset({429, 502, 503, 504})
"""Not 500: the API server answers so to an apply with a field that it does not know."""
FIELD_MANAGER = "pulumi-kubernetes"


class Client:
    """Requests to one cluster; safe to use from many threads."""

    def __init__(self, credentials: Credentials) -> None:
        self.server = credentials.server
        self._credentials = credentials
        self._extensions = {"sni_hostname": credentials.server_name} if credentials.server_name else {}
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._opened: httpx.Client | None = None
        self._warnings = threading.local()

    @property
    def _http(self) -> httpx.Client:
        """Opened with the first request: a preview without a change needs none, and importing httpx takes 0.2 s."""
        with self._lock:
            if self._closed.is_set():
                raise ProviderError("cancelled")
            if self._opened is None:
                self._opened = _open(self._credentials)
            return self._opened

    def get(self, path: str, **parameters: str) -> dict[str, Any]:
        """Read an object or a list. Raises ApiError."""
        return self.request("GET", path, parameters)

    def find(self, path: str) -> dict[str, Any] | None:
        """Read an object; None when there is none. Raises ApiError for anything else."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def apply(self, path: str, body: Mapping[str, Any], *, force: bool, dry_run: bool) -> dict[str, Any]:
        """Server-side apply as this provider's field manager; unknown fields are errors. Raises ApiError."""
        parameters = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict", "force": str(force).lower()}
        if dry_run:
            parameters["dryRun"] = "All"
        return self.request("PATCH", path, parameters, body, "application/apply-patch+yaml")

    def delete(self, path: str, propagation: str) -> None:
        """Ask for the deletion of an object. Raises ApiError, also when there is none."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        self.request("DELETE", path, {}, body, "application/json")

    def request(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        """One request, tried up to ATTEMPTS times: what is sent here may be sent twice.

        Raises ApiError for the server's errors and ClusterUnreachableError when there is no answer.
        """
        import httpx  # noqa: PLC0415 - see _http

        content = None if body is None else json.dumps(body).encode()
        headers = {} if content is None else {"Content-Type": content_type}
        delay = FIRST_DELAY_SECONDS
        for attempt in range(1, ATTEMPTS + 1):
            try:
                response = self._http.request(
                    method, path, params=dict(parameters), content=content, headers=headers, extensions=self._extensions
                )
            except httpx.TransportError as error:
                if attempt == ATTEMPTS:
                    raise self._unreachable(error) from error
                self._pause(delay)
            else:
                retry_after = _retry_after(response)
                if response.status_code not in RETRIED or attempt == ATTEMPTS:
                    self._warnings.texts = _warnings(response)
                    return _content(response)
                self._pause(max(delay, retry_after))
            delay = min(delay * 2, LONGEST_DELAY_SECONDS)
        raise ProviderError(f"{self.server} answered no request in {ATTEMPTS} attempts")

    def last_warnings(self) -> list[str]:
        """What the API server warned of in this thread's last request: deprecated versions, pod security."""
        return list(getattr(self._warnings, "texts", []))

    def watch(self, path: str, resource_version: str, seconds: int, **parameters: str) -> Iterator[dict[str, Any]]:
        """Events ({"type", "object"}) since a version, for at most `seconds`. Raises ApiError (410: list anew)."""
        query = {
            **parameters,
            "watch": "1",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(seconds),
            "allowWatchBookmarks": "true",
        }
        import httpx  # noqa: PLC0415 - see _http

        timeout = httpx.Timeout(seconds + CONNECT_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS)
        try:
            with self._http.stream("GET", path, params=query, timeout=timeout, extensions=self._extensions) as response:
                if response.status_code >= 400:
                    response.read()
                    _content(response)
                for line in response.iter_lines():
                    event: dict[str, Any] = json.loads(line)
                    if event["type"] == "ERROR":
                        raise ApiError(int(event["object"].get("code") or 500), event["object"])
                    yield event
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def close(self) -> None:
        """Give up all connections; requests that wait for another attempt end at once."""
        with self._lock:
            self._closed.set()
            if self._opened is not None:
                self._opened.close()

    def _pause(self, seconds: float) -> None:
        if self._closed.wait(seconds * random.uniform(0.8, 1.2)):  # noqa: S311 - spreads retries, protects nothing
            raise ProviderError("cancelled")

    def _unreachable(self, error: Exception) -> ClusterUnreachableError:
        reason = str(error) or type(error).__name__
        return ClusterUnreachableError(
            f"the Kubernetes API server {self.server} does not answer: {reason}; "
            f"is the cluster up, and is the kubeconfig the one of this cluster?"
        )


def _open(credentials: Credentials) -> httpx.Client:
    import httpx  # noqa: PLC0415 - see Client._http

    headers = {"Accept": "application/json", "User-Agent": FIELD_MANAGER}
    if credentials.token:
        headers["Authorization"] = f"Bearer {credentials.token}"
    return httpx.Client(
        base_url=credentials.server,
        headers=headers,
        auth=credentials.basic,
        verify=credentials.tls(),
        timeout=httpx.Timeout(REQUEST_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS),
        limits=httpx.Limits(max_connections=MAXIMUM_CONNECTIONS, max_keepalive_connections=16),
        trust_env=False,
    )


def _retry_after(response: httpx.Response) -> float:
    value = response.headers.get("Retry-After", "")
    return min(float(value), LONGEST_DELAY_SECONDS) if value.isdigit() else 0.0


def _warnings(response: httpx.Response) -> list[str]:
    """The texts of headers of the form `299 - "text"`."""
    return [value.partition('"')[2].rstrip('"').replace('\\"', '"') for value in response.headers.get_list("warning")]


def _content(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = {"message": response.text[:500] or response.reason_phrase}
    if not isinstance(body, dict):
        body = {"message": str(body)[:500]}
    if response.status_code >= 400:
        raise ApiError(response.status_code, body)
    return body
