"""The command as a pod runs it: starts from a settings file, and on SIGTERM finishes what it works on."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.unit.trainer.models import promote
from tests.unit.trainer.serving.harness import HOST
from trainer.storage.object_store import DirectoryStore

START_SECONDS, END_SECONDS = 60.0, 30.0
REPOSITORY = Path(__file__).parents[4]


@asynccontextmanager
async def running(folder: Path, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    settings = {"business": "textgen", "kind": "textgen", "region": "cn-hangzhou", "bucket": "none"}
    serving = {"port": port, "drain_seconds": 0.2, "requests": {"timeout_seconds": 20}}
    (folder / "serving.json").write_text(json.dumps({**settings, "serving": serving}))
    arguments = ["-m", "trainer", "serve", "--settings", str(folder / "serving.json"), "--store", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env=environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def ready(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(f"{url}/readyz") as answer:
            return answer.status == 200
    except aiohttp.ClientConnectorError:
        return False


async def test_told_to_end_the_process_answers_what_it_works_on_and_exits_with_zero(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    promote(DirectoryStore(tmp_path), "v1")
    url = f"http://{HOST}:{unused_tcp_port}"
    async with running(tmp_path, unused_tcp_port) as process, aiohttp.ClientSession() as session:
        deadline = time.monotonic() + START_SECONDS
        while not await ready(session, url):
            assert process.returncode is None
            assert time.monotonic() < deadline

        async def generate(seed: int) -> int:
            body = {"seed": seed, "max_words": 100, "sentences": 100, "count": 8}
            async with session.post(f"{url}/v1/generate", json=body) as answer:
                assert len((await answer.json())["texts"]) == 8
                return answer.status

        asked = [asyncio.create_task(generate(seed)) for seed in range(6)]
        while "serving_requests_in_flight 6.0" not in await metrics(session, url):
            pass
        process.send_signal(signal.SIGTERM)
        assert await asyncio.gather(*asked) == [200] * 6
        assert await asyncio.wait_for(process.wait(), END_SECONDS) == 0
        assert process.stderr is not None
        assert b"Traceback" not in await process.stderr.read()


async def metrics(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(f"{url}/metrics") as answer:
        return await answer.text()
