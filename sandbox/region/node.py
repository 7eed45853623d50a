"""One real node of a region: its namespaces, containerd, kubelet, kube-proxy and, with GPUs, their device plugin."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sandbox.certificates import certificate_authority
from sandbox.region import control_groups, kubelet, machine, mounts, network, node_template, pause_image, processes
from sandbox.region.api import ApiClient, wait_until
from sandbox.region.binaries import binary
from sandbox.region.commands import remove_tree, succeeds
from sandbox.region.container_runtime import (
    NAMESPACE,
    SOCKET,
    render_configuration,
    render_pod_network,
    write_plugins,
    write_registries,
)
from sandbox.region.control_plane import ControlPlane
from sandbox.region.errors import RegionError
from sandbox.region.layout import NodeLayout, pod_network
from sandbox.region.pki import Identity, write_private
from sandbox.region.processes import Daemon
from sandbox.region.specification import NodeSpec

DEVICE_PLUGIN = Path(__file__).with_name("device_plugin.py")
READY_SECONDS = 120.0
"""Bound on a node's start; measured: 5 to 10 s."""
RUNTIME_SECONDS = 30.0
RUNTIME_AWAY = ("validate service connection", "get remote runtime typed version failed")
"""With these words a kubelet ends when containerd does not answer it: refused, too late, or "server is not initialized
yet", since its part for Kubernetes is ready last. Seen on busy machines. As systemd would, we start that kubelet again.
"""
KUBELET_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 5.0)
"""Seconds before each of those starts; then its words are the error."""


@dataclass(frozen=True)
class NodeRecord:
    """What a region remembers of a node."""

    spec: NodeSpec
    number: int | None
    """Its place in the region's address plan; None when its record is lost and it can only be removed."""

    @classmethod
    def read(cls, layout: NodeLayout) -> NodeRecord | None:
        """The node's record; None when the node is not known (or was never wholly made)."""
        try:
            document = json.loads((layout.state / "node.json").read_text())
        except (OSError, ValueError):
            return None
        return cls(NodeSpec.from_dictionary(document["spec"]), document["number"])

    def with_labels_of(self, spec: NodeSpec) -> NodeRecord:
        """The record with another specification's labels and taints; a machine that runs does not change its size."""
        return NodeRecord(replace(self.spec, labels=spec.labels, taints=spec.taints), self.number)

    def write(self, layout: NodeLayout) -> None:
        """Remember it."""
        layout.state.mkdir(parents=True, exist_ok=True)
        temporary = layout.state / "node.json.new"
        temporary.write_text(json.dumps({"spec": self.spec.to_dictionary(), "number": self.number}, indent=1))
        temporary.replace(layout.state / "node.json")


