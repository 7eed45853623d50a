"""Actions on listeners and on the servers that they send to.

What a listener is told is checked, kept and described. Of clusters' Services, ports and servers decide where packets
go; nodes' own kube-proxy balances them, so schedulers, timeouts and health checks have no effect on the packets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.cloud.core.context import Context
from sandbox.cloud.core.errors import CloudError, invalid_parameter
from sandbox.cloud.core.service import Answer, Call, action
from sandbox.cloud.slb.errors import listener_exists, listener_not_found
from sandbox.cloud.slb.lifecycle import BalancerLifecycle
from sandbox.cloud.slb.load_balancers import describe_backends
from sandbox.cloud.slb.model import Backend, Balancers, Listener, LoadBalancer

PROTOCOLS = ("tcp", "udp", "http", "https")
LAST_PORT = 65535
MAXIMUM_BACKENDS = 20


@dataclass(frozen=True)
class Setting:
    """A setting of listeners by its wire name: whole number with limits, or text out of choices (none: any)."""

    name: str
    default: str | int
    limits: tuple[int, int] | None = None
    choices: tuple[str, ...] = ()

    def read(self, call: Call, before: str | int) -> str | int:
        """The value given, or the one before."""
        if self.limits is not None:
            return call.parameters.integer(self.name, int(before), *self.limits)
        if self.choices:
            return call.parameters.choice(self.name, str(before), self.choices)
        return call.parameters.text(self.name, str(before))


SWITCH = ("on", "off")
COMMON = (
    Setting("Bandwidth", -1, (-1, 5120)),
    Setting("Scheduler", "wrr", choices=("wrr", "rr", "wlc", "sch", "tch", "qch")),
    Setting("HealthyThreshold", 3, (2, 10)),
    Setting("UnhealthyThreshold", 3, (2, 10)),
    Setting("HealthCheckInterval", 2, (1, 50)),
    Setting("HealthCheckConnectPort", 0, (-520, LAST_PORT)),
)
TRANSPORT = (
    Setting("HealthCheckConnectTimeout", 5, (1, 300)),
    Setting("PersistenceTimeout", 0, (0, 3600)),
)
TCP = (
    Setting("HealthCheckType", "tcp", choices=("tcp", "http")),
    Setting("EstablishedTimeout", 900, (10, 900)),
    Setting("HealthCheckURI", ""),
    Setting("HealthCheckDomain", ""),
    Setting("HealthCheckHttpCode", ""),
)
WEB = (
    Setting("HealthCheck", "on", choices=SWITCH),
    Setting("HealthCheckTimeout", 5, (1, 300)),
    Setting("HealthCheckURI", "/"),
    Setting("HealthCheckDomain", ""),
    Setting("HealthCheckHttpCode", "http_2xx"),
    Setting("HealthCheckMethod", "head", choices=("head", "get")),
    Setting("StickySession", "off", choices=SWITCH),
    Setting("StickySessionType", "", choices=("", "insert", "server")),
    Setting("CookieTimeout", 0, (0, 86400)),
    Setting("Cookie", ""),
    Setting("Gzip", "on", choices=SWITCH),
    Setting("IdleTimeout", 15, (1, 60)),
    Setting("RequestTimeout", 60, (1, 180)),
    Setting("XForwardedFor", "on", choices=SWITCH),
    Setting("XForwardedFor_SLBIP", "off", choices=SWITCH),
    Setting("XForwardedFor_SLBID", "off", choices=SWITCH),
    Setting("XForwardedFor_proto", "off", choices=SWITCH),
)
FORWARD = (Setting("ListenerForward", "off", choices=SWITCH), Setting("ForwardPort", 443, (1, LAST_PORT)))
SECURE = (
    Setting("ServerCertificateId", ""),
    Setting("CACertificateId", ""),
    Setting("EnableHttp2", "on", choices=SWITCH),
    Setting("TLSCipherPolicy", "tls_cipher_policy_1_0"),
)
SETTINGS = {
    "tcp": (*COMMON, *TRANSPORT, *TCP),
    "udp": (*COMMON, *TRANSPORT),
    "http": (*COMMON, *WEB, *FORWARD),
    "https": (*COMMON, *WEB, *SECURE),
}


def _honours(protocol: str) -> str:
    names = " ".join(setting.name for setting in SETTINGS[protocol])
    return f"LoadBalancerId ListenerPort BackendServerPort Description {names}"


class ListenerActions:
    """Listeners and servers."""

    context: Context
    balancers: Balancers
    lifecycle: BalancerLifecycle

    @action("CreateLoadBalancerTCPListener", _honours("tcp"))
    def create_tcp_listener(self, call: Call) -> Answer:
        """Make a TCP listener, stopped."""
        return self._create_listener(call, "tcp")

    @action("CreateLoadBalancerUDPListener", _honours("udp"))
    def create_udp_listener(self, call: Call) -> Answer:
        """Make a UDP listener, stopped."""
        return self._create_listener(call, "udp")

    @action("CreateLoadBalancerHTTPListener", _honours("http"))
    def create_http_listener(self, call: Call) -> Answer:
        """Make an HTTP listener, stopped."""
        return self._create_listener(call, "http")

    @action("CreateLoadBalancerHTTPSListener", _honours("https"))
    def create_https_listener(self, call: Call) -> Answer:
        """Make an HTTPS listener, stopped."""
        call.parameters.required("ServerCertificateId")
        return self._create_listener(call, "https")

    @action("SetLoadBalancerTCPListenerAttribute", _honours("tcp"))
    def set_tcp_listener(self, call: Call) -> Answer:
        """Change a TCP listener."""
        return self._change_listener(call, "tcp")

    @action("SetLoadBalancerUDPListenerAttribute", _honours("udp"))
    def set_udp_listener(self, call: Call) -> Answer:
        """Change a UDP listener."""
        return self._change_listener(call, "udp")

    @action("SetLoadBalancerHTTPListenerAttribute", _honours("http"))
    def set_http_listener(self, call: Call) -> Answer:
        """Change an HTTP listener."""
        return self._change_listener(call, "http")

    @action("SetLoadBalancerHTTPSListenerAttribute", _honours("https"))
    def set_https_listener(self, call: Call) -> Answer:
        """Change an HTTPS listener."""
        return self._change_listener(call, "https")

    @action("DescribeLoadBalancerTCPListenerAttribute", "LoadBalancerId ListenerPort")
    def describe_tcp_listener(self, call: Call) -> Answer:
        """A TCP listener."""
        return self._describe_listener(call, "tcp")

    @action("DescribeLoadBalancerUDPListenerAttribute", "LoadBalancerId ListenerPort")
    def describe_udp_listener(self, call: Call) -> Answer:
        """A UDP listener."""
        return self._describe_listener(call, "udp")

    @action("DescribeLoadBalancerHTTPListenerAttribute", "LoadBalancerId ListenerPort")
    def describe_http_listener(self, call: Call) -> Answer:
        """An HTTP listener."""
        return self._describe_listener(call, "http")

    @action("DescribeLoadBalancerHTTPSListenerAttribute", "LoadBalancerId ListenerPort")
    def describe_https_listener(self, call: Call) -> Answer:
        """An HTTPS listener."""
        return self._describe_listener(call, "https")

    @action("StartLoadBalancerListener", "LoadBalancerId ListenerPort ListenerProtocol")
    def start_load_balancer_listener(self, call: Call) -> Answer:
        """Let a listener take connections."""
        return self._set_status(call, "running")

    @action("StopLoadBalancerListener", "LoadBalancerId ListenerPort ListenerProtocol")
    def stop_load_balancer_listener(self, call: Call) -> Answer:
        """Let a listener take none."""
        return self._set_status(call, "stopped")

    @action("DeleteLoadBalancerListener", "LoadBalancerId ListenerPort ListenerProtocol")
    def delete_load_balancer_listener(self, call: Call) -> Answer:
        """Delete a listener."""
        self.balancers.listeners.delete(self._named(call).key)
        return {}

    @action("AddBackendServers", "LoadBalancerId BackendServers")
    def add_backend_servers(self, call: Call) -> Answer:
        """Put servers behind a load balancer."""
        found = self.lifecycle.find(call.parameters.required("LoadBalancerId"), call.region)
        kept = {backend.server_id: backend for backend in found.backends}
        return self._put_backends(found, kept | {backend.server_id: backend for backend in _backends(call)})

    @action("SetBackendServers", "LoadBalancerId BackendServers")
    def set_backend_servers(self, call: Call) -> Answer:
        """Change the weights of servers behind a load balancer."""
        found = self.lifecycle.find(call.parameters.required("LoadBalancerId"), call.region)
        kept = {backend.server_id: backend for backend in found.backends}
        for backend in _backends(call):
            if backend.server_id not in kept:
                raise CloudError(
                    "ObtainIpFail", f"Server {backend.server_id} is not behind load balancer {found.identifier}."
                )
            kept[backend.server_id] = backend
        return self._put_backends(found, kept)

    @action("RemoveBackendServers", "LoadBalancerId BackendServers")
    def remove_backend_servers(self, call: Call) -> Answer:
        """Take servers from behind a load balancer."""
        found = self.lifecycle.find(call.parameters.required("LoadBalancerId"), call.region)
        unwanted = {backend.server_id for backend in _backends(call)}
        kept = {item.server_id: item for item in found.backends if item.server_id not in unwanted}
        return self._put_backends(found, kept)

    def _put_backends(self, found: LoadBalancer, backends: dict[str, Backend]) -> Answer:
        changed = self.lifecycle.update(found, backends=list(backends.values()))
        return {"LoadBalancerId": found.identifier, "BackendServers": {"BackendServer": describe_backends(changed)}}

    def _create_listener(self, call: Call, protocol: str) -> Answer:
        balancer = self.lifecycle.find(call.parameters.required("LoadBalancerId"), call.region)
        port = _port(call, "ListenerPort")
        with self.context.store.transaction():
            for other in self.balancers.listeners_of(balancer.identifier):
                if other.port == port and (other.protocol == "udp") == (protocol == "udp"):
                    raise listener_exists(balancer.identifier, protocol, port)
            listener = Listener(
                load_balancer_id=balancer.identifier,
                protocol=protocol,
                port=port,
                backend_port=_port(call, "BackendServerPort"),
                description=call.parameters.text("Description"),
                settings={setting.name: setting.read(call, setting.default) for setting in SETTINGS[protocol]},
            )
            self.balancers.listeners.put(listener.key, listener, balancer.region)
        return {}

    def _change_listener(self, call: Call, protocol: str) -> Answer:
        listener = self._listener(call, protocol)
        settings = {
            setting.name: setting.read(call, listener.settings.get(setting.name, setting.default))
            for setting in SETTINGS[protocol]
        }
        changes: dict[str, Any] = {"settings": settings}
        if call.parameters.given("Description"):
            changes["description"] = call.parameters.text("Description")
        if call.parameters.given("BackendServerPort"):
            changes["backend_port"] = _port(call, "BackendServerPort")
        self.balancers.listeners.put(listener.key, listener.model_copy(update=changes), call.region)
        return {}

    def _describe_listener(self, call: Call, protocol: str) -> Answer:
        listener = self._listener(call, protocol)
        return {
            "LoadBalancerId": listener.load_balancer_id,
            "ListenerPort": listener.port,
            "BackendServerPort": listener.backend_port,
            "Status": listener.status,
            "Description": listener.description,
            "AclStatus": "off",
            "SecurityStatus": "off",
            **({"HealthCheck": "on"} if protocol in ("tcp", "udp") else {}),
            **{name: value for name, value in listener.settings.items() if value not in ("", 0)},
        }

    def _set_status(self, call: Call, status: str) -> Answer:
        listener = self._named(call)
        self.balancers.listeners.put(listener.key, listener.model_copy(update={"status": status}), call.region)
        return {}

    def _named(self, call: Call) -> Listener:
        """The listener by its port, and by its protocol where that is given."""
        protocol = call.parameters.text("ListenerProtocol").lower()
        if protocol:
            return self._listener(call, protocol)
        balancer = self.lifecycle.find(call.parameters.required("LoadBalancerId"), call.region)
        port = _port(call, "ListenerPort")
        found = [item for item in self.balancers.listeners_of(balancer.identifier) if item.port == port]
        if not found:
            raise listener_not_found(balancer.identifier, "any", port)
        if len(found) > 1:
            raise invalid_parameter("ListenerProtocol", "", f"port {port} has several listeners; name one")
        return found[0]

    def _listener(self, call: Call, protocol: str) -> Listener:
        balancer = self.lifecycle.find(call.parameters.required("LoadBalancerId"), call.region)
        port = _port(call, "ListenerPort")
        found = self.balancers.listeners.get(f"{balancer.identifier}:{protocol}:{port}")
        if found is None:
            raise listener_not_found(balancer.identifier, protocol, port)
        return found


def _port(call: Call, name: str) -> int:
    call.parameters.required(name)
    return call.parameters.integer(name, 0, 1, LAST_PORT)


def _backends(call: Call) -> list[Backend]:
    call.parameters.required("BackendServers")
    records = call.parameters.records("BackendServers")
    if not 1 <= len(records) <= MAXIMUM_BACKENDS or not all(record.get("ServerId") for record in records):
        limit = f"it is a JSON list of 1 to {MAXIMUM_BACKENDS} objects with a ServerId"
        raise invalid_parameter("BackendServers", call.parameters.text("BackendServers"), limit)
    found = []
    for record in records:
        weight = record.get("Weight", "100")
        if not weight.isdigit() or int(weight) > 100:
            raise invalid_parameter("BackendServers", weight, "a Weight is a whole number from 0 to 100")
        found.append(
            Backend(
                server_id=record["ServerId"],
                weight=int(weight),
                kind=record.get("Type", "ecs"),
                address=record.get("ServerIp", ""),
                description=record.get("Description", ""),
            )
        )
    return found
