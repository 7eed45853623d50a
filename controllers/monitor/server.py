"""/healthz, /readyz and /metrics on one port."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

Check = Callable[[], str]
"""Why not; empty if all is well."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:
        """Probes every few seconds are no news."""


def serve(port: int, registry: CollectorRegistry, alive: Check, ready: Check) -> WSGIServer:
    """Answer in a thread of its own, so that a busy or stuck loop still gets its /healthz answered with the truth."""
    metrics = make_wsgi_app(registry)
    checks = {"/healthz": alive, "/readyz": ready}

    def answer(environment: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environment["PATH_INFO"]
        if path == "/metrics":
            found: Iterable[bytes] = metrics(environment, start_response)
            return found
        check = checks.get(path)
        problem = f"no page {path}; there are /healthz, /readyz, /metrics" if check is None else check()
        status = "404 Not Found" if check is None else "503 Service Unavailable" if problem else "200 OK"
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [(problem or "ok").encode() + b"\n"]

    server = make_server("", port, answer, server_class=_Server, handler_class=_Quiet)
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    return server
