"""How fast a region takes in simulated nodes and pods, beside a kwokctl cluster of the same programs.

    python -m benchmarks.simulated_nodes --nodes 1000 --pods 10000

Both are the same etcd, API server, controller manager, scheduler and kwok as plain processes on this machine. Ours has
the sandbox's arguments and stages, and its nodes are added as the cloud adds them; the reference is what
`kwokctl create cluster --runtime binary --disable-qps-limits` makes of them, with kwok's own stages. Both are asked for
the same nodes, and for the same pods by Deployments. A node counts when it is Ready and takes pods, a pod when it is
Running and its Deployment says so.

kwokctl is built once, as by `python -m sandbox toolchain --all`; with --no-reference only ours is measured.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sandbox import rootless
from sandbox.cloud.core.kubernetes import KubernetesClient
from sandbox.errors import SandboxError
from sandbox.progress import Progress
from sandbox.region import processes
from sandbox.region.rootless_region import RootlessRegion
from sandbox.region.simulation.node_object import is_ready, node_object
from sandbox.region.specification import NodeSpec
from sandbox.settings import SandboxSettings
from sandbox.toolchain import binary, install_tools
from sandbox.toolchain.table import KUBERNETES_VERSION

REGION = "cn-hangzhou"
NAMESPACE = "default"
PODS_A_DEPLOYMENT = 500
LIMIT_SECONDS = 480.0
POLL_SECONDS = 0.5
CALLS_AT_ONCE = 8
REFERENCE = "sandbox-benchmark"
SECURE = ("--secure-port", "--kube-authorization", "--kube-admission")
"""What makes kwokctl's API server check who calls, as the sandbox's does."""
Json = dict[str, Any]


@dataclass(frozen=True)
class Figures:
    """What one cluster did."""

    start_seconds: float
    node_seconds: float
    pod_seconds: float
    cpu_seconds: float
    """Of all programs of the cluster from their start: unlike the rates, it hardly depends on what else goes on."""
    not_ready: int
    not_running: int
    restarts: int
    """Nodes that were given up, or pods that were evicted or lost, while all this went on."""

    @property
    def errors(self) -> int:
        """All that is not as it was asked for."""
        return self.not_ready + self.not_running + self.restarts


def specifications(count: int) -> list[NodeSpec]:
    """The nodes: GPU machines of one pool."""
    return [
        NodeSpec(
            name=f"{REGION}.node-{number}",
            labels={"business": "benchmark"},
            instance_type="ecs.gn6i-c4g1.xlarge",
            cpu_cores=4,
            memory_mebibytes=15360,
            gpus=1,
            simulated=number,
        )
        for number in range(count)
    ]


def deployment(number: int, replicas: int) -> Json:
    """One Deployment of small pods."""
    name = f"pods-{number}"
    container = {"name": "main", "image": "none", "resources": {"requests": {"cpu": "10m", "memory": "10Mi"}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            # All at once, as when a Deployment is new: nothing of it is there that must stay available.
            "strategy": {"type": "Recreate"},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
        },
    }


@dataclass(frozen=True)
class Subject:
    """A cluster that runs, to be loaded."""

    kubeconfig: str
    start_seconds: float
    add_nodes: Callable[[KubernetesClient], None]
    """Adds the nodes; returns when all are Ready."""
    programs: Callable[[], set[int]]
    """The processes of the cluster."""


def load(subject: Subject, nodes: int, pods: int) -> Figures:
    """Add nodes, then pods, and count what became of them."""
    api = KubernetesClient(subject.kubeconfig)
    begun = time.monotonic()
    subject.add_nodes(api)
    node_seconds = time.monotonic() - begun
    begun = time.monotonic()
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
    for number, first in enumerate(range(0, pods, PODS_A_DEPLOYMENT)):
        api.create(path, deployment(number, min(PODS_A_DEPLOYMENT, pods - first)))
    wait_until(lambda: available(api, path) >= pods)
    pod_seconds = time.monotonic() - begun
    listed = items(api, "/api/v1/nodes")
    found = items(api, f"/api/v1/namespaces/{NAMESPACE}/pods")
    return Figures(
        subject.start_seconds,
        node_seconds,
        pod_seconds,
        sum(cpu_seconds(pid) for pid in subject.programs()),
        not_ready=nodes - sum(is_ready(node) for node in listed),
        not_running=pods - sum(pod["status"].get("phase") == "Running" for pod in found),
        restarts=max(0, len(found) - pods),
    )


def cpu_seconds(pid: int) -> float:
    """What a process has used of the processors; 0 when it has just ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def available(api: KubernetesClient, path: str) -> int:
    """How many pods the Deployments say are there for use."""
    return sum(item.get("status", {}).get("availableReplicas", 0) for item in items(api, path))


def items(api: KubernetesClient, path: str) -> list[Json]:
    """A listing, whole."""
    return list((api.get(path) or {}).get("items") or [])


