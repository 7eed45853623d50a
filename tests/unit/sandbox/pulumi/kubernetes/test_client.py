"""Requests against a small HTTP server: what is tried again, and how errors read."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from sandbox.pulumi.kubernetes import client as client_module
from sandbox.pulumi.kubernetes.client import Client
from sandbox.pulumi.kubernetes.discovery import Discovery
from sandbox.pulumi.kubernetes.errors import ApiError, ClusterUnreachableError, explain
from sandbox.pulumi.kubernetes.kubeconfig import Credentials


class Server:
    """Answers what it was told to, in order; the last answer again and again."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any]] = []
        self.seen: list[tuple[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.seen.append((self.command, self.path))
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                status, body = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Warning", '299 - "v1beta1 is deprecated"')
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names that http.server asks for

            def log_message(self, *_: Any) -> None:
                return

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join(5)


def credentials(port: int) -> Credentials:
    return Credentials(f"http://127.0.0.1:{port}", "", None, True, None, None, "token", None, None)


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


@pytest.fixture
def client(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr(client_module, "FIRST_DELAY_SECONDS", 0.001)
    found = Client(credentials(server.http.server_port))
    yield found
    found.close()


def test_a_busy_server_is_asked_again(server: Server, client: Client) -> None:
    server.answers = [(429, {}), (503, {}), (200, {"a": 1})]
    assert client.get("/x") == {"a": 1}
    assert len(server.seen) == 3


def test_the_servers_warnings_are_kept_for_the_thread_that_asked(server: Server, client: Client) -> None:
    server.answers = [(200, {})]
    assert client.last_warnings() == []
    client.get("/x")
    assert client.last_warnings() == ["v1beta1 is deprecated"]


def test_a_refusal_is_not_repeated_and_an_endless_one_ends(server: Server, client: Client) -> None:
    server.answers = [(403, {"message": "no", "reason": "Forbidden"})]
    with pytest.raises(ApiError, match="no"):
        client.get("/x")
    assert len(server.seen) == 1
    server.answers = [(503, {"message": "later"})]
    with pytest.raises(ApiError, match="later"):
        client.get("/x")
    assert len(server.seen) == 1 + client_module.ATTEMPTS


def test_a_server_that_is_not_there_is_named(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "FIRST_DELAY_SECONDS", 0.001)
    monkeypatch.setattr(client_module, "LONGEST_DELAY_SECONDS", 0.001)
    with Server_closed() as port:
        found = Client(credentials(port))
        with pytest.raises(ClusterUnreachableError, match=f"127.0.0.1:{port} does not answer"):
            found.get("/x")
        found.close()


class Server_closed:  # noqa: N801 - reads as a statement where it is used
    """A port where nobody listens any more."""

    def __enter__(self) -> int:
        gone = Server()
        port = int(gone.http.server_port)
        gone.close()
        return port

    def __exit__(self, *_: object) -> None:
        return


def test_kinds_are_asked_for_once_and_missing_ones_again(server: Server, client: Client) -> None:
    server.answers = [
        (200, {"resources": [{"name": "things", "kind": "Thing", "namespaced": False}, {"name": "things/status"}]})
    ]
    discovery = Discovery(client)
    thing = discovery.kind("example.com/v1", "Thing")
    assert thing is not None
    assert thing.path(None, "a") == "/apis/example.com/v1/things/a"
    assert not discovery.is_namespaced("example.com/v1", "Thing")
    assert discovery.is_namespaced("apps/v1", "Deployment")
    assert not discovery.is_namespaced("v1", "Namespace")
    assert len(server.seen) == 1
    assert discovery.kind("example.com/v1", "Other") is None
    assert len(server.seen) == 2


def test_a_conflict_reads_as_fields_managers_and_ways_out() -> None:
    cause = {
        "reason": "FieldManagerConflict",
        "message": 'conflict with "kubectl" using apps/v1 at 2026-01-01T00:00:00Z',
        "field": ".spec.replicas",
    }
    error = explain(ApiError(409, {"details": {"causes": [cause]}}), "Deployment a/b")
    assert ".spec.replicas: managed by 'kubectl'" in str(error)
    assert 'pulumi.com/patchForce: "true"' in str(error)


def test_an_invalid_object_reads_as_its_fields() -> None:
    body = {"message": "long", "details": {"causes": [{"field": "spec.replicas", "message": "must be positive"}]}}
    text = str(explain(ApiError(422, body), "Deployment a/b"))
    assert text == "the API server refuses Deployment a/b:\n  spec.replicas: must be positive"
