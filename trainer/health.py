"""The launcher's small web server: /healthz, /readyz, /status (JSON), /metrics (Prometheus)."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from trainer.errors import SettingsError

Status = dict[str, Any]
PHASES = ("starting", "waiting-for-data", "training", "evaluating", "done", "failed")


def serve(port: int, status: Callable[[], Status]) -> ThreadingHTTPServer:
    """Serve in the background until `shutdown()`. Raises SettingsError if the port is taken."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            current = status()
            if self.path == "/status":
                self._answer(200, "application/json", json.dumps(current, ensure_ascii=False))
            elif self.path == "/metrics":
                self._answer(200, "text/plain; version=0.0.4", metrics(current))
            elif self.path == "/healthz":
                self._answer(200, "text/plain", "ok\n")
            elif self.path == "/readyz":
                ready = current["phase"] not in ("starting", "failed")
                self._answer(200 if ready else 503, "text/plain", f"{current['phase']}\n")
            else:
                self._answer(404, "text/plain", "paths: /healthz /readyz /status /metrics\n")

        def _answer(self, code: int, kind: str, text: str) -> None:
            body = text.encode()
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Probes every few seconds would drown what matters."""

    try:
        server = ThreadingHTTPServer(("", port), Handler)
    except OSError as error:
        raise SettingsError(f"port {port} can't be used: {error.strerror}; give another with --port") from error
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server


def metrics(status: Status) -> str:
    """The status in Prometheus' text format."""
    lines = ["# TYPE training_phase gauge"]
    lines += [f'training_phase{{phase="{phase}"}} {int(phase == status["phase"])}' for phase in PHASES]
    progress = status.get("progress") or {}
    values = {
        "training_step": progress.get("step"),
        "training_loss": progress.get("loss"),
        "training_epoch": progress.get("epoch"),
        "training_tasks_done": progress.get("tasks_done"),
        "training_tasks_remaining": progress.get("tasks_remaining"),
        "training_master_restarts_total": status.get("restarts"),
    }
    for name, value in values.items():
        if value is not None:
            kind = "counter" if name.endswith("_total") else "gauge"
            lines += [f"# TYPE {name} {kind}", f"{name} {value}"]
    perplexities = (status.get("model") or {}).get("perplexity") or {}
    if perplexities:
        lines.append("# TYPE model_perplexity gauge")
        lines += [f'model_perplexity{{model="{name}"}} {value}' for name, value in perplexities.items()]
    return "\n".join(lines) + "\n"
