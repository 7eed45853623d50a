"""Keeps every node's rules in step with what the region's API server says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from ipaddress import IPv4Address

from sandbox.region.network_policy.announcement import Announcement
from sandbox.region.network_policy.compilation import Fixture, NodeRules, compile_rules
from sandbox.region.network_policy.enforcement import EnforcementError, Enforcer
from sandbox.region.network_policy.model import NamedPort
from sandbox.region.network_policy.state import KINDS, RegionState
from sandbox.region.network_policy.watch import ApiError, ApiServer, follow

ADMISSION_SECONDS = 20.0
"""Less than what the plugin waits for, so that it gets a reason."""
GATHERING_SECONDS = 0.02
"""After a change, before rules are made: changes come in groups (a deployment, a namespace)."""
RETRY_SECONDS = 1.0

Report = Callable[[str], None]


def dns_fixture(address: IPv4Address) -> Fixture:
    """The region's DNS server, a process beside the control plane, as the pods that it stands for."""
    ports = (NamedPort("dns", "UDP", 53), NamedPort("dns-tcp", "TCP", 53))
    return Fixture("kube-system", {"k8s-app": "kube-dns"}, address, ports)


class Controller:
    """Watches, compiles, enforces, and lets starting pods wait for their rules."""

    def __init__(self, server: ApiServer, state: RegionState, enforcer: Enforcer, report: Report) -> None:
        """Nothing runs yet."""
        self._server, self._state, self._enforcer, self._report = server, state, enforcer, report
        self._stopped = threading.Event()
        self._enforced = 0
        """The revision that holds on every node but `_failed`."""
        self._failed: dict[str, str] = {}

    def run(self) -> None:
        """Work until stopped."""
        for kind, path in KINDS.items():
            arguments = (self._server, path, self._state.listener(kind), self._stopped, self._report)
            threading.Thread(target=follow, args=arguments, name=kind, daemon=True).start()
        while not self._stopped.is_set():
            self._wait_for_change()
            if self._stopped.wait(GATHERING_SECONDS):
                return
            self.enforce()

    def stop(self) -> None:
        """End `run`."""
        self._stopped.set()
        with self._state.changed:
            self._state.changed.notify_all()

    def admit(self, announced: Announcement) -> str:
        """Wait until a new pod's rules hold on its node; why they do not, or "".

        Waits for the pod's own object, which the API server gave to kubelet a moment ago, and asks for it when the
        watch is late.
        """
        deadline = time.monotonic() + ADMISSION_SECONDS
        with self._state.changed:
            if not self._state.changed.wait_for(lambda: self._state.is_complete, ADMISSION_SECONDS):
                return "the API server has not told which network policies there are"
        pod = self._state.pod(announced.namespace, announced.name)
        if pod is None or pod.identifier != announced.identifier or not pod.node:
            try:
                body = self._server.get(f"/api/v1/namespaces/{announced.namespace}/pods/{announced.name}")
            except ApiError as error:
                return str(error)
            self._state.add_pod(body)
            pod = self._state.pod(announced.namespace, announced.name)
        if pod is None:
            return f"pod {announced.namespace}/{announced.name} has ended"
        revision = self._state.announce(announced.identifier or pod.identifier, announced.address)
        with self._state.changed:
            held = self._state.changed.wait_for(
                lambda: self._enforced >= revision and pod.node not in self._failed,
                max(0.0, deadline - time.monotonic()),
            )
        return "" if held else self._failed.get(pod.node, f"node {pod.node}'s rules were not written in time")

    def enforce(self) -> None:
        """Bring every node to what is known now."""
        with self._state.changed:
            revision = self._state.revision
        cluster, nodes = self._state.cluster(), self._enforcer.nodes()
        rules = compile_rules(cluster, nodes) if cluster.policies else dict.fromkeys(nodes, NodeRules())
        failed: dict[str, str] = {}
        for node in nodes:
            try:
                if self._enforcer.enforce(node, rules[node]):
                    self._report(f"node {node}: rules written, {_describe(rules[node])}")
            except EnforcementError as error:
                failed[node] = str(error)
                self._report(f"node {node}: rules not written: {error}")
        with self._state.changed:
            self._enforced, self._failed = revision, failed
            self._state.changed.notify_all()

    def _wait_for_change(self) -> None:
        with self._state.changed:
            self._state.changed.wait_for(
                lambda: self._stopped.is_set() or (self._state.is_complete and self._state.revision > self._enforced),
                RETRY_SECONDS if self._failed else None,
            )


def _describe(rules: NodeRules) -> str:
    parts = ((name, getattr(rules, name)) for name in ("ingress", "egress"))
    return ", ".join(f"{name}: {len(one.isolated)} pods, {len(one.openings)} openings" for name, one in parts)
