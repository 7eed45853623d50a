"""A cluster's Services of type LoadBalancer get a load balancer each; the packets are tested with real regions."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.cloud.controllers.services import FINALIZER, PREFIX, ServiceController
from sandbox.cloud.core.errors import CloudError
from sandbox.cloud.cs.backend import SimulatedBackend


class RecordingApi:
    """Remembers what the controller writes."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.merged: list[tuple[str, dict[str, Any]]] = []

    def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.events.append(body)
        return body

    def merge(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.merged.append((path, body))
        return body

    def reasons(self) -> list[str]:
        return [event["reason"] for event in self.events]


def node(name: str, *, ready: bool = True) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": "True" if ready else "Unknown"}]
    addresses = [{"type": "InternalIP", "address": f"172.30.65.{name}"}]
    return {"metadata": {"name": name}, "status": {"conditions": conditions, "addresses": addresses}}


def service(*finalizers: str, annotations: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "web",
            "namespace": "qa",
            "uid": "11111111-2222-3333-4444-555555555555",
            "finalizers": list(finalizers),
            "annotations": {PREFIX + name: value for name, value in (annotations or {}).items()},
            **changes,
        },
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}]},
    }


@pytest.fixture
def controller(world: Any) -> ServiceController:
    identifier, _ = world.cluster()
    cluster = world.cloud.operations.clusters.clusters.get(identifier)
    backend: SimulatedBackend = world.backends["cn-hangzhou"]
    made = ServiceController(cluster, backend, world.cloud.controllers.lifecycle, lambda name: f"i-{name}")
    made.replace_nodes({"10": node("10"), "11": node("11")})
    return made


def balancers(world: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.rpc("Slb", "DescribeLoadBalancers")["LoadBalancers"]["LoadBalancer"]
    return found


def test_a_service_gets_an_address_listeners_servers_and_an_event(world: Any, controller: ServiceController) -> None:
    api = RecordingApi()
    controller.reconcile(api, service())
    controller.reconcile(api, service(FINALIZER))
    (balancer,) = balancers(world)
    found = world.rpc("Slb", "DescribeLoadBalancerAttribute", LoadBalancerId=balancer["LoadBalancerId"])
    assert [item["ServerId"] for item in found["BackendServers"]["BackendServer"]] == ["i-10", "i-11"]
    assert found["ListenerPorts"]["ListenerPort"] == [80]
    path = "/api/v1/namespaces/qa/services/web"
    ingress = [{"ip": balancer["Address"], "ipMode": "VIP"}]
    assert (f"{path}/status", {"status": {"loadBalancer": {"ingress": ingress}}}) in api.merged
    assert (path, {"metadata": {"finalizers": [FINALIZER]}}) in api.merged
    assert api.reasons() == ["EnsuredLoadBalancer"]
    assert world.backends["cn-hangzhou"].addresses == {balancer["Address"]: "10"}


def test_the_address_moves_from_a_node_that_is_not_ready(world: Any, controller: ServiceController) -> None:
    api = RecordingApi()
    controller.reconcile(api, service())
    assert controller.replace_nodes({"10": node("10", ready=False), "11": node("11")})
    assert not controller.replace_nodes({"11": node("11")})
    controller.reconcile(api, service(FINALIZER))
    assert list(world.backends["cn-hangzhou"].addresses.values()) == ["11"]
    controller.replace_nodes({})
    controller.reconcile(api, service(FINALIZER))
    assert world.backends["cn-hangzhou"].addresses == {}


def endpoints(*hosts: tuple[str, bool]) -> dict[str, Any]:
    listed = [{"nodeName": name, "conditions": {"ready": ready}} for name, ready in hosts]
    metadata = {"name": "web-1", "namespace": "qa", "labels": {"kubernetes.io/service-name": "web"}}
    return {"web-1": {"metadata": metadata, "endpoints": listed}}


def test_the_address_is_led_to_a_node_with_a_ready_pod_of_the_service_and_follows_it(
    world: Any, controller: ServiceController
) -> None:
    api, backend = RecordingApi(), world.backends["cn-hangzhou"]
    tell = controller.handlers()
    tell["/api/v1/services"](api, {"web": service()})
    assert list(backend.addresses.values()) == ["10"]
    tell["/apis/discovery.k8s.io/v1/endpointslices"](api, endpoints(("10", False), ("11", True)))
    assert list(backend.addresses.values()) == ["11"]
    controller.replace_nodes({"10": node("10"), "11": node("11", ready=False)})
    tell["/apis/discovery.k8s.io/v1/endpointslices"](api, {})
    assert list(backend.addresses.values()) == ["10"]


def test_a_deleted_service_takes_its_load_balancer_along(world: Any, controller: ServiceController) -> None:
    api = RecordingApi()
    controller.reconcile(api, service())
    controller.reconcile(api, service(FINALIZER, "other", deletionTimestamp="2026-01-02T03:04:05Z"))
    assert balancers(world) == []
    assert world.backends["cn-hangzhou"].addresses == {}
    assert api.merged[-1][1]["metadata"]["finalizers"] == ["other"]


def test_a_reused_load_balancer_keeps_its_listeners_and_stays(world: Any, controller: ServiceController) -> None:
    made = world.rpc("Slb", "CreateLoadBalancer")
    api, reuse = RecordingApi(), {"id": made["LoadBalancerId"]}
    controller.reconcile(api, service(annotations=reuse))
    assert world.backends["cn-hangzhou"].addresses == {made["Address"]: "10"}
    found = world.rpc("Slb", "DescribeLoadBalancerAttribute", LoadBalancerId=made["LoadBalancerId"])
    assert found["ListenerPorts"]["ListenerPort"] == []
    controller.reconcile(api, service(FINALIZER, annotations=reuse, deletionTimestamp="2026-01-02T03:04:05Z"))
    assert [item["LoadBalancerId"] for item in balancers(world)] == [made["LoadBalancerId"]]
    assert world.backends["cn-hangzhou"].addresses == {}


def test_a_private_one_has_an_address_of_the_clusters_switch(world: Any, controller: ServiceController) -> None:
    controller.reconcile(RecordingApi(), service(annotations={"address-type": "intranet", "spec": "slb.s2.small"}))
    (balancer,) = balancers(world)
    assert (balancer["AddressType"], balancer["LoadBalancerSpec"]) == ("intranet", "slb.s2.small")
    assert world.backends["cn-hangzhou"].addresses == {}


def test_what_cannot_be_done_is_said_in_events(controller: ServiceController) -> None:
    api = RecordingApi()
    with pytest.raises(CloudError, match="lb-none"):
        controller.reconcile(api, service(annotations={"id": "lb-none", "scheduler": "wlc"}))
    assert api.reasons() == ["UnsupportedAnnotation", "SyncLoadBalancerFailed"]


def test_a_gone_clusters_load_balancers_go(world: Any, controller: ServiceController) -> None:
    controller.reconcile(RecordingApi(), service())
    controller.forget_cluster()
    assert balancers(world) == []


def test_a_restarted_emulator_keeps_only_load_balancers_of_clusters_that_are_there(
    world: Any, controller: ServiceController
) -> None:
    controller.reconcile(RecordingApi(), service())
    own = world.rpc("Slb", "CreateLoadBalancer")["LoadBalancerId"]
    world.cloud.controllers.start()
    assert len(balancers(world)) == 2
    world.cloud.operations.clusters.clusters.delete(controller.cluster.identifier)
    world.cloud.controllers.start()
    assert [item["LoadBalancerId"] for item in balancers(world)] == [own]
