"""The provider's operations against a real API server: names, differences, apply, conflicts, import, deletion.

Waiting for readiness is in test_readiness.py, the real engine in test_engine.py.
"""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from sandbox.pulumi.kubernetes.values import UNKNOWN, Secret, decode, reveal

pytestmark = pytest.mark.sandbox
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
SECRET = "kubernetes:core/v1:Secret"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
SERVICE_ACCOUNT = "kubernetes:core/v1:ServiceAccount"
DIFF = provider_pb2.DiffResponse


def deployment(image: str = "nginx", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "web", "annotations": {"pulumi.com/skipAwait": "true"}},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": image, "resources": {"requests": {"cpu": "1000m"}}}]},
            },
            **spec,
        },
    }


def test_an_object_without_a_name_gets_the_same_random_one_for_the_same_seed(engine: Any) -> None:
    first = engine.inputs(CONFIG_MAP, {"data": {"a": "1"}})
    again = engine.inputs(CONFIG_MAP, {"data": {"a": "1"}})
    assert first == again
    assert first["metadata"]["name"].startswith("web-")
    assert len(first["metadata"]["name"]) == len("web-") + 8
    assert first["metadata"]["annotations"] == {"pulumi.com/autonamed": "true"}
    assert first["metadata"]["namespace"] == engine.namespace
    assert first["apiVersion"] == "v1"


def test_an_automatic_name_is_kept_over_an_update(engine: Any) -> None:
    old = engine.inputs(CONFIG_MAP, {"data": {"a": "1"}})
    old["metadata"]["name"] = "web-00000000"
    assert engine.inputs(CONFIG_MAP, {"data": {"a": "2"}}, old)["metadata"]["name"] == "web-00000000"


def test_a_generated_name_is_kept_over_an_update(engine: Any) -> None:
    old = engine.inputs(SERVICE_ACCOUNT, {"metadata": {"generateName": "job-"}})
    assert engine.create(SERVICE_ACCOUNT, old, preview=True)[1]["metadata"]["name"] is UNKNOWN
    resource_id, _ = engine.create(SERVICE_ACCOUNT, old)
    new = {"metadata": {**old["metadata"], "labels": {"a": "b"}}}
    outputs = engine.update(SERVICE_ACCOUNT, resource_id, old, engine.inputs(SERVICE_ACCOUNT, new, old))
    assert f"{engine.namespace}/{outputs['metadata']['name']}" == resource_id
    assert outputs["metadata"]["name"].startswith("job-")


def test_a_cluster_wide_kind_takes_no_namespace(engine: Any) -> None:
    answer = engine.check("kubernetes:core/v1:Namespace", {"metadata": {"name": "a", "namespace": "b"}})
    assert [failure.property for failure in answer.failures] == ["metadata.namespace"]


def test_what_was_created_is_read_back_and_does_not_differ(engine: Any) -> None:
    inputs = engine.inputs(DEPLOYMENT, deployment())
    resource_id, outputs = engine.create(DEPLOYMENT, inputs)
    assert resource_id == f"{engine.namespace}/web"
    assert outputs["metadata"]["uid"]
    assert "managedFields" not in outputs["metadata"]
    assert outputs["spec"]["replicas"] == 1
    assert engine.diff(DEPLOYMENT, resource_id, inputs, inputs, outputs).changes == DIFF.DIFF_NONE
    refreshed = engine.read(DEPLOYMENT, resource_id, inputs, outputs)
    assert decode(refreshed.inputs) == inputs


