"""The server as a process sees it: probes, metrics, errors, the end."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from trainer.config import ServingJob
from trainer.errors import SettingsError
from trainer.object_store import DirectoryStore
from trainer.serving.server import Server


def job(**serving: object) -> ServingJob:
    given = {"drain_seconds": 0.0, "poll_seconds": 0.05, **serving}
    made = ServingJob.model_validate(
        {"business": "qa", "kind": "qa", "region": "cn-hangzhou", "bucket": "b", "serving": given}
    )
    return made.model_copy(update={"serving": made.serving.model_copy(update={"port": given.get("port", 0)})})


async def fetch(server: Server, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{server.port}{path}") as answer:
        return answer.status, await answer.text()


async def test_without_a_model_the_server_is_alive_but_not_ready_and_says_why(tmp_path: Path) -> None:
    async with Server(job(), DirectoryStore(tmp_path)) as server:
        assert await fetch(server, "/healthz") == (200, "ok\n")
        status, text = await fetch(server, "/readyz")
        assert status == 503
        assert '"ready": false' in text
        assert "serving_ready 0.0" in (await fetch(server, "/metrics"))[1]


async def test_an_unknown_path_is_answered_with_problem_details(tmp_path: Path) -> None:
    async with Server(job(), DirectoryStore(tmp_path)) as server:
        status, text = await fetch(server, "/nowhere")
        assert (status, '"detail": "no /nowhere here"' in text) == (404, True)


async def test_a_draining_server_is_unready_and_still_answers(tmp_path: Path) -> None:
    async with Server(job(), DirectoryStore(tmp_path)) as server:
        await server.drain()
        assert "told to end" in (await fetch(server, "/readyz"))[1]
        assert (await fetch(server, "/healthz"))[0] == 200


async def test_a_used_port_is_one_line(tmp_path: Path) -> None:
    async with Server(job(), DirectoryStore(tmp_path)) as server:
        with pytest.raises(SettingsError, match=f"port {server.port} can't be used"):
            async with Server(job(port=server.port), DirectoryStore(tmp_path)):
                pass
