"""A server on a free port with a registry in a directory, and a client that speaks JSON to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.unit.trainer.models import promote
from trainer.config import BusinessKind, ServingJob
from trainer.serving.server import Server
from trainer.storage.object_store import DirectoryStore

HOST = "127.0.0.1"


def job(kind: BusinessKind = "qa", **serving: Any) -> ServingJob:
    """Settings that poll quickly and drain at once; `port` may be 0, a free one."""
    given = {"drain_seconds": 0.0, "poll_seconds": 0.05, **serving}
    port = given.pop("port", 0)
    made = ServingJob.model_validate(
        {"business": kind, "kind": kind, "region": "cn-hangzhou", "bucket": "b", "serving": given}
    )
    return made.model_copy(update={"serving": made.serving.model_copy(update={"port": port})})


@dataclass
class Client:
    """Requests to one server."""

    server: Server
    session: aiohttp.ClientSession
    store: DirectoryStore

    def url(self, path: str) -> str:
        return f"http://{HOST}:{self.server.port}{path}"

    async def get(self, path: str) -> tuple[int, str]:
        async with self.session.get(self.url(path)) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str, body: Any, status: int = 200) -> dict[str, Any]:
        """The answer's JSON; fails unless the status is the expected one."""
        async with self.session.post(self.url(path), json=body) as answer:
            found: dict[str, Any] = await answer.json(content_type=None)
            assert answer.status == status, found
            return found

    async def send(self, path: str, data: bytes) -> tuple[int, dict[str, str], str]:
        async with self.session.post(self.url(path), data=data) as answer:
            return answer.status, dict(answer.headers), await answer.text()

    async def metric(self, name: str) -> float:
        lines = (await self.get("/metrics"))[1].splitlines()
        return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for it, at most ten seconds."""
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, f"never came true; {self.server.source.unready}"
            await asyncio.sleep(0.005)

    async def until_version(self, version: str) -> None:
        source = self.server.source
        await self.until(lambda: source.loaded is not None and source.loaded.model.version == version)


@asynccontextmanager
async def client(
    path: Path, kind: BusinessKind = "qa", version: str | None = "v0", **serving: Any
) -> AsyncIterator[Client]:
    """A client of a server that has loaded the version, unless that is None."""
    store = DirectoryStore(path)
    if version is not None:
        promote(store, version)
    async with Server(job(kind, **serving), store, HOST) as server, aiohttp.ClientSession() as session:
        found = Client(server, session, store)
        if version is not None:
            await found.until_version(version)
        yield found
