"""What ACK's cloud controller manager does for Services of type LoadBalancer: a load balancer each.

The listeners' backend ports are the Service's node ports; packets reach a Ready node by a route to the load balancer's
address, and that node's kube-proxy sends them on. It is a node with a ready pod of the Service where there is one, so
that no other business's node stands between, as a real balancer's health checks take care of. Private (intranet)
addresses work inside the cluster only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

from sandbox.cloud.controllers.reports import ClusterApi, Reporter
from sandbox.cloud.controllers.watching import Handler, Json
from sandbox.cloud.core.errors import CloudError
from sandbox.cloud.cs.backend import ClusterBackend
from sandbox.cloud.cs.model import Cluster
from sandbox.cloud.slb.errors import load_balancer_not_found
from sandbox.cloud.slb.lifecycle import BalancerLifecycle
from sandbox.cloud.slb.listeners import SETTINGS
from sandbox.cloud.slb.model import AddressType, Backend, Listener, LoadBalancer
from sandbox.errors import SandboxError

NAME = "cloud-controller-manager"
SERVICES = "/api/v1/services"
NODES = "/api/v1/nodes"
ENDPOINT_SLICES = "/apis/discovery.k8s.io/v1/endpointslices"
SERVICE_LABEL = "kubernetes.io/service-name"
FINALIZER = "service.k8s.alibaba/resources"
IDENTIFIER_LABEL = "service.k8s.alibaba/loadbalancer-id"
PREFIX = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-"
HONOURED = frozenset({"address-type", "id", "spec", "name", "vswitch-id", "force-override-listeners"})
EXCLUDED_LABEL = "node.kubernetes.io/exclude-from-external-load-balancers"


@dataclass
class ServiceController:
    """Brings load balancers in line with one cluster's Services; called from one thread at a time."""

    cluster: Cluster
    backend: ClusterBackend
    lifecycle: BalancerLifecycle
    instance_of: Callable[[str], str]
    """The instance identifier of a node's name."""
    services: dict[str, Json] = field(default_factory=dict)
    nodes: dict[str, Json] = field(default_factory=dict)
    hosts: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    """Nodes with a ready pod of a Service, by its namespace and name."""

    def __post_init__(self) -> None:
        self.reporter = Reporter(self.lifecycle.context.clock, NAME)

    def handlers(self) -> Mapping[str, Handler]:
        """Whom to tell of nodes and Services."""
        return {
            NODES: self._nodes_changed,
            ENDPOINT_SLICES: self._endpoints_changed,
            SERVICES: self._services_changed,
        }

    def replace_nodes(self, nodes: Mapping[str, Json]) -> bool:
        """Note the cluster's nodes; whether those that can take packets are others than before."""
        before = self.eligible_nodes()
        self.nodes = dict(nodes)
        return before != self.eligible_nodes()

    def eligible_nodes(self) -> list[str]:
        """Names of the nodes that packets may be led to."""
        return sorted(name for name, node in self.nodes.items() if is_eligible(node))

    def reconcile(self, api: ClusterApi, service: Json) -> None:
        """Give a Service its load balancer, or take it away."""
        metadata = service["metadata"]
        wanted = service["spec"].get("type") == "LoadBalancer" and "deletionTimestamp" not in metadata
        if not wanted and FINALIZER not in metadata.get("finalizers", []):
            return
        try:
            if wanted:
                self._ensure(api, service)
            else:
                self._remove(api, service)
        except (CloudError, SandboxError) as error:
            verb = "Sync" if wanted else "Delete"
            self.reporter.say(api, "Service", service, f"{verb}LoadBalancerFailed", str(error), "Warning")
            raise

    def forget_cluster(self) -> None:
        """Delete what the cluster's Services had, once the cluster is gone."""
        for balancer in self.lifecycle.balancers.load_balancers.list(self.cluster.region):
            if balancer.manager.startswith(f"{self.cluster.identifier}/"):
                self.lifecycle.delete(balancer)

    def _nodes_changed(self, api: ClusterApi, nodes: dict[str, Json]) -> None:
        named = {node["metadata"]["name"]: node for node in nodes.values()}
        if self.replace_nodes(named):
            self._reconcile_all(api, self.services)

    def _endpoints_changed(self, api: ClusterApi, slices: dict[str, Json]) -> None:
        before, self.hosts = self.hosts, hosts_of(slices.values())
        moved = {
            service for service in before.keys() | self.hosts.keys() if before.get(service) != self.hosts.get(service)
        }
        self._reconcile_all(api, {key: item for key, item in self.services.items() if _name(item) in moved})

    def _services_changed(self, api: ClusterApi, services: dict[str, Json]) -> None:
        before = self.services
        self.services = dict(services)
        self._reconcile_all(api, {key: item for key, item in services.items() if before.get(key) is not item})

    def _reconcile_all(self, api: ClusterApi, services: dict[str, Json]) -> None:
        """Each of them; the last failure is told when all have had their turn."""
        failure: Exception | None = None
        for service in services.values():
            try:
                self.reconcile(api, service)
            except (CloudError, SandboxError) as error:
                failure = error
        if failure is not None:
            raise failure

    def _ensure(self, api: ClusterApi, service: Json) -> None:
        metadata, path = service["metadata"], _path(service)
        annotations = annotations_of(service)
        for name in sorted(set(annotations) - HONOURED):
            message = f"annotation {PREFIX}{name} has no effect: the sandbox honours {', '.join(sorted(HONOURED))}"
            self.reporter.say(api, "Service", service, "UnsupportedAnnotation", message, "Warning")
        if FINALIZER not in metadata.get("finalizers", []):
            api.merge(path, {"metadata": {"finalizers": [*metadata.get("finalizers", []), FINALIZER]}})
        balancer, listens = self._balancer(service, annotations)
        nodes = self.eligible_nodes()
        if listens:
            self._match(balancer, service, nodes)
        hosts = self.hosts.get(_name(service), frozenset())
        self._lead(balancer, [name for name in nodes if name in hosts] or nodes)
        ingress = [{"ip": balancer.address, "ipMode": "VIP"}]
        status = (service.get("status") or {}).get("loadBalancer") or {}
        if [item.get("ip") for item in status.get("ingress", [])] != [balancer.address]:
            api.merge(path, {"metadata": {"labels": {IDENTIFIER_LABEL: balancer.identifier}}})
            api.merge(f"{path}/status", {"status": {"loadBalancer": {"ingress": ingress}}})
        self.reporter.say(
            api, "Service", service, "EnsuredLoadBalancer", f"Ensured load balancer [{balancer.identifier}]"
        )

    def _balancer(self, service: Json, annotations: Mapping[str, str]) -> tuple[LoadBalancer, bool]:
        """The Service's load balancer, made when it has none, and whether its listeners are the controller's."""
        balancers, region = self.lifecycle.balancers, self.cluster.region
        if annotations.get("id"):
            reused = self.lifecycle.find(annotations["id"], region)
            if reused.manager:
                raise load_balancer_not_found(f"{reused.identifier} (made for another Service)")
            return reused, annotations.get("force-override-listeners") == "true"
        manager = self._manager(service)
        own = next((item for item in balancers.load_balancers.list(region) if item.manager == manager), None)
        if own is not None:
            if annotations.get("spec"):
                own = self.lifecycle.update(own, specification=annotations["spec"])
            return own, True
        kind = annotations.get("address-type", "internet")
        if kind not in ("internet", "intranet"):
            raise CloudError(
                "InvalidAddressType", f"annotation {PREFIX}address-type is internet or intranet, not {kind}"
            )
        vswitch = annotations.get("vswitch-id") or self.cluster.vswitch_ids[0]
        made = self.lifecycle.create(
            region,
            address_type=cast(AddressType, kind),
            vswitch_id=vswitch,
            tags={"ack.aliyun.com": self.cluster.identifier, "kubernetes.do.not.delete": _default_name(service)},
            name=annotations.get("name") or _default_name(service),
            specification=annotations.get("spec"),
            manager=manager,
        )
        return made, True

    def _match(self, balancer: LoadBalancer, service: Json, nodes: list[str]) -> None:
        """Bring listeners and servers in line with the Service's ports and the nodes."""
        listeners = self.lifecycle.balancers.listeners
        wanted = {}
        for port in service["spec"].get("ports", []):
            protocol = str(port.get("protocol", "TCP")).lower()
            if protocol in ("tcp", "udp") and port.get("nodePort"):
                listener = Listener(
                    load_balancer_id=balancer.identifier,
                    protocol=protocol,
                    port=port["port"],
                    backend_port=port["nodePort"],
                    status="running",
                    description=f"k8s/{port['port']}/{service['metadata']['name']}",
                    settings={setting.name: setting.default for setting in SETTINGS[protocol]},
                )
                wanted[listener.key] = listener
        backends = [Backend(server_id=self.instance_of(name), address=_address(self.nodes[name])) for name in nodes]
        with self.lifecycle.context.store.transaction():
            for present in self.lifecycle.balancers.listeners_of(balancer.identifier):
                if present.key not in wanted:
                    listeners.delete(present.key)
            for key, listener in wanted.items():
                listeners.put(key, listener, balancer.region)
            self.lifecycle.update(balancer, backends=backends)

    def _lead(self, balancer: LoadBalancer, nodes: list[str]) -> None:
        if balancer.address_type != "internet":
            return
        if nodes:
            self.backend.publish_address(balancer.address, nodes[0])
        else:
            self.backend.withdraw_address(balancer.address)

    def _remove(self, api: ClusterApi, service: Json) -> None:
        manager, balancers = self._manager(service), self.lifecycle.balancers
        for balancer in balancers.load_balancers.list(self.cluster.region):
            reused = annotations_of(service).get("id") == balancer.identifier
            if balancer.manager == manager or (reused and not balancer.manager):
                self.backend.withdraw_address(balancer.address)
            if balancer.manager == manager:
                self.lifecycle.delete(balancer)
        kept = [item for item in service["metadata"].get("finalizers", []) if item != FINALIZER]
        if "deletionTimestamp" not in service["metadata"]:
            api.merge(f"{_path(service)}/status", {"status": {"loadBalancer": None}})
        self.reporter.say(api, "Service", service, "DeletedLoadBalancer", "Deleted load balancer")
        api.merge(_path(service), {"metadata": {"finalizers": kept, "labels": {IDENTIFIER_LABEL: None}}})

    def _manager(self, service: Json) -> str:
        return f"{self.cluster.identifier}/{service['metadata']['uid']}"


