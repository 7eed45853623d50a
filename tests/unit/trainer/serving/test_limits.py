"""What is refused, with which status and reason; nothing that a client sends takes the server down."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.trainer.serving.harness import Client, client


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("/v1/score", {}, "sentences: Field required"),
        ("/v1/score", {"sentences": []}, "sentences: List should have at least 1 item"),
        ("/v1/score", {"sentences": [""]}, "sentences.0: String should have at least 1 character"),
        ("/v1/score", {"sentences": [" \n "]}, "sentences.0: holds no word"),
        ("/v1/score", {"sentences": ["好"], "sentence": 1}, "sentence: Extra inputs are not permitted"),
        ("/v1/score", {"sentences": "好"}, "sentences: Input should be a valid array"),
        ("/v1/score", {"sentences": [1]}, "sentences.0: Input should be a valid string"),
        ("/v1/score", {"sentences": ["好"] * 65}, "sentences: 65 texts; at most 64"),
        ("/v1/score", {"sentences": ["好 " * 201]}, "sentences.0: a sentence of 201 words; at most 200: cut it"),
        ("/v1/score", {"sentences": ["好 " * 190] * 6}, "1,146 words to normalise; at most 1,000 in one request"),
        ("/v1/score", {"sentences": ["好" * 20_001]}, "sentences: 20,001 characters; at most 20,000"),
        ("/v1/score", {"sentences": ["好"], "cache_weight": 1}, "cache_weight: Input should be less than or equal"),
        ("/v1/score", {"sentences": ["好"], "normalisation": "x"}, "normalisation: Input should be 'exact' or"),
        ("/v1/generate", {"max_words": 101}, "max_words: 101; at most 100 here"),
        ("/v1/generate", {"count": 9}, "count: 9; at most 8 here"),
        ("/v1/generate", {"top_p": 0}, "top_p: Input should be greater than 0"),
        ("/v1/generate", {"temperature": 1e9}, "temperature: Input should be less than or equal to 5"),
        ("/v1/generate", {"seed": -1}, "seed: Input should be greater than or equal to 0"),
    ],
)
async def test_a_wrong_value_is_named_with_its_limit(tmp_path: Path, path: str, body: Any, reason: str) -> None:
    async with client(tmp_path, "textgen") as server:
        problem = await server.post(path, body, status=422)
        assert problem["detail"].startswith(reason), problem
        assert problem["status"] == 422


async def test_a_body_beyond_the_limit_is_413(tmp_path: Path) -> None:
    async with client(tmp_path, requests={"body_bytes": 2048}) as server:
        status, headers, text = await server.send("/v1/score", b"x" * 3000)
        assert (status, headers["Content-Type"]) == (413, "application/problem+json; charset=utf-8")
        assert "more than 2,048 bytes" in text


async def test_beyond_the_places_and_the_queue_a_request_is_429_with_a_time_to_come_back(tmp_path: Path) -> None:
    limits = {"concurrent_requests": 1, "queued_requests": 1}
    async with client(tmp_path, "textgen", requests=limits) as server:
        body = json.dumps({"max_words": 80, "sentences": 50, "seed": 1}).encode()
        answers = await asyncio.gather(*(server.send("/v1/generate", body) for _ in range(8)))
        statuses = sorted(status for status, _, _ in answers)
        assert statuses[:2] == [200, 200]
        assert statuses[-1] == 429
        refused = next(headers for status, headers, _ in answers if status == 429)
        assert refused["Retry-After"] == "1"
        assert await server.metric('serving_requests_refused_total{reason="queue_full"}') == statuses.count(429)
        assert (await server.send("/v1/generate", b'{"max_words": 1}'))[0] == 200, "places are given back"


async def test_what_takes_too_long_is_503_and_its_place_is_free_again(tmp_path: Path) -> None:
    limits = {"timeout_seconds": 0.1, "concurrent_requests": 1, "generated_words": 1000, "generated_texts": 32}
    async with client(tmp_path, "textgen", requests=limits) as server:
        body = json.dumps({"max_words": 1000, "sentences": 100, "count": 32}).encode()
        status, headers, text = await server.send("/v1/generate", body)
        assert (status, headers["Retry-After"]) == (503, "1")
        assert "no answer within 0.1 s" in text
        assert (await server.send("/v1/score", '{"sentences": ["好"]}'.encode()))[0] == 200


async def test_a_defect_is_a_500_without_a_traceback_and_other_requests_of_its_batch_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with client(tmp_path, "textgen") as server:

        def fail(*_: Any) -> None:
            raise RuntimeError("a defect")

        with monkeypatch.context() as patched:
            patched.setattr("trainer.answers.sampling.Sampling.draw", fail)
            bad, good = await asyncio.gather(
                server.send("/v1/generate", b"{}"), server.send("/v1/score", '{"sentences": ["好"]}'.encode())
            )
        assert (bad[0], good[0]) == (500, 200)
        assert "Traceback" not in bad[2]
        assert "a defect of this server" in bad[2]
        assert "a defect" in caplog.text
        assert (await server.send("/v1/generate", b"{}"))[0] == 200


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
keys = st.sampled_from(
    ["sentences", "answers", "question", "turns", "candidates", "prompt", "text", "seed", "count", "max_words", "top_p"]
)
bodies = (
    st.binary(max_size=200)
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(keys, json_values, max_size=5).map(lambda value: json.dumps(value).encode())
    | st.just(b"[" * 50_000)
    | st.just(b'{"sentences": ["\\ud800"]}')
    | st.just(b'{"prompt": "x", "seed": 1e400}')
)


async def test_no_body_breaks_the_server(tmp_path: Path) -> None:
    """Anything is answered below 500, and the server scores as before afterwards."""
    async with client(tmp_path, "chatbot") as server:
        before = await server.post("/v1/score", {"sentences": ["今天"]})

        async def try_all(data: bytes) -> None:
            for path in ("/v1/score", "/v1/rank", "/v1/reply", "/v1/model", "/none"):
                status, _, text = await server.send(path, data)
                assert status < 500, (path, data, text)
                if status >= 400:
                    assert json.loads(text)["detail"]
                    assert "Traceback" not in text

        for data in examples(bodies, 60):
            await try_all(data)
        assert await server.post("/v1/score", {"sentences": ["今天"]}) == before


def examples(strategy: st.SearchStrategy[bytes], count: int) -> list[bytes]:
    """Hypothesis's examples as a list: it can't drive a coroutine."""
    found: list[bytes] = []

    @settings(max_examples=count, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(value: bytes) -> None:
        found.append(value)

    collect()
    return found


RAW = (
    b"\x00\x01\x02 garbage\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST /v1/score HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    b"POST /v1/score HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"POST /v1/score HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n",
    b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /v1/score HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{",
)


async def test_broken_http_and_half_a_request_leave_the_server_up(tmp_path: Path) -> None:
    async with client(tmp_path, requests={"timeout_seconds": 0.2}) as server:
        for data in RAW:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.server.port)
            writer.write(data)
            await writer.drain()
            writer.write_eof()
            answer = await asyncio.wait_for(reader.read(), 5)
            assert b"Traceback" not in answer
            assert b" 500 " not in answer.split(b"\r\n")[0]
            writer.close()
        await up(server)


async def up(server: Client) -> None:
    assert (await server.get("/healthz"))[0] == 200
    await server.post("/v1/score", {"sentences": ["今天"]})
