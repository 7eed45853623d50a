"""Outputs and inputs from live objects."""

from __future__ import annotations

import base64
from typing import Any

from sandbox.pulumi.kubernetes import outputs
from sandbox.pulumi.kubernetes.objects import from_wire, to_wire
from sandbox.pulumi.kubernetes.values import UNKNOWN, Secret


def live(spec: dict[str, Any], kind: str = "Deployment") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "a", "uid": "1", "managedFields": []}, "spec": spec}


def refreshed(declared: Any, was: Any, now: Any) -> Any:
    inputs = {"apiVersion": "v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": declared}
    return outputs.refreshed_inputs(live(now), live(was), inputs).get("spec")


def test_a_value_in_the_servers_own_form_is_no_drift() -> None:
    assert refreshed({"cpu": "1000m"}, {"cpu": "1"}, {"cpu": "1"}) == {"cpu": "1000m"}


def test_a_declared_value_that_changed_or_vanished_shows_and_others_do_not() -> None:
    was = {"replicas": 1, "paused": False, "image": "x"}
    assert refreshed({"replicas": 1, "image": "x"}, was, {"replicas": 2, "paused": True}) == {"replicas": 2}


def test_a_container_that_someone_added_is_not_taken_for_declared() -> None:
    declared = {"containers": [{"name": "web", "image": "x"}]}
    was = {"containers": [{"name": "web", "image": "x", "port": 1}]}
    now = {"containers": [{"name": "proxy", "image": "p"}, {"name": "web", "image": "y", "port": 1}]}
    assert refreshed(declared, was, now) == {"containers": [{"name": "web", "image": "y"}]}


def test_a_list_without_names_is_compared_as_a_whole() -> None:
    assert refreshed({"args": ["a"]}, {"args": ["a"]}, {"args": ["a", "b"]}) == {"args": ["a", "b"]}


def test_drift_in_a_secret_stays_secret() -> None:
    assert refreshed({"key": Secret("a")}, {"key": "a"}, {"key": "b"}) == {"key": Secret("b")}


def test_changed_secret_data_shows_in_the_string_data_that_declared_it() -> None:
    def data(text: str) -> dict[str, Any]:
        encoded = base64.b64encode(text.encode()).decode()
        return {"kind": "Secret", "metadata": {"name": "s"}, "data": {"key": encoded}}

    inputs = {"kind": "Secret", "metadata": {"name": "s"}, "stringData": {"key": Secret("old")}}
    assert outputs.refreshed_inputs(data("old"), data("old"), inputs) == inputs
    drifted = outputs.refreshed_inputs(data("new"), data("old"), inputs)
    assert drifted["stringData"] == Secret({"key": "new"})


def test_outputs_hide_managed_fields_and_secret_data() -> None:
    result = outputs.outputs(
        {"kind": "Secret", "metadata": {"name": "s", "managedFields": [1]}, "data": {"a": "b"}}, {}
    )
    assert result["metadata"] == {"name": "s"}
    assert result["data"] == Secret({"a": "b"})


def test_an_imported_service_declares_nothing_that_the_cluster_assigned() -> None:
    spec = {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ports": [{"port": 80}], "sessionAffinity": "None"}
    imported = outputs.imported_inputs({**live(spec, "Service"), "status": {"loadBalancer": {}}})
    assert imported == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a"},
        "spec": {"ports": [{"port": 80}]},
    }


def test_a_planned_service_has_no_address_yet() -> None:
    planned = {**live({"clusterIP": "10.0.0.9", "type": "ClusterIP"}, "Service"), "status": {"loadBalancer": {}}}
    result = outputs.preview_of_creation(planned, {"kind": "Service", "spec": {}})
    assert result["spec"] == {"clusterIP": UNKNOWN, "clusterIPs": UNKNOWN, "type": "ClusterIP"}
    assert result["status"] is UNKNOWN


def test_the_sdks_spelling_of_a_definition_is_translated_both_ways() -> None:
    spelled = {"schema": {"x_kubernetes_int_or_string": True, "_ref": "#/a", "x_other": 1}}
    wire = {"schema": {"x-kubernetes-int-or-string": True, "$ref": "#/a", "x_other": 1}}
    assert to_wire(spelled, "CustomResourceDefinition") == wire
    assert from_wire(wire, "CustomResourceDefinition") == spelled
    assert to_wire(spelled, "ConfigMap") == spelled