def annotations_of(service: Json) -> dict[str, str]:
    """The load balancer's annotations without their prefix."""
    given = service["metadata"].get("annotations") or {}
    return {name.removeprefix(PREFIX): str(value) for name, value in given.items() if name.startswith(PREFIX)}


def hosts_of(slices: Iterable[Json]) -> dict[tuple[str, str], frozenset[str]]:
    """The nodes with a ready pod of each Service, by its namespace and name."""
    found: dict[tuple[str, str], set[str]] = {}
    for item in slices:
        metadata = item["metadata"]
        name = (metadata.get("labels") or {}).get(SERVICE_LABEL)
        if not name:
            continue
        hosts = found.setdefault((metadata["namespace"], name), set())
        for endpoint in item.get("endpoints") or []:
            if endpoint.get("nodeName") and (endpoint.get("conditions") or {}).get("ready"):
                hosts.add(endpoint["nodeName"])
    return {service: frozenset(hosts) for service, hosts in found.items()}


def is_eligible(node: Json) -> bool:
    """Whether packets may be led to a node: Ready, and not taken out by its label."""
    conditions = (node.get("status") or {}).get("conditions") or []
    ready = any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)
    metadata = node["metadata"]
    return ready and "deletionTimestamp" not in metadata and EXCLUDED_LABEL not in (metadata.get("labels") or {})


def _address(node: Json) -> str:
    addresses = (node.get("status") or {}).get("addresses") or []
    return next((str(item["address"]) for item in addresses if item["type"] == "InternalIP"), "")


def _name(service: Json) -> tuple[str, str]:
    return service["metadata"]["namespace"], service["metadata"]["name"]


def _default_name(service: Json) -> str:
    return ("a" + str(service["metadata"]["uid"]).replace("-", ""))[:32]


def _path(service: Json) -> str:
    return f"/api/v1/namespaces/{service['metadata']['namespace']}/services/{service['metadata']['name']}"
