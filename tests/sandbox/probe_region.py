"""A region whose pods run the probe: its image, and kubectl on the region."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox import toolchain
from sandbox.region import Region, build_node_template
from sandbox.region.pause_image import render_archive
from sandbox.settings import SandboxSettings

IMAGE = "sandbox.invalid/probe:1"


def build_probe_image(settings: SandboxSettings) -> None:
    """Put the probe, one small static program, on the nodes that the sandbox will make."""
    images = settings.cache / "images"
    images.mkdir(parents=True)
    program = images / "probe"
    go = shutil.which("go") or pytest.skip("needs Go to build the program that runs in the pods")
    environment = {**os.environ, "CGO_ENABLED": "0"}
    source = Path(__file__).with_name("probe") / "main.go"
    subprocess.run([go, "build", "-o", str(program), str(source)], check=True, timeout=300, env=environment)
    (images / "probe.tar").write_bytes(render_archive(IMAGE, {"probe": program.read_bytes()}, ["/probe"]))
    (images / "index.json").write_text(json.dumps([{"reference": IMAGE, "archive": "probe.tar"}]))
    build_node_template(settings)


class Cluster:
    """kubectl on a region."""

    def __init__(self, region: Region, folder: Path) -> None:
        self.region = region
        self._kubeconfig = folder / f"{region.name}.kubeconfig"
        self._kubeconfig.write_text(region.kubeconfig())

    def kubectl(self, *arguments: str, text: str | None = None) -> str:
        command = [str(toolchain.binary("kubectl")), f"--kubeconfig={self._kubeconfig}", *arguments]
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=90, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"kubectl {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def run(
        self,
        name: str,
        node: str | None = None,
        *,
        gpus: int = 0,
        restart: str = "Always",
        labels: dict[str, str] | None = None,
        namespace: str = "default",
    ) -> None:
        """Run the probe as a server and wait until it is ready."""
        container: dict[str, object] = {"name": "probe", "image": IMAGE, "args": ["serve", ":8080"]}
        container["ports"] = [{"name": "http", "containerPort": 8080}]
        container["readinessProbe"] = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
        if gpus:
            container["resources"] = {"limits": {"nvidia.com/gpu": gpus}}
        spec: dict[str, object] = {
            "restartPolicy": restart,
            "terminationGracePeriodSeconds": 0,
            "tolerations": [{"key": "business", "operator": "Exists"}],
            "containers": [container],
        }
        if node is not None:
            spec["nodeName"] = node
        metadata = {"name": name, "namespace": namespace, "labels": {"app": name, **(labels or {})}}
        self.kubectl(
            "apply", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
        )
        self.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s", f"--namespace={namespace}")

    def ask(self, pod: str, question: str, argument: str, namespace: str = "default") -> str:
        return self.kubectl("exec", pod, f"--namespace={namespace}", "--", "/probe", question, argument)

    def node(self, name: str) -> dict[str, object]:
        document: dict[str, object] = json.loads(self.kubectl("get", "node", name, "-o", "json"))
        return document