def test_a_changed_image_updates_in_place_with_the_path_of_the_change(engine: Any, play: Any) -> None:
    old = engine.inputs(DEPLOYMENT, deployment())
    resource_id, _ = engine.create(DEPLOYMENT, old)
    new = engine.inputs(DEPLOYMENT, deployment("nginx:2"), old)
    answer = engine.diff(DEPLOYMENT, resource_id, old, new)
    assert list(answer.detailedDiff) == ["spec.template.spec.containers[0].image"]
    assert not answer.replaces
    planned = engine.update(DEPLOYMENT, resource_id, old, new, preview=True)
    assert planned["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:2"
    assert planned["metadata"]["resourceVersion"] is UNKNOWN
    live = play.client.get(f"/apis/apps/v1/namespaces/{engine.namespace}/deployments/web")
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx"
    assert engine.update(DEPLOYMENT, resource_id, old, new)["spec"]["template"]["spec"]["containers"] != []


def test_a_field_left_out_is_taken_away(engine: Any) -> None:
    old = engine.inputs(SERVICE_ACCOUNT, {"metadata": {"name": "a", "labels": {"x": "1", "y": "2"}}})
    resource_id, _ = engine.create(SERVICE_ACCOUNT, old)
    new = engine.inputs(SERVICE_ACCOUNT, {"metadata": {"name": "a", "labels": {"x": "1"}}}, old)
    assert engine.update(SERVICE_ACCOUNT, resource_id, old, new)["metadata"]["labels"] == {"x": "1"}


def test_a_changed_selector_replaces_and_deletes_first_when_the_name_stays(engine: Any) -> None:
    old = engine.inputs(DEPLOYMENT, deployment())
    resource_id, _ = engine.create(DEPLOYMENT, old)
    wanted = deployment()
    wanted["spec"]["selector"]["matchLabels"] = {"app": "other"}
    wanted["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    answer = engine.diff(DEPLOYMENT, resource_id, old, engine.inputs(DEPLOYMENT, wanted, old))
    assert list(answer.replaces) == ["spec.selector.matchLabels.app"]
    assert answer.deleteBeforeReplace


def test_a_field_that_only_the_server_knows_to_be_immutable_replaces(engine: Any) -> None:
    token = "kubernetes:batch/v1:Job"
    pod = {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b"}]}
    job = {
        "metadata": {"name": "j", "annotations": {"pulumi.com/skipAwait": "true"}},
        "spec": {"template": {"spec": pod}, "completionMode": "NonIndexed"},
    }
    old = engine.inputs(token, job)
    resource_id, _ = engine.create(token, old)
    changed = {**job, "spec": {**job["spec"], "completionMode": "Indexed"}}
    answer = engine.diff(token, resource_id, old, engine.inputs(token, changed, old))
    assert list(answer.replaces) == ["spec.completionMode"]


def test_a_changed_config_map_is_replaced_and_an_automatic_name_needs_no_deletion_first(engine: Any) -> None:
    old = engine.inputs(CONFIG_MAP, {"data": {"a": "1"}})
    resource_id, _ = engine.create(CONFIG_MAP, old)
    answer = engine.diff(CONFIG_MAP, resource_id, old, engine.inputs(CONFIG_MAP, {"data": {"a": "2"}}, old))
    assert list(answer.replaces) == ["data.a"]
    assert not answer.deleteBeforeReplace


def test_an_unknown_value_counts_as_a_change_and_is_planned_without_the_cluster(engine: Any) -> None:
    old = engine.inputs(DEPLOYMENT, deployment())
    resource_id, _ = engine.create(DEPLOYMENT, old)
    new = engine.inputs(DEPLOYMENT, deployment(UNKNOWN), old)
    assert list(engine.diff(DEPLOYMENT, resource_id, old, new).detailedDiff) == [
        "spec.template.spec.containers[0].image"
    ]
    planned = engine.update(DEPLOYMENT, resource_id, old, new, preview=True)
    assert planned["spec"]["template"]["spec"]["containers"][0]["image"] is UNKNOWN


def test_a_preview_makes_nothing_and_knows_what_it_cannot_know(engine: Any, play: Any) -> None:
    inputs = engine.inputs(DEPLOYMENT, deployment())
    _, planned = engine.create(DEPLOYMENT, inputs, preview=True)
    assert planned["metadata"]["uid"] is UNKNOWN
    assert planned["status"] is UNKNOWN
    assert planned["spec"]["replicas"] == 1
    assert play.client.find(f"/apis/apps/v1/namespaces/{engine.namespace}/deployments/web") is None


def test_a_preview_into_a_namespace_that_is_not_there_yet_is_no_error(engine: Any) -> None:
    wanted = deployment()
    wanted["metadata"]["namespace"] = "comes-later"
    _, planned = engine.create(DEPLOYMENT, engine.inputs(DEPLOYMENT, wanted), preview=True)
    assert planned["metadata"]["name"] == "web"


def test_a_preview_names_an_unknown_field_and_a_wrong_value(engine: Any) -> None:
    wanted = engine.inputs(DEPLOYMENT, deployment(replica=3))
    with pytest.raises(Exception, match=r"fields that its kind does not have: \.spec\.replica"):
        engine.create(DEPLOYMENT, wanted, preview=True)
    wanted = engine.inputs(DEPLOYMENT, deployment(replicas=-1))
    with pytest.raises(Exception, match=r"spec\.replicas: .*must be greater than or equal to 0"):
        engine.create(DEPLOYMENT, wanted, preview=True)


def test_a_conflict_names_the_field_the_other_manager_and_the_way_out(engine: Any, play: Any) -> None:
    old = engine.inputs(DEPLOYMENT, deployment(replicas=1))
    resource_id, _ = engine.create(DEPLOYMENT, old)
    path = f"/apis/apps/v1/namespaces/{engine.namespace}/deployments/web"
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 5}}
    play.manager("autoscaler", path, body)
    new = engine.inputs(DEPLOYMENT, deployment(replicas=2), old)
    with pytest.raises(Exception, match=r"\.spec\.replicas: managed by 'autoscaler'(.|\n)*patchForce"):
        engine.update(DEPLOYMENT, resource_id, old, new)
    new["metadata"]["annotations"]["pulumi.com/patchForce"] = "true"
    assert engine.update(DEPLOYMENT, resource_id, old, new)["spec"]["replicas"] == 2


def test_an_ignored_field_keeps_the_value_that_another_manager_gave_it(engine: Any, play: Any) -> None:
    old = engine.inputs(DEPLOYMENT, deployment(replicas=1))
    resource_id, _ = engine.create(DEPLOYMENT, old)
    path = f"/apis/apps/v1/namespaces/{engine.namespace}/deployments/web"
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 5}}
    play.manager("autoscaler", path, body)
    new = engine.inputs(DEPLOYMENT, deployment("nginx:2", replicas=1), old)
    outputs = engine.update(DEPLOYMENT, resource_id, old, new, ignored=("spec.replicas",))
    assert outputs["spec"]["replicas"] == 5
    assert outputs["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:2"


def test_an_object_of_someone_else_is_not_taken_over_by_a_creation(engine: Any, play: Any) -> None:
    path = f"/api/v1/namespaces/{engine.namespace}/configmaps/mine"
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine"}, "data": {"b": "2"}}
    play.manager("kubectl", path, body)
    inputs = engine.inputs(CONFIG_MAP, {"metadata": {"name": "mine"}, "data": {"a": "1"}})
    message = rf"exists already \(managed by kubectl\).*pulumi import {CONFIG_MAP} NAME {engine.namespace}/mine"
    for preview in (True, False):
        with pytest.raises(Exception, match=message):
            engine.create(CONFIG_MAP, inputs, preview=preview)


def test_a_refresh_shows_only_declared_fields_that_drifted(engine: Any, play: Any) -> None:
    inputs = engine.inputs(DEPLOYMENT, deployment(replicas=1))
    resource_id, outputs = engine.create(DEPLOYMENT, inputs)
    path = f"/apis/apps/v1/namespaces/{engine.namespace}/deployments/web"
    drift = {"spec": {"replicas": 4, "paused": True}, "metadata": {"labels": {"by": "hand"}}}
    play.client.request("PATCH", path, {}, drift, "application/merge-patch+json")
    answer = engine.read(DEPLOYMENT, resource_id, inputs, outputs)
    refreshed = decode(answer.inputs)
    assert refreshed["spec"]["replicas"] == 4
    assert "paused" not in refreshed["spec"]
    assert "labels" not in refreshed["metadata"]
    assert decode(answer.properties)["spec"]["paused"] is True
    back = engine.diff(DEPLOYMENT, resource_id, refreshed, inputs)
    assert list(back.detailedDiff) == ["spec.replicas"]


def test_a_vanished_object_reads_as_nothing_and_its_deletion_is_fine(engine: Any, play: Any) -> None:
    inputs = engine.inputs(CONFIG_MAP, {"metadata": {"name": "a"}})
    resource_id, outputs = engine.create(CONFIG_MAP, inputs)
    engine.delete(CONFIG_MAP, resource_id, inputs)
    assert engine.read(CONFIG_MAP, resource_id, inputs, outputs).id == ""
    engine.delete(CONFIG_MAP, resource_id, inputs)


def test_an_import_takes_neither_status_nor_what_the_server_filled_in(engine: Any, play: Any) -> None:
    path = f"/apis/apps/v1/namespaces/{engine.namespace}/deployments/web"
    body = {"apiVersion": "apps/v1", "kind": "Deployment", **deployment()}
    play.manager("kubectl", path, body)
    answer = engine.read(DEPLOYMENT, f"{engine.namespace}/web")
    inputs = decode(answer.inputs)
    assert "status" not in inputs
    assert set(inputs["metadata"]) == {"name", "namespace", "annotations"}
    assert "revisionHistoryLimit" not in inputs["spec"]
    assert decode(answer.properties)["metadata"]["uid"]


def test_secrets_stay_secret_in_state_and_in_messages(engine: Any) -> None:
    inputs = engine.inputs(
        SECRET, {"metadata": {"name": "s"}, "stringData": {"password": Secret("correct-horse-battery")}}
    )
    assert isinstance(inputs["stringData"]["password"], Secret)
    resource_id, outputs = engine.create(SECRET, inputs)
    assert isinstance(outputs["data"], Secret)
    assert reveal(outputs["data"])["password"]
    refreshed = engine.read(SECRET, resource_id, inputs, outputs)
    assert decode(refreshed.inputs) == inputs
    wrong = engine.inputs(SECRET, {"metadata": {"name": Secret("Not_A_Name_At_All")}})
    with pytest.raises(Exception, match=r"\[secret\]") as caught:
        engine.create(SECRET, wrong)
    assert "Not_A_Name_At_All" not in str(caught.value)


def test_a_kind_that_the_cluster_does_not_serve_is_said(engine: Any) -> None:
    token = "kubernetes:example.com/v1:Thing"
    answer = engine.read(token, f"{engine.namespace}/x")
    assert answer.id == ""
    with pytest.raises(Exception, match=r"serves no Thing in example\.com/v1"):
        inputs = engine.inputs(token, {"metadata": {"name": "x"}})
        engine.update(token, f"{engine.namespace}/x", inputs, inputs)


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("kubernetes:helm.sh/v3:Release", "needs the official Kubernetes plugin"),
        ("kubernetes:core/v1:ConfigMapPatch", "patches of objects of others are not supported"),
        ("kubernetes:core/v1:ConfigMapList", "lists are not supported"),
    ],
)
def test_what_is_not_supported_says_so(engine: Any, token: str, message: str) -> None:
    with pytest.raises(Exception, match=message):
        engine.check(token, {})
