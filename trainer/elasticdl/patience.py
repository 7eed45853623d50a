"""A worker's patience with its parameter servers: one that dies is waited for, filled again, and asked once more.

ElasticDL's own worker ends with an error at the first call that a parameter server does not answer. All workers make
such calls all the time, so one parameter server's death ends every worker, and then the job. Here a call that finds
nobody waits until the server in its place answers, has it filled from the last checkpoint if it is empty, and is made
again. A gradient that is sent again was computed for slightly other values; an asynchronous server takes those always.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import grpc
from elasticdl.proto import elasticdl_pb2
from elasticdl.python.common.tensor_utils import Tensor

LOG = logging.getLogger("trainer.patience")
PATIENCE_SECONDS = 120.0
"""Longer than a replacement takes anywhere; a server that stays away longer is an error as before."""


class PatientStub:
    """Stands in for the connection to one parameter server."""

    def __init__(self, stub: Any, refill: Callable[[Any], None]) -> None:
        self._stub = stub
        self._refill = refill

    def __getattr__(self, name: str) -> PatientCall:
        return PatientCall(name, self._stub, self._refill)


class PatientCall:
    """One kind of call: made at once, or as a future."""

    def __init__(self, name: str, stub: Any, refill: Callable[[Any], None]) -> None:
        self._name = name
        self._stub = stub
        self._refill = refill

    def __call__(self, request: Any) -> Any:
        return self._patiently(request, lambda: getattr(self._stub, self._name)(request))

    def future(self, request: Any) -> PatientFuture:
        made = getattr(self._stub, self._name).future(request)
        return PatientFuture(lambda: self._patiently(request, made.result))

    def _patiently(self, request: Any, first: Callable[[], Any]) -> Any:
        try:
            return first()
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
        LOG.warning("no answer to %s: waiting for the parameter server", self._name)
        self._refill(self._stub)
        if self._name == "pull_dense_parameters":
            request.version = -1  # the server may stand at an older version now: take what it has
        return getattr(self._stub, self._name)(request, wait_for_ready=True, timeout=PATIENCE_SECONDS)


class PatientFuture:
    """As much of a future as ElasticDL uses."""

    def __init__(self, result: Callable[[], Any]) -> None:
        self.result = result


def make_patient(worker: Any) -> None:
    """Give a worker patience with all its parameter servers."""
    client = worker._ps_client

    def refill_of(server: int) -> Callable[[Any], None]:
        return lambda stub: refill(worker, server, stub)

    client.ps_stubs = [PatientStub(stub, refill_of(server)) for server, stub in enumerate(client.ps_stubs)]


def refill(worker: Any, server: int, stub: Any) -> None:
    """Wait until a server answers, and fill it if it is empty; several workers may do so, the first one counts."""
    question = elasticdl_pb2.PullDenseParametersRequest(version=-1)
    answer = stub.pull_dense_parameters(question, wait_for_ready=True, timeout=PATIENCE_SECONDS)
    if not answer.initialized:
        worker.report_embedding_info()
        client = worker._ps_client
        variables = worker._non_embed_vars
        values = [Tensor(name, variables[name].numpy(), None) for name in client.ps_to_parameter.get(server, [])]
        client.push_dense_parameters(values, server, worker._model_versions_from_ps[server])
    worker._model_versions_from_ps[server] = -1
    LOG.warning("parameter server %d answers again", server)
