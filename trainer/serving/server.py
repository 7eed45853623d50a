"""The process: listens, follows the registry, and ends without dropping a request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys

from aiohttp import web

from trainer.config import ServingJob
from trainer.errors import SettingsError
from trainer.serving.application import application
from trainer.serving.batching import Batcher
from trainer.serving.metrics import Metrics
from trainer.serving.models import ModelSource
from trainer.storage.object_store import ObjectStore

LOG = logging.getLogger("trainer.serving")
SWITCH_SECONDS = 0.0005
"""How long a thread may hold the interpreter: Python's 5 ms would be most of an answer's time."""


def run(job: ServingJob, store: ObjectStore) -> None:
    """Serve until SIGTERM or SIGINT. Raises SettingsError if the port is taken."""
    asyncio.run(_serve(job, store))


async def _serve(job: ServingJob, store: ObjectStore) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Server(job, store) as server:
        LOG.info("serving %s (%s) on port %d, models of %s", job.business, job.kind, server.port, store.address)
        await stop.wait()
        LOG.info("told to end: unready for %.1f s, then the requests in flight are finished", job.serving.drain_seconds)
        await server.drain()


class Server:
    """A listening server as an asynchronous context: entered it listens, left it is gone."""

    def __init__(self, job: ServingJob, store: ObjectStore, host: str | None = None) -> None:
        """`host`: the address to listen on; None, all of the machine's."""
        self._job = job
        self._host = host
        self.metrics = Metrics()
        self.source = ModelSource(job, store, self.metrics)
        self._batcher = Batcher(job.serving.batches, self.metrics)
        self._runner = web.AppRunner(
            application(job, self.source, self._batcher, self.metrics),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=job.serving.requests.timeout_seconds,
        )
        self._poller: asyncio.Task[None] | None = None
        self.port = job.serving.port

    async def __aenter__(self) -> Server:
        sys.setswitchinterval(SWITCH_SECONDS)
        await self._batcher.__aenter__()
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._job.serving.port, backlog=1024)
        try:
            await site.start()
        except OSError as error:
            await self.__aexit__()
            raise SettingsError(
                f"port {self.port} can't be used: {error.strerror}; set serving.port in the settings"
            ) from error
        self.port = self._runner.addresses[0][1]
        self._poller = asyncio.create_task(self.source.follow(), name="follow the registry")
        return self

    async def drain(self) -> None:
        """Unready at once; still answering while the routes to this pod are taken away."""
        self.source.draining = True
        await asyncio.sleep(self._job.serving.drain_seconds)

    async def __aexit__(self, *_: object) -> None:
        if self._poller is not None:
            self._poller.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._poller
        await self._runner.cleanup()
        await self._batcher.__aexit__()
