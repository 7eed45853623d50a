"""Follows a kind of object at the API server: list, then watch from there, for ever.

Only the standard library's HTTP client: a watch is one long answer, a JSON document a line.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

WATCH_SECONDS = 300
"""After which the server ends a watch, as it does for kubectl and controllers; the next goes on where it ended."""
ANSWER_SECONDS = 30.0
PAGE = 500
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
GONE = 410

Object = Mapping[str, Any]


class ApiError(Exception):
    """The API server is away, or refuses; `status` is 0 when it did not answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        """A message and the HTTP status."""
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Listener:
    """Told what is seen of a kind."""

    replaced: Callable[[list[Object]], None]
    """All objects that there are."""
    changed: Callable[[Object], None]
    deleted: Callable[[Object], None]


class ApiServer:
    """Asks the API server with a client certificate."""

    def __init__(self, server: str, authority: str, certificate: str, key: str) -> None:
        """Prepare; nothing is sent yet.

        Args:
            server: "https://<address>:<port>".
            authority: path of the certificate that the server's is signed by.
            certificate: path of the client's certificate.
            key: path of its key.
        """
        self._context = ssl.create_default_context(cafile=authority)
        self._context.load_cert_chain(certificate, key)
        parts = urlsplit(server)
        self._host, self._port = parts.hostname or "", parts.port

    def get(self, path: str) -> Object:
        """The object or list at a path.

        Raises:
            ApiError: when it is refused, or nobody answers.
        """
        for document in self._documents(path, ANSWER_SECONDS):
            return document
        raise ApiError(f"GET {path}: the answer is empty")

    def watch(self, path: str, resource_version: str) -> Iterator[Object]:
        """Events after a version, until the server ends the watch.

        Raises:
            ApiError: when it is refused, or the connection is lost.
        """
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        return self._documents(f"{path}?{urlencode(query)}", WATCH_SECONDS + ANSWER_SECONDS)

    def _documents(self, path: str, seconds: float) -> Iterator[Object]:
        connection = http.client.HTTPSConnection(self._host, self._port, context=self._context, timeout=seconds)
        try:
            connection.request("GET", path, headers={"Accept": "application/json"})
            response = connection.getresponse()
            if response.status != http.client.OK:
                text = response.read(1000).decode(errors="replace")
                raise ApiError(f"GET {path}: {response.status} {text}", response.status)
            for line in response:
                if line.strip():
                    yield json.loads(line)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ApiError(f"GET {path}: {error}") from error
        finally:
            connection.close()


def follow(
    server: ApiServer, path: str, listener: Listener, stopped: threading.Event, report: Callable[[str], None]
) -> None:
    """Tell the listener all that is at a collection's path and every change, until stopped.

    A version that the server has forgotten (410) leads to a new list; a server that is away is asked again after a
    pause that grows from 0.2 to 5 seconds.
    """
    version, pause = "", FIRST_PAUSE
    while not stopped.is_set():
        try:
            if not version:
                objects, version = _list(server, path)
                listener.replaced(objects)
            for event in server.watch(path, version):
                version = _take(event, version, listener)
                if stopped.is_set():
                    return
                pause = FIRST_PAUSE
        except ApiError as error:
            if error.status == GONE:
                version = ""
                report(f"{path}: listing again: {error}")
                continue
            if error.status:
                version = ""
            report(str(error))
            stopped.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def _list(server: ApiServer, path: str) -> tuple[list[Object], str]:
    objects: list[Object] = []
    token = ""
    while True:
        query = {"limit": str(PAGE), **({"continue": token} if token else {})}
        page = server.get(f"{path}?{urlencode(query)}")
        objects += page.get("items") or []
        metadata = page["metadata"]
        token = metadata.get("continue", "")
        if not token:
            return objects, metadata["resourceVersion"]


def _take(event: Object, version: str, listener: Listener) -> str:
    """Pass an event on; the version to go on from."""
    kind, body = event["type"], event["object"]
    if kind == "ERROR":
        raise ApiError(f"watch: {body.get('message', body)}", body.get("code", 500))
    if kind == "DELETED":
        listener.deleted(body)
    elif kind in ("ADDED", "MODIFIED"):
        listener.changed(body)
    found: str = body.get("metadata", {}).get("resourceVersion", version)
    return found
