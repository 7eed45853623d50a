"""Calls to a region's API server as cluster administrator, in JSON over HTTPS."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from sandbox.region.errors import RegionError

CALL_SECONDS = 15.0
MERGE_PATCH = "application/merge-patch+json"


@dataclass(frozen=True)
class ApiCredentials:
    """Where the API server is, and the files that prove who we are and who it is."""

    server: str
    authority: Path
    certificate: Path
    key: Path


class ApiClient:
    """A connection to an API server; use it in a `with` statement."""

    def __init__(self, credentials: ApiCredentials) -> None:
        """Prepare; nothing is sent yet."""
        context = ssl.create_default_context(cafile=str(credentials.authority))
        context.load_cert_chain(credentials.certificate, credentials.key)
        self._client = httpx.Client(
            base_url=credentials.server, verify=context, timeout=CALL_SECONDS, trust_env=False, http2=False
        )

    def __enter__(self) -> ApiClient:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._client.close()

    def is_ready(self) -> bool:
        """Whether the server answers that it is ready."""
        return self.answers("/readyz")

    def answers(self, path: str) -> bool:
        """Whether a GET of the path gives 200 within two seconds."""
        try:
            return self._client.get(path, timeout=2.0).status_code == 200
        except httpx.HTTPError:
            return False

    def get(self, path: str) -> dict[str, Any] | None:
        """The object at the path; None when there is none."""
        response = self._send("GET", path)
        return None if response.status_code == 404 else _object(response)

    def create(self, path: str, body: dict[str, Any]) -> bool:
        """Create an object in a collection; False when one of that name exists."""
        response = self._send("POST", path, body)
        if response.status_code == 409:
            return False
        _object(response)
        return True

    def merge(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Merge-patch an object."""
        return _object(self._send("PATCH", path, body, {"Content-Type": MERGE_PATCH}))

    def apply(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Server-side apply an object as the sandbox's region."""
        headers = {"Content-Type": "application/apply-patch+yaml"}
        return _object(self._send("PATCH", f"{path}?fieldManager=sandbox-region&force=true", body, headers))

    def delete(self, path: str) -> None:
        """Delete an object at once; no error when there is none."""
        response = self._send("DELETE", f"{path}?gracePeriodSeconds=0")
        if response.status_code != 404:
            _object(response)

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        try:
            return self._client.request(method, path, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise RegionError(f"the API server did not answer {method} {path}: {error}") from error


def wait_until(condition: Callable[[], bool], seconds: float, failure: Callable[[], str], poll: float = 0.1) -> None:
    """Ask until the condition holds.

    Args:
        condition: what must become true.
        seconds: how long to ask.
        failure: the message of the error, made when time is up.
        poll: seconds between two questions.

    Raises:
        RegionError: when time is up.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RegionError(failure())
        time.sleep(poll)


def _object(response: httpx.Response) -> dict[str, Any]:
    if response.is_error:
        message = response.text[:1000]
        with contextlib.suppress(ValueError):
            message = response.json().get("message", message)
        request = response.request
        raise RegionError(f"the API server refused {request.method} {request.url.path}: {message}")
    document: dict[str, Any] = response.json()
    return document
