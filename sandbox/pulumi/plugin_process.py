"""The life of a plugin process: it serves on a loopback port that it prints, until the engine ends it or is gone."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc

if TYPE_CHECKING:
    from pulumi.runtime.proto import engine_pb2

MAXIMUM_MESSAGE_BYTES = 400 * 1024 * 1024
"""What the engine itself allows: a state may hold large objects."""

PARENT_CHECK_SECONDS = 1.0
CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", MAXIMUM_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAXIMUM_MESSAGE_BYTES),
)


def serve(register: Callable[[grpc.Server], None], on_end: Callable[[], None], threads: int) -> None:
    """Serve what `register` adds to the server; `on_end` is called once, before the process ends with status 0.

    The end comes by SIGINT or SIGTERM (so the engine closes its plugins, quietly), or when the engine has died.
    """
    # A handler may run at any instruction, so it does nothing; the pipe is what wakes the loop below.
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: None)
    parent = os.getppid()
    server = grpc.server(ThreadPoolExecutor(max_workers=threads), options=CHANNEL_OPTIONS)
    register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    # An engine that was killed cannot say goodbye: its children are handed to another parent.
    while not select.select([woken], [], [], PARENT_CHECK_SECONDS)[0] and os.getppid() == parent:
        pass
    on_end()
    sys.stdout.flush()
    sys.stderr.flush()
    # At once: calls that still wait for something in the cluster must not hold the process up.
    os._exit(0)


class EngineLog:
    """The engine's log, as its user sees it."""

    def __init__(self, address: str) -> None:
        from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc  # noqa: PLC0415 - only where there is an engine

        self._messages = engine_pb2
        self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address, options=CHANNEL_OPTIONS))

    def info(self, message: str, urn: str = "") -> None:
        """A line that stays in the output."""
        self._log(self._messages.INFO, message, urn, ephemeral=False)

    def warning(self, message: str, urn: str = "") -> None:
        """A warning in the summary of the resource."""
        self._log(self._messages.WARNING, message, urn, ephemeral=False)

    def error(self, message: str, urn: str = "") -> None:
        """An error, after which the engine calls the operation failed."""
        self._log(self._messages.ERROR, message, urn, ephemeral=False)

    def status(self, message: str, urn: str = "") -> None:
        """What happens right now, shown beside the resource and replaced by the next status."""
        self._log(self._messages.INFO, message, urn, ephemeral=True)

    def _log(self, severity: engine_pb2.LogSeverity.ValueType, message: str, urn: str, *, ephemeral: bool) -> None:
        request = self._messages.LogRequest(severity=severity, message=message, urn=urn, ephemeral=ephemeral)
        try:
            self._stub.Log(request, timeout=5.0)
        except grpc.RpcError:
            # The engine is closing; what is said now would not be shown anyway.
            return
