"""The server as a process sees it: probes, metrics, the OpenAPI document, the end; no TensorFlow in it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.trainer.serving.harness import HOST, client, job
from trainer.config import ENDPOINTS, BusinessKind
from trainer.errors import SettingsError
from trainer.serving.server import Server
from trainer.storage.object_store import DirectoryStore


async def test_without_a_model_the_server_is_alive_but_not_ready_and_says_why(tmp_path: Path) -> None:
    async with client(tmp_path, version=None) as server:
        assert await server.get("/healthz") == (200, "ok\n")
        await server.until(lambda: "no model was promoted" in server.server.source.unready)
        status, text = await server.get("/readyz")
        assert status == 503
        assert json.loads(text) == {"ready": False, "reason": f"no model was promoted in {tmp_path}/models/ yet"}
        assert await server.metric("serving_ready") == 0
        status, headers, text = await server.send("/v1/score", b'{"sentences": ["x"]}')
        assert (status, headers["Retry-After"]) == (503, "1")
        assert "no model was promoted" in text


async def test_with_a_model_it_is_ready_and_tells_what_it_is(tmp_path: Path) -> None:
    async with client(tmp_path) as server:
        assert await server.get("/readyz") == (200, '{"ready": true, "reason": null}\n')
        told = json.loads((await server.get("/v1/model"))[1])
        assert (told["model"], told["kind"], told["vocabulary"]) == ("v0", "qa", 32)
        assert told["perplexity"] == {"network": 100.0}
        text = (await server.get("/metrics"))[1]
        assert 'serving_model_info{version="v0"} 1.0' in text
        assert 'serving_requests_total{path="/readyz",status="200"} 1.0' in text


@pytest.mark.parametrize("kind", list(ENDPOINTS))
async def test_a_server_offers_and_describes_what_its_kind_of_business_needs(
    tmp_path: Path, kind: BusinessKind
) -> None:
    async with client(tmp_path, kind) as server:
        described = json.loads((await server.get("/openapi.json"))[1])
        offered = {path for path, methods in described["paths"].items() if "post" in methods}
        assert offered == set(ENDPOINTS[kind])
        for path in {path for paths in ENDPOINTS.values() for path in paths}:
            status, _, text = await server.send(path, b'{"other": 1}')
            assert status == (422 if path in offered else 404), text


async def test_the_openapi_document_refers_only_to_what_it_holds(tmp_path: Path) -> None:
    async with client(tmp_path, "chatbot") as server:
        text = (await server.get("/openapi.json"))[1]
        held = json.loads(text)["components"]["schemas"]
        named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
        assert named <= set(held)
        assert {"ReplyRequest", "ReplyAnswer", "Problem"} <= named


async def test_an_unknown_path_and_a_wrong_method_are_answered_with_problem_details(tmp_path: Path) -> None:
    async with client(tmp_path) as server:
        status, text = await server.get("/nowhere")
        assert status == 404
        assert json.loads(text)["detail"] == ("no /nowhere here: qa (qa) offers /v1/score, /v1/rank; see /openapi.json")
        status, text = await server.get("/v1/score")
        assert (status, json.loads(text)["detail"]) == (405, "/v1/score takes POST")


async def test_a_draining_server_is_unready_and_still_answers_and_asks_to_reconnect(tmp_path: Path) -> None:
    async with client(tmp_path) as server:
        await server.server.drain()
        assert "told to end" in (await server.get("/readyz"))[1]
        status, headers, _ = await server.send("/v1/score", '{"sentences": ["今天"]}'.encode())
        assert (status, headers["Connection"]) == (200, "close")


async def test_requests_in_flight_are_finished_when_the_server_ends(tmp_path: Path) -> None:
    async with client(tmp_path, "textgen") as server:
        body = {"prompt": "今天", "max_words": 60, "sentences": 50, "count": 4, "seed": 1}
        requests = [asyncio.create_task(server.post("/v1/generate", body)) for _ in range(5)]
        while await server.metric("serving_requests_in_flight") < 5:
            pass
        await server.server.__aexit__()
        answers = await asyncio.gather(*requests)
        assert all(len(answer["texts"]) == 4 for answer in answers)


async def test_a_used_port_is_one_line(tmp_path: Path) -> None:
    async with client(tmp_path) as server:
        port = server.server.port
        with pytest.raises(SettingsError, match=f"port {port} can't be used"):
            async with Server(job(port=port), DirectoryStore(tmp_path), HOST):
                pass


def test_the_servers_process_holds_no_tensorflow() -> None:
    code = """
import sys
import trainer.serving.server, trainer.__main__, trainer.commands
print(sorted({'tensorflow', 'keras', 'elasticdl', 'kubernetes', 'snownlp'} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


async def test_the_page_is_whole_in_itself_and_its_policy_allows_just_that(tmp_path: Path) -> None:
    async with client(tmp_path) as server, server.session.get(server.url("/")) as answer:
        html, policy = await answer.text(), answer.headers["Content-Security-Policy"]
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "http://" not in html
        assert "https://" not in html
        assert " style=" not in html, "an attribute's style is no part of the policy"
        for part in ("style", "script"):
            text = html.split(f"<{part}>")[1].split(f"</{part}>")[0]
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"{part}-src 'sha256-{digest}'" in policy
