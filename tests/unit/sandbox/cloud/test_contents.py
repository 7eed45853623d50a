"""How a real cluster is read for the status page: what counts as real, ready and well, and pages of a large one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sandbox.cloud.controllers.volumes.folders import VolumeFolders
from sandbox.cloud.core.kubernetes import KubernetesError
from sandbox.cloud.cs import contents
from sandbox.cloud.cs.contents import KubernetesContents, VolumeView, node_view, pod_reason, volume_view
from tests.unit.sandbox.cloud.kubernetes_objects import node, pod, volume


def conditions(**found: str) -> list[dict[str, str]]:
    return [{"type": kind, "status": status, "reason": f"{kind}Reason"} for kind, status in found.items()]


def test_a_node_that_kwok_plays_is_simulated_and_others_are_real() -> None:
    made = node("n1")
    assert node_view(made).kind == "real"
    made["metadata"]["labels"] = {"sandbox/simulated": "true"}
    assert node_view(made).kind == "simulated"


@pytest.mark.parametrize(
    ("ready", "cordoned", "expected"),
    [
        ("True", False, (True, "")),
        ("True", True, (True, "cordoned: no new pods")),
        ("Unknown", False, (False, "ReadyReason")),
        (None, False, (False, "it has not reported yet")),
    ],
)
def test_a_node_says_why_it_takes_no_pods(ready: str | None, cordoned: bool, expected: tuple[bool, str]) -> None:
    made = node("n1")
    made["spec"]["unschedulable"] = cordoned
    made["status"]["conditions"] = conditions(Ready=ready) if ready else []
    view = node_view(made)
    assert (view.ready, view.reason) == expected


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({"phase": "Running", "conditions": conditions(Ready="True")}, ""),
        ({"phase": "Running", "conditions": conditions(Ready="False")}, "not ready"),
        ({"phase": "Succeeded", "conditions": conditions(Ready="False")}, ""),
        ({"phase": "Failed", "reason": "Evicted"}, "Evicted"),
        ({"phase": "Pending", "conditions": conditions(PodScheduled="True")}, "starting"),
        ({"phase": "Pending", "conditions": conditions(PodScheduled="False")}, "PodScheduledReason"),
        (
            {
                "phase": "Running",
                "containerStatuses": [{"name": "main", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}],
            },
            "main: CrashLoopBackOff",
        ),
        (
            {"phase": "Failed", "containerStatuses": [{"name": "main", "state": {"terminated": {"reason": "Error"}}}]},
            "main: Error",
        ),
    ],
)
def test_a_pod_says_why_it_is_not_well(status: dict[str, Any], reason: str) -> None:
    assert pod_reason({"metadata": {"name": "p"}, "status": status}) == reason


def test_a_pod_that_is_to_go_says_so() -> None:
    leaving = pod("p", "n1")
    leaving["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"
    assert pod_reason(leaving) == "Terminating"


def test_a_volume_shows_its_claim_its_place_and_how_full_it_is(tmp_path: Path) -> None:
    folders = VolumeFolders(tmp_path)
    folder = folders.create("d-1", open_to_all=False)
    (folder / "page").write_bytes(b"x" * 50_000)
    ours = volume_view(volume("d-1", str(folder)), folders)
    assert (ours.claim, ours.place, ours.capacity, ours.phase) == ("qa/data", "cn-hangzhou-h", "20Gi", "Bound")
    assert ours.used_bytes is not None
    assert 50_000 <= ours.used_bytes < 60_000
    assert volume_view(volume("d-1", "/elsewhere"), folders).used_bytes is None
    bare = {"metadata": {"name": "own"}, "spec": {"capacity": {"storage": "1Gi"}, "nfs": {}}}
    assert volume_view(bare, folders) == VolumeView("own", "", "", "", "1Gi", "Pending")


class Backend:
    """A cluster whose API server listens on loopback, without TLS."""

    volumes = Path("/nonexistent")

    def __init__(self, port: int) -> None:
        self.port = port

    def kubeconfig(self) -> str:
        return str(self.port)


class ApiServer(BaseHTTPRequestHandler):
    """Lists a node, 1,200 pods in pages and a volume."""

    def do_GET(self) -> None:
        target, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        things = {
            "nodes": [node("n1")],
            "pods": [pod(f"p{number}", "n1") for number in range(1200)],
            "persistentvolumes": [volume("d-1")],
        }[target.rpartition("/")[2]]
        begin, limit = int(query.get("continue", ["0"])[0]), int(query["limit"][0])
        end = begin + limit
        metadata = {"continue": str(end)} if end < len(things) else {}
        body = json.dumps({"metadata": metadata, "items": things[begin:end]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    def connect(self: Any, kubeconfig: str, call_seconds: float) -> None:
        import httpx

        self._client = httpx.Client(base_url=f"http://127.0.0.1:{kubeconfig}", timeout=call_seconds, trust_env=False)

    monkeypatch.setattr("sandbox.cloud.core.kubernetes.KubernetesClient.__init__", connect)
    server = ThreadingHTTPServer(("127.0.0.1", 0), ApiServer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield Backend(server.server_port)
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_large_cluster_is_read_page_by_page(backend: Any) -> None:
    found = KubernetesContents().read(None, backend)  # type: ignore[arg-type]
    assert [view.name for view in found.nodes] == ["n1"]
    assert found.pods == {"qa": {"Running": 1200}}
    assert [view.name for view in found.volumes] == ["d-1"]


def test_a_reading_that_takes_too_long_is_given_up(backend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "READING_SECONDS", -1.0)
    with pytest.raises(KubernetesError, match="took longer"):
        KubernetesContents().read(None, backend)  # type: ignore[arg-type]


def test_a_server_that_is_not_there_is_told_at_once(backend: Any) -> None:
    backend.port = 1
    with pytest.raises(KubernetesError, match="did not answer GET /api/v1/nodes"):
        KubernetesContents().read(None, backend)  # type: ignore[arg-type]
