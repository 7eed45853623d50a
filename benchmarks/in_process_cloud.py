"""A whole emulated cloud with simulated clusters, served over HTTP on a free port of loopback, in this process."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sandbox.addresses import Addresses
from sandbox.cloud.assembly import Cloud, CloudOptions, assemble
from sandbox.cloud.core.calls import CallLog
from sandbox.cloud.core.clock import CloudClock, MovableClock
from sandbox.cloud.core.store import Store
from sandbox.cloud.cs.backend import SimulatedBackend
from sandbox.cloud.oss.service import ObjectStorage
from sandbox.cloud.server import CloudServer
from sandbox.settings import SandboxSettings

ADDRESS = "127.0.0.1"
NETWORK_INDEX = 6
START_SECONDS = 30.0
Result = TypeVar("Result")


@dataclass(frozen=True)
class SimulatedCloud:
    """The running cloud, and where its server listens."""

    cloud: Cloud
    objects: ObjectStorage
    port: int
    log_path: Path
    machine_clock: MovableClock
    """What requests' times are compared with; it can be moved, to let requests come too late."""

    @property
    def endpoint(self) -> str:
        """Address and port, without a scheme."""
        return f"{ADDRESS}:{self.port}"


@contextmanager
def serve_simulated_cloud(state: Path) -> Iterator[SimulatedCloud]:
    """Start a cloud that keeps its state in a folder; it is ended with the block."""
    store, machine_clock = Store(state / "cloud.sqlite"), CloudClock(Store(None))
    settings = SandboxSettings("simulated", Addresses(NETWORK_INDEX), state, state)
    options = CloudOptions(
        endpoint=ADDRESS, authority=state / "authority.pem", simulated=True, images=state / "registry"
    )
    log_path = state / "cloud.log"
    cloud = assemble(settings, store, CloudClock(store), CallLog(log_path), SimulatedBackend, options, machine_clock)
    objects = ObjectStorage(cloud.context.accounts, cloud.authorizer, state / "objects", cloud.context.clock)
    with serve(cloud, objects) as port:
        yield SimulatedCloud(cloud, objects, port, log_path, machine_clock)


@contextmanager
def serve(cloud: Cloud, objects: ObjectStorage) -> Iterator[int]:
    """Serve a cloud on a free port, which is the block's; with the block both are ended and closed."""
    with _event_loop() as run:
        server = CloudServer(cloud, objects)
        run(server.start(ADDRESS, 0, 0, None))
        cloud.start()
        try:
            yield server.port
        finally:
            run(server.stop())
            cloud.stop()
            objects.close()


async def _cancel_others() -> None:
    """End the tasks of connections that broke off."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


@contextmanager
def _event_loop() -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    """A loop in a thread of its own, and what runs a coroutine on it and waits."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="simulated-cloud", daemon=True)
    thread.start()

    def run(work: Coroutine[Any, Any, Result]) -> Result:
        future: concurrent.futures.Future[Result] = asyncio.run_coroutine_threadsafe(work, loop)
        return future.result(timeout=START_SECONDS)

    try:
        yield run
    finally:
        run(_cancel_others())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=START_SECONDS)
        loop.close()
