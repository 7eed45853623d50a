"""ElasticDL's instance manager over a Kubernetes that does nothing but remember."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from elasticdl.python.master.task_dispatcher import _TaskDispatcher
from kubernetes.client.exceptions import ApiException

from trainer.elasticdl import instances


class Client:
    """Pods that are made, by name; `refuse` makes the next so many fail."""

    def __init__(self, **_: Any) -> None:
        self.made: list[str] = []
        self.requests: list[str] = []
        self.announced: list[str] = []
        self.deleted: list[str] = []
        self.memory = ""
        self.avoided = ""
        self.refuse = 0
        self.more = threading.Condition()

    def _make(self, name: str, request: str) -> Any:
        with self.more:
            if self.refuse:
                self.refuse -= 1
                raise ApiException(status=403, reason="exceeded quota")
            self.made.append(name)
            self.requests.append(request)
            self.more.notify_all()
        return SimpleNamespace(metadata=SimpleNamespace(name=name))

    def create_worker(self, worker_id: int, resource_requests: str, **_: Any) -> Any:
        return self._make(f"worker-{worker_id}", resource_requests)

    def create_ps(self, ps_id: int, resource_requests: str, **_: Any) -> Any:
        return self._make(f"ps-{ps_id}", resource_requests)

    def create_worker_service(self, worker_id: int) -> None: ...

    def create_ps_service(self, ps_id: int) -> None: ...

    def get_ps_service_address(self, index: int) -> str:
        return f"ps-{index}"

    def get_worker_service_address(self, index: int) -> str:
        return f"worker-{index}"

    def get_master_pod(self) -> Any:
        annotations = {instances.WORKER_MEMORY_ANNOTATION: self.memory} if self.memory else {}
        if self.avoided:
            annotations[instances.AVOIDED_NODES_ANNOTATION] = self.avoided
        return SimpleNamespace(metadata=SimpleNamespace(annotations=annotations))

    # ---- the Kubernetes client within ElasticDL's

    namespace = "qa"

    @property
    def client(self) -> Client:
        return self

    def get_worker_pod_name(self, worker_id: int) -> str:
        return f"worker-{worker_id}"

    def patch_namespaced_pod(self, name: str, _namespace: str, _body: Any, **_: Any) -> None:
        self._answer(name)
        self.announced.append(name)

    def delete_namespaced_pod(self, name: str, _namespace: str, **_: Any) -> None:
        self._answer(name)
        self.deleted.append(name)

    def _answer(self, name: str) -> None:
        if self.refuse:
            self.refuse -= 1
            raise ApiException(status=500, reason="away")
        if name not in self.made:
            raise ApiException(status=404, reason="Not Found")

    def until(self, condition: Callable[[], bool]) -> None:
        with self.more:
            assert self.more.wait_for(condition, timeout=10)


class Job:
    """A manager with its tasks, and what Kubernetes tells it."""

    def __init__(self, tasks: int = 6, epochs: int = 1, workers: int = 2) -> None:
        self.tasks = _TaskDispatcher({"shard": (0, tasks * 10)}, {}, {}, 10, epochs)
        options = {"worker_args": ["-c", "run"], "ps_args": ["-c", "run"], "ps_resource_request": "cpu=1"}
        self.manager = instances.Instances(
            self.tasks, num_workers=workers, num_ps=1, worker_resource_request="cpu=1,memory=100Mi", **options
        )
        self.client: Client = self.manager._k8s_client
        self.manager.start_parameter_servers()
        self.manager.start_workers()

    def tell(self, kind: str, name: str, phase: str, code: int | None = None, **more: Any) -> None:
        ended = SimpleNamespace(exit_code=code, reason=more.get("reason", "Error")) if code is not None else None
        status = SimpleNamespace(
            phase=phase,
            reason=more.get("status_reason"),
            container_statuses=[SimpleNamespace(state=SimpleNamespace(terminated=ended))],
        )
        spec = SimpleNamespace(node_name="" if phase == "Pending" else "node-1")
        metadata = SimpleNamespace(name=name, uid=more.get("uid", f"uid-{name}"))
        self.manager._event_cb({"type": kind, "object": SimpleNamespace(metadata=metadata, spec=spec, status=status)})
