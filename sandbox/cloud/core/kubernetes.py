"""The few calls that the emulator makes to a cluster's API server, with the cluster's own kubeconfig."""

from __future__ import annotations

import base64
import json
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import yaml

from sandbox.errors import SandboxError

CALL_SECONDS = 10.0
WATCH_SECONDS = 300
"""How long the API server keeps one watch open."""
FIELD_MANAGER = "sandbox-cloud"


class KubernetesError(SandboxError):
    """The cluster's API server did not answer, or refused."""


class KubernetesClient:
    """A connection to one API server."""

    def __init__(self, kubeconfig: str, call_seconds: float = CALL_SECONDS) -> None:
        """Prepare; nothing is sent yet. Raises KubernetesError when the kubeconfig lacks inline certificates.

        `call_seconds` is how long the server may keep silent in a call that is no watch.
        """
        try:
            document = yaml.safe_load(kubeconfig)
            cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
            authority, certificate, key = (
                base64.b64decode(section[name])
                for section, name in (
                    (cluster, "certificate-authority-data"),
                    (user, "client-certificate-data"),
                    (user, "client-key-data"),
                )
            )
            server = str(cluster["server"])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise KubernetesError(f"the cluster's kubeconfig cannot be used: {error!r} is missing or wrong") from None
        context = _tls(authority, certificate, key)
        self._client = httpx.Client(base_url=server, verify=context, timeout=call_seconds, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str) -> dict[str, Any] | None:
        """The object at a path, or None."""
        response = self._send("GET", path)
        return None if response.status_code == 404 else _object(response)

    def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create an object in a collection."""
        headers = {"Content-Type": "application/json"}
        return _object(self._send("POST", path, content=json.dumps(body), headers=headers))

    def watch(self, path: str, resource_version: str) -> Iterator[dict[str, Any]]:
        """Changes of a collection (`path` may select by a query) after this version, until the server ends the watch.

        Raises:
            KubernetesError: when the server goes away, or no longer has that version (list again).
        """
        mark = "&" if "?" in path else "?"
        query = f"{path}{mark}watch=true&resourceVersion={resource_version}&timeoutSeconds={WATCH_SECONDS}"
        timeout = httpx.Timeout(CALL_SECONDS, read=WATCH_SECONDS + CALL_SECONDS)
        try:
            with self._client.stream("GET", query, timeout=timeout) as response:
                if response.is_error:
                    raise KubernetesError(f"the cluster refused to let {path} be watched ({response.status_code})")
                for line in response.iter_lines():
                    event: dict[str, Any] = json.loads(line)
                    if event["type"] == "ERROR":
                        raise KubernetesError(f"the watch of {path} ended: {event['object'].get('message')}")
                    yield event
        except (httpx.HTTPError, ValueError) as error:
            raise KubernetesError(f"the watch of {path} broke: {error}") from error

    def apply(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Server-side apply an object."""
        content = yaml.safe_dump(body)
        response = self._send(
            "PATCH",
            f"{path}?fieldManager={FIELD_MANAGER}&force=true",
            content=content,
            headers={"Content-Type": "application/apply-patch+yaml"},
        )
        return _object(response)

    def merge(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Merge-patch an object: null removes a field."""
        headers = {"Content-Type": "application/merge-patch+json"}
        return _object(self._send("PATCH", path, content=json.dumps(body), headers=headers))

    def delete(self, path: str) -> None:
        """Delete an object; no error when there is none."""
        response = self._send("DELETE", path)
        if response.status_code != 404:
            _object(response)

    def _send(
        self, method: str, path: str, content: str | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        try:
            return self._client.request(method, path, content=content, headers=headers)
        except httpx.HTTPError as error:
            raise KubernetesError(f"the API server did not answer {method} {path}: {error}") from error


def _tls(authority: bytes, certificate: bytes, key: bytes) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority.decode())
    with tempfile.TemporaryDirectory() as folder:  # the ssl module reads a client's key from files only
        certificate_path, key_path = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        certificate_path.write_bytes(certificate)
        key_path.touch(0o600)
        key_path.write_bytes(key)
        context.load_cert_chain(certificate_path, key_path)
    return context


def _object(response: httpx.Response) -> dict[str, Any]:
    if response.is_error:
        request = response.request
        raise KubernetesError(
            f"the cluster refused {request.method} {request.url.path} ({response.status_code}): {response.text[:400]}"
        )
    document: dict[str, Any] = response.json()
    return document