class Node:
    """Starts, stops and removes one node."""

    def __init__(self, layout: NodeLayout, control_plane: ControlPlane, record: NodeRecord) -> None:
        """Nothing is made yet."""
        self.layout, self.control_plane, self.record = layout, control_plane, record

    @property
    def spec(self) -> NodeSpec:
        """What was asked for."""
        return self.record.spec

    @property
    def number(self) -> int:
        """The node's place in the region's address plan."""
        if self.record.number is None:
            raise RegionError(f"the record of node {self.spec.name} is lost; remove the node and add it again")
        return self.record.number

    def daemons(self) -> list[Daemon]:
        """Every process of the node, in the order of their start."""
        layout = self.layout
        address = layout.region.node_address(self.number)
        plugin = [sys.executable, "-P", str(DEVICE_PLUGIN), "--count", str(self.spec.gpus)]
        environment = {"PYTHONDONTWRITEBYTECODE": "1", "GRPC_VERBOSITY": "NONE"}
        return [
            self._daemon("containerd", [binary("containerd"), "--config", layout.state / "containerd.toml"]),
            *([self._daemon("device-plugin", plugin, environment)] if self.spec.gpus > 0 else []),
            self._daemon("kubelet", [binary("kubelet"), *kubelet.kubelet_arguments(layout, address)]),
            self._daemon("kube-proxy", [binary("kube-proxy"), f"--config={layout.state / 'kube-proxy.json'}"]),
        ]

    def is_running(self) -> bool:
        """Whether every process of it runs."""
        return all(daemon.is_running() for daemon in self.daemons())

    def start(self, api: ApiClient) -> None:
        """Start what does not run, without waiting for the node to be Ready."""
        daemons = self.daemons()
        if not any(daemon.is_running() for daemon in daemons):
            self.stop()
            self._create()
        self._register(api)
        for daemon in daemons:
            if daemon.name == "kubelet" and not daemon.is_running():
                self._wait_for_runtime(daemons[0])
            daemon.start()

    def wait_ready(self, api: ApiClient) -> None:
        """Wait until the node is Ready with its GPUs.

        Raises:
            RegionError: when it does not become Ready in time, or one of its processes has ended.
        """
        name = self.spec.name
        started = self.daemons()
        pauses = iter(KUBELET_PAUSES)

        def ready() -> bool:
            for daemon in started:
                if daemon.is_running():
                    continue
                words = daemon.last_words()
                too_early = daemon is main and any(text in words for text in RUNTIME_AWAY)
                pause = next(pauses, None) if too_early else None
                if pause is None:
                    raise RegionError(f"{daemon.name} of node {name} ended; {words}")
                time.sleep(pause)
                daemon.start()
                return False
            node = api.get(f"/api/v1/nodes/{name}")
            is_ready = kubelet.is_ready(node, self.spec.gpus, main.started())
            return is_ready and api.answers(f"/api/v1/nodes/{name}/proxy/healthz")

        main = next(daemon for daemon in started if daemon.name == "kubelet")
        wait_until(
            ready,
            READY_SECONDS,
            lambda: f"node {name} was not Ready after {READY_SECONDS:g} s; {main.last_words()}",
        )

    def stop(self) -> None:
        """Kill the node's processes and containers and undo all that it has on the host; its state stays."""
        layout = self.layout
        control_groups.thaw(layout.control_group)
        processes.kill_all(lambda: node_processes(layout), f"node {layout.name}")
        network.remove_node_network(layout, self.record.number)
        mounts.unmount_below(layout.runtime, layout.state)
        control_groups.remove(layout.control_group)
        remove_tree(layout.runtime)

    def forget_containers(self) -> None:
        """Have the next start begin with the template's images and without containers; the node must be stopped."""
        self._template_mark.unlink(missing_ok=True)

    def remove(self, api: ApiClient | None) -> None:
        """Stop the node, forget it, and delete its pods and its Node object when there is an API server.

        The pods' processes are dead for certain, so nobody has to wait the minute after which Kubernetes gives them up.
        """
        self.stop()
        if api is not None:
            name = self.spec.name
            for pod in (api.get(f"/api/v1/pods?fieldSelector=spec.nodeName%3D{name}") or {}).get("items", []):
                metadata = pod["metadata"]
                api.delete(f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}")
            api.delete(f"/api/v1/nodes/{name}")
        (self.layout.state / "node.json").unlink(missing_ok=True)
        remove_tree(self.layout.state)
        for path in self.layout.region.pki.glob(f"node-{self.spec.name}-*"):
            if path.stem in (f"node-{self.spec.name}-client", f"node-{self.spec.name}-server"):
                path.unlink(missing_ok=True)

    def signal_container(self, container_id: str, number: signal.Signals) -> None:
        """Send a signal to a container's first process, as the kernel or a person on the node would.

        Raises:
            RegionError: when the container does not run here.
        """
        task = self.layout.runtime / "containerd" / "io.containerd.runtime.v2.task" / NAMESPACE / container_id
        try:
            pid = int((task / "init.pid").read_text())
        except (OSError, ValueError) as error:
            raise RegionError(f"container {container_id} does not run on node {self.spec.name}") from error
        if pid not in control_groups.processes(self.layout.control_group):
            raise RegionError(f"container {container_id} on node {self.spec.name} has ended already")
        os.kill(pid, number)

    @property
    def _template_mark(self) -> Path:
        """Holds the name of the template that the containers' files come from."""
        return self.layout.state / "template"

    def _daemon(self, name: str, arguments: Sequence[str | Path], environment: dict[str, str] | None = None) -> Daemon:
        layout = self.layout
        return Daemon(
            name=name,
            arguments=[str(argument) for argument in arguments],
            owner=layout.owner,
            runtime=layout.runtime,
            logs=layout.state / "logs",
            control_group=f"{layout.control_group}/daemons",
            entrance=network.enter(layout.network_namespace, layout.mount_namespace),
            environment=environment or {},
        )

    def _create(self) -> None:
        """Namespaces and files; the containers' files come from the template when they are missing or outdated."""
        layout, settings = self.layout, self.layout.region.sandbox
        layout.state.mkdir(parents=True, exist_ok=True)
        layout.runtime.mkdir(parents=True, exist_ok=True)
        mark = self._template_mark
        if not mark.exists() or mark.read_text() != node_template.current_key(settings):
            mark.unlink(missing_ok=True)
            remove_tree(layout.containerd_root)
            remove_tree(layout.state / "kubelet")
            node_template.clone_template(settings, layout.containerd_root, mark)
        self._write_configuration()
        network.create_node_network(layout, self.number)
        covers = machine.covers(
            layout.runtime / "machine", self.number, self.spec.cpu_cores, self.spec.memory_mebibytes
        )
        mounts.create_mount_namespace(layout, covers)

    def _write_configuration(self) -> None:
        layout, number = self.layout, self.number
        authority = self.control_plane.authority()
        pki, name = layout.state / "pki", layout.name
        address = str(layout.region.node_address(number))
        pki.mkdir(parents=True, exist_ok=True, mode=0o700)
        user = f"system:node:{name}"
        client = authority.issue(Identity(f"node-{name}-client", user, ("system:nodes",)))
        server = authority.issue(Identity(f"node-{name}-server", user, names=(name,), addresses=(address,)))
        proxy = authority.issue(Identity("kube-proxy", "system:kube-proxy"))
        shutil.copyfile(server.certificate, pki / "kubelet.pem")
        write_private(pki / "kubelet.key", server.key.read_text())
        write_private(pki / "kubelet.kubeconfig", self.control_plane.render_kubeconfig(client, user))
        write_private(pki / "kube-proxy.kubeconfig", self.control_plane.render_kubeconfig(proxy, "system:kube-proxy"))
        (layout.state / "cni").mkdir(exist_ok=True)
        write_plugins(layout.state / "cni-plugins")
        sandbox = layout.region.sandbox
        authority_of_cloud = certificate_authority(sandbox.cache).certificate_path.read_text()
        write_registries(layout.state / "registries", str(sandbox.addresses.cloud), authority_of_cloud)
        files = {
            "cni/10-pods.conflist": render_pod_network(pod_network(number), layout.region.policy_socket),
            "containerd.toml": render_configuration(
                layout.containerd_root,
                layout.state / "cni",
                pause_image.REFERENCE,
                layout.state / "cni-plugins",
                layout.state / "registries",
            ),
            "kubelet.json": kubelet.render_kubelet_configuration(layout, number, authority.pair.certificate),
            "kube-proxy.json": kubelet.render_proxy_configuration(layout),
            "resolv.conf": f"nameserver {layout.region.control_plane_address}\n",
        }
        for path, content in files.items():
            (layout.state / path).write_text(content)

    def _register(self, api: ApiClient) -> None:
        """Make the Node object, or bring the labels and taints of an existing one to what was asked for."""
        body = kubelet.node_object(self.spec, self.number, self.layout.region.name)
        path = f"/api/v1/nodes/{self.spec.name}"
        if api.create("/api/v1/nodes", body):
            return
        present = api.get(path) or {}
        conditions = [
            taint
            for taint in present.get("spec", {}).get("taints", [])
            if taint["key"].startswith("node.kubernetes.io/")
        ]
        api.merge(
            path,
            {
                "metadata": {"labels": body["metadata"]["labels"]},
                "spec": {"taints": body["spec"]["taints"] + conditions},
            },
        )

    def _wait_for_runtime(self, containerd: Daemon) -> None:
        command = [*containerd.entrance, "ctr", "--address", SOCKET, "version"]

        def failure() -> str:
            return f"containerd of node {self.spec.name} did not start; {containerd.last_words()}"

        def answers() -> bool:
            if not containerd.is_running():
                raise RegionError(failure())
            return succeeds(command, timeout=10)

        wait_until(answers, RUNTIME_SECONDS, failure)


def node_processes(layout: NodeLayout) -> set[int]:
    """Every process of a node, its pods' too: by control group, marker and network namespace."""
    grouped = {pid for pid in control_groups.processes(layout.control_group) if processes.start_time(pid) is not None}
    marked = processes.owned_processes(lambda owner: owner == layout.owner)
    return grouped | marked | processes.namespace_processes(layout.network_namespace)
