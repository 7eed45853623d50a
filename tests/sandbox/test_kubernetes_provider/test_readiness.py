"""Waiting for readiness against a real API server; the tests play controller, kubelet and the cleaner of namespaces."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2, status_pb2

from sandbox.pulumi.kubernetes.values import decode

pytestmark = pytest.mark.sandbox
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
LABELS = {"app": "web"}
POD = {"containers": [{"name": "web", "image": "missing:1"}]}


def workload(kind: str, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "web", "annotations": {"pulumi.com/deletionPropagationPolicy": "background"}},
        "spec": {
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": POD},
            **spec,
        },
    }


def path(engine: Any, plural: str, prefix: str = "/apis/apps/v1") -> str:
    return f"{prefix}/namespaces/{engine.namespace}/{plural}/web"


def in_background(action: Any) -> Future[Any]:
    executor = ThreadPoolExecutor(max_workers=1)
    try:
        return executor.submit(action)
    finally:
        executor.shutdown(wait=False)


def wait_for(check: Any) -> None:
    pause, deadline = threading.Event(), time.monotonic() + 30
    while not check():
        assert time.monotonic() < deadline
        pause.wait(0.05)


def test_a_deployment_is_waited_for_until_its_pods_are_available(engine: Any, play: Any) -> None:
    inputs = engine.inputs(DEPLOYMENT, workload("Deployment", replicas=2))
    creation = in_background(lambda: engine.create(DEPLOYMENT, inputs, timeout=30))
    where = path(engine, "deployments")
    wait_for(lambda: play.client.find(where) is not None)
    counts = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 1, "availableReplicas": 1}
    play.status(where, counts)
    assert not creation.done()
    play.status(where, {**counts, "readyReplicas": 2, "availableReplicas": 2})
    _, outputs = creation.result(20)
    assert outputs["status"]["availableReplicas"] == 2
    assert outputs["kind"] == "Deployment"


def test_a_timeout_tells_what_the_pods_wait_for_and_the_object_is_not_lost(engine: Any, play: Any) -> None:
    inputs = engine.inputs(DEPLOYMENT, workload("Deployment"))
    pod = path(engine, "pods", "/api/v1")
    play.manager(
        "test", pod, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "labels": LABELS}, "spec": POD}
    )
    waiting = {"reason": "ImagePullBackOff", "message": "Back-off pulling image missing:1"}
    row = {"name": "web", "image": "missing:1", "imageID": "", "ready": False, "restartCount": 0}
    play.status(pod, {"phase": "Pending", "containerStatuses": [{**row, "state": {"waiting": waiting}}]})
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "web"},
        "involvedObject": {"kind": "Pod", "name": "web", "namespace": engine.namespace},
        "type": "Warning",
        "reason": "Failed",
        "message": "no such image",
    }
    play.manager("test", path(engine, "events", "/api/v1"), event)
    creation = in_background(lambda: engine.create(DEPLOYMENT, inputs, timeout=3))
    where = path(engine, "deployments")
    wait_for(lambda: play.client.find(where) is not None)
    play.status(where, {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1})
    with pytest.raises(Exception, match="is not ready after 3 s") as caught:
        creation.result(20)
    message = str(caught.value)
    assert "0/1 available; pod web: ImagePullBackOff: Back-off pulling image missing:1" in message
    assert "Pod web: Failed: no such image" in message
    status = status_pb2.Status.FromString(caught.value.trailing["grpc-status-details-bin"])  # type: ignore[attr-defined]
    failure = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(failure)
    assert failure.id == f"{engine.namespace}/web"
    assert decode(failure.properties)["metadata"]["uid"]


def test_a_deployment_that_stops_progressing_fails_before_the_timeout(engine: Any, play: Any) -> None:
    inputs = engine.inputs(DEPLOYMENT, workload("Deployment"))
    creation = in_background(lambda: engine.create(DEPLOYMENT, inputs, timeout=60))
    where = path(engine, "deployments")
    wait_for(lambda: play.client.find(where) is not None)
    row = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
    play.status(where, {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "conditions": [row]})
    with pytest.raises(Exception, match=r"failed: 0/1 available; ProgressDeadlineExceeded: timed out"):
        creation.result(20)


def test_a_job_is_waited_for_until_it_completes_or_fails(engine: Any, play: Any) -> None:
    token = "kubernetes:batch/v1:Job"
    job = {"metadata": {"name": "web"}, "spec": {"template": {"spec": {**POD, "restartPolicy": "Never"}}}}
    inputs = engine.inputs(token, job)
    creation = in_background(lambda: engine.create(token, inputs, timeout=60))
    where = path(engine, "jobs", "/apis/batch/v1")
    wait_for(lambda: play.client.find(where) is not None)
    row = {"type": "FailureTarget", "status": "True", "reason": "BackoffLimitExceeded", "message": "too often"}
    started = {"startTime": "2026-01-01T00:00:00Z", "failed": 1}
    play.status(where, {**started, "conditions": [row, {**row, "type": "Failed"}]})
    with pytest.raises(Exception, match="failed: BackoffLimitExceeded: too often"):
        creation.result(20)


def test_a_service_is_waited_for_until_a_pod_answers_for_it(engine: Any, play: Any) -> None:
    token = "kubernetes:core/v1:Service"
    inputs = engine.inputs(token, {"metadata": {"name": "web"}, "spec": {"selector": LABELS, "ports": [{"port": 80}]}})
    creation = in_background(lambda: engine.create(token, inputs, timeout=30))
    wait_for(lambda: play.client.find(path(engine, "services", "/api/v1")) is not None)
    assert not creation.done()
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "web", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.1.1.1"], "conditions": {"ready": True}}],
        "ports": [],
    }
    play.manager("test", path(engine, "endpointslices", "/apis/discovery.k8s.io/v1"), endpoints)
    _, outputs = creation.result(20)
    assert outputs["spec"]["clusterIP"]


def test_a_claim_is_bound_later_when_its_class_waits_for_a_pod(engine: Any, play: Any) -> None:
    name = engine.namespace
    play.manager(
        "test",
        f"/apis/storage.k8s.io/v1/storageclasses/{name}",
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": name},
            "provisioner": "example.com/none",
            "volumeBindingMode": "WaitForFirstConsumer",
        },
    )
    token = "kubernetes:core/v1:PersistentVolumeClaim"
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    inputs = engine.inputs(token, {"metadata": {"name": "later"}, "spec": {**spec, "storageClassName": name}})
    assert engine.create(token, inputs, timeout=5)[0].endswith("/later")
    inputs = engine.inputs(token, {"metadata": {"name": "never"}, "spec": {**spec, "storageClassName": ""}})
    with pytest.raises(Exception, match="not bound to a volume yet"):
        engine.create(token, inputs, timeout=1)


def test_a_definition_is_established_and_objects_of_its_kind_can_be_made_at_once(engine: Any) -> None:
    token = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
    group = f"{engine.namespace}.example.com"
    schema = {"type": "object", "x_kubernetes_preserve_unknown_fields": True}
    definition = {
        "metadata": {"name": f"things.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": "Thing", "plural": "things", "singular": "thing"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }
    inputs = engine.inputs(token, definition)
    thing = f"kubernetes:{group}/v1:Thing"
    body = engine.inputs(thing, {"metadata": {"name": "a"}, "spec": {"size": 3}})
    _, planned = engine.create(thing, body, preview=True)
    assert planned["spec"] == {"size": 3}
    resource_id, outputs = engine.create(token, inputs, timeout=30)
    version = outputs["spec"]["versions"][0]
    assert version["schema"]["openAPIV3Schema"] == schema
    assert engine.diff(token, resource_id, inputs, inputs).changes == provider_pb2.DiffResponse.DIFF_NONE
    thing_id, outputs = engine.create(thing, body, timeout=30)
    assert thing_id == f"{engine.namespace}/a"
    assert outputs["spec"] == {"size": 3}
    engine.delete(thing, thing_id, body)
    engine.delete(token, resource_id, inputs)


def test_a_deletion_that_a_finalizer_holds_says_so(engine: Any, play: Any) -> None:
    token = "kubernetes:core/v1:ConfigMap"
    inputs = engine.inputs(token, {"metadata": {"name": "web", "finalizers": ["example.com/hold"]}})
    resource_id, _ = engine.create(token, inputs)
    with pytest.raises(Exception, match=r"is not gone after 1 s: deletion waits for the finalizers example\.com/hold"):
        engine.delete(token, resource_id, inputs, timeout=1)
    deletion = in_background(lambda: engine.delete(token, resource_id, inputs, timeout=30))
    where = path(engine, "configmaps", "/api/v1")
    body = {"metadata": {"finalizers": None}}
    play.client.request("PATCH", where, {"fieldManager": "holder"}, body, "application/merge-patch+json")
    deletion.result(20)


def test_a_cancelled_wait_ends_soon_and_keeps_what_was_made(engine: Any, play: Any) -> None:
    inputs = engine.inputs(DEPLOYMENT, workload("Deployment"))
    creation = in_background(lambda: engine.create(DEPLOYMENT, inputs, timeout=600))
    wait_for(lambda: play.client.find(path(engine, "deployments")) is not None)
    engine.provider.Cancel(None, None)
    with pytest.raises(Exception, match="cancelled while waiting") as caught:
        creation.result(20)
    assert "grpc-status-details-bin" in caught.value.trailing  # type: ignore[attr-defined]


def test_many_objects_are_made_at_the_same_time(engine: Any) -> None:
    token = "kubernetes:core/v1:ConfigMap"
    with ThreadPoolExecutor(max_workers=32) as executor:
        inputs = [engine.inputs(token, {"metadata": {"name": f"m-{number}"}}) for number in range(200)]
        made = list(executor.map(lambda row: engine.create(token, row)[0], inputs))
    assert len(set(made)) == 200
