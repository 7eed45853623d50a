"""Parameter servers and a master in this process, behind ElasticDL's real client, for its real worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import numpy as np
from elasticdl.proto import elasticdl_pb2
from elasticdl.python.common.args import parse_worker_args
from elasticdl.python.common.tensor_utils import pb_to_indexed_slices, pb_to_ndarray, serialize_ndarray
from elasticdl.python.worker.ps_client import PSClient
from tensorflow.core.framework import tensor_pb2

ZOO = Path(__file__).parents[4] / "trainer" / "elasticdl"


class Server:
    """One parameter server, with plain gradient descent. Rows are made when first asked for, and all zeros, as the Go
    server makes them for every initializer that is safe with it."""

    def __init__(self) -> None:
        self.dense: dict[str, np.ndarray] = {}
        self.tables: dict[str, dict[int, np.ndarray]] = {}
        self.sizes: dict[str, int] = {}
        self.version = 0
        self.initialized = False
        self.rate = 1.0
        """Of each gradient so much is taken."""
        self.dies_at: int | None = None
        """The version at which it goes away, to be replaced by an empty one."""
        for name in ("pull_dense_parameters", "pull_embedding_vectors", "push_gradients"):
            setattr(self, name, _Call(self, getattr(self, f"_{name}")))

    def empty(self) -> None:
        """As after being replaced."""
        self.dense, self.tables, self.version, self.initialized = {}, {}, 0, False

    def push_embedding_table_infos(self, model: Any) -> None:
        for info in model.embedding_table_infos:
            self.sizes[info.name] = info.dim
            self.tables.setdefault(info.name, {})

    def push_model(self, model: Any) -> None:
        if self.initialized:
            return
        self.push_embedding_table_infos(model)
        self.dense = {name: pb_to_ndarray(value).copy() for name, value in model.dense_parameters.items()}
        for name, value in model.embedding_tables.items():
            slices = pb_to_indexed_slices(value)
            self.tables[name] = {int(i): row.copy() for i, row in zip(slices.indices, slices.values, strict=True)}
        self.version, self.initialized = max(0, model.version), True

    def _pull_dense_parameters(self, request: Any) -> Any:
        answer = elasticdl_pb2.PullDenseParametersResponse(initialized=self.initialized, version=self.version)
        if self.initialized and self.version >= request.version:
            for name, value in self.dense.items():
                serialize_ndarray(value, answer.dense_parameters[name])
        return answer

    def _pull_embedding_vectors(self, request: Any) -> Any:
        rows = np.stack([self._row(request.name, index) for index in request.ids])
        answer = tensor_pb2.TensorProto()
        serialize_ndarray(rows, answer)
        return answer

    def _push_gradients(self, request: Any) -> Any:
        for name, value in request.gradients.dense_parameters.items():
            self.dense[name] = self.dense[name] - self.rate * request.learning_rate * pb_to_ndarray(value)
        for name, value in request.gradients.embedding_tables.items():
            slices = pb_to_indexed_slices(value)
            for index, gradient in zip(slices.indices, slices.values, strict=True):
                if name in self.dense:
                    self.dense[name][index] -= self.rate * request.learning_rate * gradient
                else:
                    row = self._row(name, int(index))
                    self.tables[name][int(index)] = row - self.rate * request.learning_rate * gradient
        self.version += 1
        return elasticdl_pb2.PushGradientsResponse(accepted=True, version=self.version)

    def _row(self, name: str, index: int) -> np.ndarray:
        return self.tables[name].setdefault(index, np.zeros(self.sizes[name], dtype=np.float32))


class Unavailable(grpc.RpcError):
    """Nobody answers."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNAVAILABLE


class _Call:
    """`stub.method(request)` and `stub.method.future(request).result()`. Who does not wait finds no dead server."""

    def __init__(self, server: Server, action: Any) -> None:
        self._server = server
        self._action = action

    def __call__(self, request: Any, *, wait_for_ready: bool = False, timeout: float | None = None) -> Any:
        if self._server.dies_at is not None and self._server.version >= self._server.dies_at:
            if not wait_for_ready:
                raise Unavailable
            self._server.dies_at = None
            self._server.empty()
        return self._action(request)

    def future(self, request: Any) -> Any:
        def result(_self: Any) -> Any:
            return self(request)

        return type("Future", (), {"result": result})()


class Master:
    """Hands out the given tasks, then the end's, then nothing."""

    def __init__(self, tasks: list[Any], evaluations: list[Any] | None = None) -> None:
        self._tasks = tasks
        self._evaluations = evaluations or []
        self.reported: dict[int, str] = {}
        self.outputs: list[Any] = []

    def get_task(self, task_type: int | None = None) -> Any:
        queue = self._evaluations if task_type == elasticdl_pb2.EVALUATION else self._tasks
        return queue.pop(0) if queue else elasticdl_pb2.Task()

    def report_task_result(self, task_id: int, err_msg: str, exec_counters: Any = None) -> None:
        self.reported[task_id] = err_msg

    def report_evaluation_metrics(self, model_outputs: Any, labels: Any) -> None:
        self.outputs.append((model_outputs, labels))


def task(number: int, shard: str, start: int, end: int, kind: int = elasticdl_pb2.TRAINING) -> Any:
    return elasticdl_pb2.Task(task_id=number, shard_name=shard, start=start, end=end, type=kind)


def client(servers: list[Server]) -> PSClient:
    made = PSClient([])
    made.ps_stubs, made.ps_num = list(servers), len(servers)
    return made


def worker_arguments(number: int = 0) -> Any:
    options = {
        "worker_id": number,
        "job_type": "training_with_evaluation",
        "model_zoo": ZOO,
        "model_def": "zoo.custom_model",
        "minibatch_size": 16,
        "training_data": "oss://qa-data/data/train*",
        "distribution_strategy": "ParameterServerStrategy",
        "log_loss_steps": 1000,
    }
    return parse_worker_args([text for name, value in options.items() for text in (f"--{name}", str(value))])
