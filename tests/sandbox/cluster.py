"""A cluster as a test sees it: objects by kubectl, and conditions to wait for."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sandbox.toolchain import binary

Result = TypeVar("Result")

POLL_SECONDS = 0.5
CALL_SECONDS = 60.0


def wait_for(what: str, probe: Callable[[], Result | None], seconds: float) -> Result:
    """The first answer of `probe` that is not None or False; fails, naming `what`, after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not seen within {seconds:.0f} s: {what}")
        time.sleep(POLL_SECONDS)


class Cluster:
    """kubectl with one kubeconfig and one namespace."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._command = [str(binary("kubectl")), "--kubeconfig", str(kubeconfig), "--namespace", namespace]

    def run(self, *arguments: str) -> str:
        """Standard output of one kubectl call; fails with its standard error."""
        result = subprocess.run(
            [*self._command, *arguments], capture_output=True, text=True, timeout=CALL_SECONDS, check=False
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    def apply(self, *objects: dict[str, Any]) -> None:
        """Create or change objects."""
        content = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        command = [*self._command[:-2], "apply", "-f", "-"]
        result = subprocess.run(
            command, input=content, capture_output=True, text=True, timeout=CALL_SECONDS, check=False
        )
        assert result.returncode == 0, result.stderr

    def objects(self, kind: str, *arguments: str) -> list[dict[str, Any]]:
        """All objects of a kind."""
        items: list[dict[str, Any]] = json.loads(self.run("get", kind, "-o", "json", *arguments))["items"]
        return items

    def running_pods(self, selector: str) -> list[str]:
        """Names of the running pods that a label selector finds."""
        pods = self.objects("pods", "--selector", selector)
        return [pod["metadata"]["name"] for pod in pods if pod["status"].get("phase") == "Running"]