def wait_until(condition: Callable[[], bool]) -> None:
    """Ask until the condition holds. Raises SandboxError when that takes longer than any run should."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise SandboxError(f"not all nodes and pods were there after {LIMIT_SECONDS:g} s; ask for fewer")
        time.sleep(POLL_SECONDS)


def measure_ours(settings: SandboxSettings, nodes: int, pods: int) -> Figures:
    """A rootless region of the sandbox."""
    region = RootlessRegion(REGION, 0, settings)
    region.purge()
    try:
        begun = time.monotonic()
        region.start()
        started = time.monotonic() - begun
        owner = region.layout.full_name
        subject = Subject(
            region.kubeconfig(),
            started,
            lambda api: region.add_simulated_nodes(specifications(nodes)),
            lambda: processes.owned_processes(lambda name: name == owner),
        )
        return load(subject, nodes, pods)
    finally:
        region.purge()


def measure_reference(settings: SandboxSettings, nodes: int, pods: int) -> Figures:
    """A cluster of kwokctl's, of the same programs."""
    begun = time.monotonic()
    with reference_cluster() as (kubeconfig, home):
        started = time.monotonic() - begun
        layout = RootlessRegion(REGION, 0, settings).layout
        bodies = [node_object(spec, layout, f"v{KUBERNETES_VERSION}") for spec in specifications(nodes)]
        for body in bodies:
            body["metadata"]["annotations"] = {"kwok.x-k8s.io/node": "fake"}

        def add(api: KubernetesClient) -> None:
            with ThreadPoolExecutor(CALLS_AT_ONCE) as callers:
                list(callers.map(lambda body: api.create("/api/v1/nodes", body), bodies))
            wait_until(lambda: sum(is_ready(node) for node in items(api, "/api/v1/nodes")) >= nodes)

        return load(Subject(kubeconfig, started, add, lambda: naming(str(home))), nodes, pods)


def naming(text: str) -> set[int]:
    """Processes whose arguments name something."""
    return {int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if text.encode() in contents(path)}


def contents(path: Path) -> bytes:
    """What a file of /proc holds; nothing when its process has just ended."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


@contextlib.contextmanager
def reference_cluster() -> Iterator[tuple[str, Path]]:
    """Run a cluster of kwokctl's; gives its kubeconfig with the certificates in it, and the folder that it lives in."""
    home = Path(tempfile.mkdtemp(prefix="kwokctl-"))
    kwokctl = [str(binary("kwokctl")), f"--name={REFERENCE}"]
    kubectl = str(binary("kubectl"))
    environment = {**os.environ, "HOME": str(home), "KWOK_WORKDIR": str(home / "kwok"), "KWOK_KUBECTL_BINARY": kubectl}
    programs = {
        **{f"{name}-binary": binary(name) for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")},
        **{
            "kwok-controller-binary": binary("kwok"),
            "etcd-binary": binary("etcd"),
        },
    }
    options = [f"--{name}={path}" for name, path in programs.items()]
    create = ["create", "cluster", "--runtime=binary", "--disable-qps-limits", "--wait=120s", *SECURE, *options]
    kubeconfig = home / "kubeconfig"
    try:
        call([*kwokctl, *create, f"--kubeconfig={kubeconfig}"], environment)
        flattened = ["config", "view", "--raw", "--flatten", "--minify", "--output=json"]
        yield call([kubectl, f"--kubeconfig={kubeconfig}", *flattened], environment), home
    finally:
        call([*kwokctl, "delete", "cluster", f"--kubeconfig={kubeconfig}"], environment)
        shutil.rmtree(home, ignore_errors=True)


def call(command: Sequence[str], environment: dict[str, str]) -> str:
    """Run a program to its end. Raises SandboxError with its last words when it fails."""
    result = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, check=False
    )
    if result.returncode != 0:
        raise SandboxError(f"`{' '.join(command[:4])} ...` failed: {result.stderr.strip()[-1000:]}")
    return result.stdout


def show(ours: Figures, reference: Figures | None, nodes: int, pods: int) -> None:
    """Print the table; a ratio over 1 of a rate is better than the reference."""
    rows: list[tuple[str, Callable[[Figures], float]]] = [
        ("API server ready, seconds", lambda figures: figures.start_seconds),
        ("nodes a second until all are Ready", lambda figures: nodes / figures.node_seconds),
        ("pods a second until all are Running", lambda figures: pods / figures.pod_seconds),
        ("seconds for all nodes and pods", lambda figures: figures.node_seconds + figures.pod_seconds),
        ("CPU seconds of all programs", lambda figures: figures.cpu_seconds),
        ("nodes or pods not as asked for", lambda figures: figures.errors),
    ]
    title = f"{nodes} nodes, {pods} pods"
    print(f"{title:<40} {'ours':>9} {'kwokctl':>9} {'ratio':>7}")
    for name, value in rows:
        mine = value(ours)
        if reference is None:
            print(f"{name:<40} {mine:>9.1f}")
            continue
        theirs = value(reference)
        ratio = f"{mine / theirs:>7.2f}" if theirs else ""
        print(f"{name:<40} {mine:>9.1f} {theirs:>9.1f} {ratio}")


def main(arguments: Sequence[str]) -> int:
    """Measure and print; 1 when a node or pod of ours is not as it was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulated_nodes", description=__doc__)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--pods", type=int, default=10000)
    parser.add_argument("--no-reference", action="store_true", help="measure the sandbox only")
    options = parser.parse_args(arguments)
    os.environ["SANDBOX_NAME"], os.environ["SANDBOX_INDEX"] = "benchmark", "2"
    settings = replace(SandboxSettings.from_environment(), rootless=True)
    # Ended from outside, too, it takes its clusters away with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    tools = rootless.TOOLS if options.no_reference else (*rootless.TOOLS, "kwokctl")
    try:
        install_tools(Progress(), names=tools)
        ours = measure_ours(settings, options.nodes, options.pods)
        reference = None if options.no_reference else measure_reference(settings, options.nodes, options.pods)
    except SandboxError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    show(ours, reference, options.nodes, options.pods)
    return 1 if ours.errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
