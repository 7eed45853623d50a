"""The stand-in for the Kubernetes API, whose pods are processes. That ElasticDL runs on it, its benchmarks show."""

from __future__ import annotations

import json
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.local_pods import LocalPods, processor_seconds

LABELS = {"elasticdl-replica-type": "ps", "elasticdl-replica-index": "0"}


@pytest.fixture
def pods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalPods]:
    for name in ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.setenv(name, "")
    account, hosts = tmp_path / "account", tmp_path / "hosts"
    account.mkdir()
    hosts.touch()
    made = LocalPods(tmp_path, {"PATH": os.environ["PATH"], "GIVEN": "by the image"}, tmp_path, account, hosts)
    made.start()
    yield made
    made.stop()


def pod(name: str, script: str) -> dict[str, Any]:
    container = {
        "command": ["/bin/bash"],
        "args": ["-c", script],
        "env": [{"name": "MY_POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
    }
    return {"metadata": {"name": name, "labels": LABELS}, "spec": {"containers": [container]}}


def ask(pods: LocalPods, method: str, path: str, body: Any = None) -> Any:
    trusted = ssl.create_default_context(cafile=str(pods._account / "ca.crt"))
    address = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{address}/api/v1/namespaces/qa/{path}", data, method=method)
    with urllib.request.urlopen(request, timeout=10, context=trusted) as answer:
        return json.load(answer)


def ended(watch: Iterator[dict[str, Any]]) -> dict[str, Any]:
    """A pod's status when it has ended, from the watch."""
    return next(event["object"]["status"] for event in watch if "containerStatuses" in event["object"]["status"])


@pytest.mark.parametrize(
    ("script", "expected"), [("true", ("Succeeded", 0)), ("exit 3", ("Failed", 3)), ("kill -9 $$", ("Failed", 137))]
)
def test_a_pods_end_is_told_as_kubernetes_tells_it(pods: LocalPods, script: str, expected: tuple[str, int]) -> None:
    watch = pods.watch({})
    ask(pods, "POST", "pods", pod("one", script))
    status = ended(watch)
    assert (status["phase"], status["containerStatuses"][0]["state"]["terminated"]["exitCode"]) == expected


def test_a_pod_knows_its_address_and_what_its_image_gives(pods: LocalPods) -> None:
    watch = pods.watch({})
    made = ask(pods, "POST", "pods", pod("one", "echo $MY_POD_IP $GIVEN"))
    ended(watch)
    assert pods.log("one").strip() == f"{made['status']['podIP']} by the image"


def test_a_services_name_leads_to_the_pod_that_it_selects(pods: LocalPods) -> None:
    made = ask(pods, "POST", "pods", pod("one", "true"))
    ask(pods, "POST", "services", {"metadata": {"name": "one", "namespace": "qa"}, "spec": {"selector": LABELS}})
    assert pods._hosts.read_text().split() == [made["status"]["podIP"], "one.qa.svc"]


def test_patched_annotations_are_merged_with_those_that_are_there(pods: LocalPods) -> None:
    ask(pods, "POST", "pods", pod("one", "true"))
    ask(pods, "PATCH", "pods/one", {"metadata": {"annotations": {"a": "1"}}})
    ask(pods, "PATCH", "pods/one", {"metadata": {"annotations": {"b": "2"}, "labels": {"status": "Finished"}}})
    metadata = ask(pods, "GET", "pods/one")["metadata"]
    assert metadata["annotations"] == {"a": "1", "b": "2"}
    assert metadata["labels"] == {**LABELS, "status": "Finished"}


def test_a_list_holds_what_the_selector_asks_for(pods: LocalPods) -> None:
    ask(pods, "POST", "pods", pod("one", "true"))
    for selector, names in (("elasticdl-replica-type=ps", ["one"]), ("elasticdl-replica-type=worker", [])):
        items = ask(pods, "GET", f"pods?labelSelector={selector}")["items"]
        assert [item["metadata"]["name"] for item in items] == names


def test_what_is_not_there_is_answered_404(pods: LocalPods) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        ask(pods, "GET", "pods/none")


def test_a_deleted_pods_process_is_killed(pods: LocalPods) -> None:
    ask(pods, "POST", "pods", pod("one", "exec sleep 600"))
    ask(pods, "DELETE", "pods/one")
    assert pods.processes["one"].wait(10) == -9


def test_processor_time_is_that_of_a_process_and_of_all_below_it(tmp_path: Path) -> None:
    for number, parent, ticks in ((7, 1, "10 5 0 0"), (8, 7, "20 0 3 0"), (9, 8, "1 1 0 0"), (10, 1, "500 0 0 0")):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "stat").write_text(f"{number} (a (name) S) S {parent} 0 0 0 0 0 0 0 0 0 {ticks} 20 0 1 0\n")
    assert processor_seconds(7, tmp_path) == 40 / os.sysconf("SC_CLK_TCK")
    assert processor_seconds(11, tmp_path) == 0.0
