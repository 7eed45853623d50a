"""What each endpoint answers; the arithmetic below it has its own tests."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.trainer.models import language_model
from tests.unit.trainer.serving.harness import client

MODEL = language_model()


def log_probability(text: str) -> float:
    """By the chain rule, word after word, from whole distributions."""
    words = [*MODEL.encode(MODEL.segmenter.words(text)).tolist(), 1]
    total = 0.0
    for place, word in enumerate(words):
        before = ([1] * 3 + words[:place])[-3:][::-1]
        context = MODEL.scorer.contexts(np.array([before], dtype=np.int32))
        total += float(next(MODEL.scorer.distributions(context))[word])
    return total


async def test_a_sentences_score_is_the_sum_over_its_words_and_its_end(tmp_path: Path) -> None:
    async with client(tmp_path) as server:
        texts = ["今天天气很好。", "龘"]
        answer = await server.post("/v1/score", {"sentences": texts, "words": True})
        assert (answer["model"], answer["normalisation"]) == ("v0", "exact")
        for text, found in zip(texts, answer["sentences"], strict=True):
            assert found["log_probability"] == pytest.approx(log_probability(text), abs=1e-4)
            assert found["log_probability"] == pytest.approx(sum(word["log_probability"] for word in found["words"]))
            assert found["perplexity"] == pytest.approx(np.exp(-found["log_probability"] / found["positions"]))
        assert [word["word"] for word in answer["sentences"][0]["words"]] == [
            *["今天", "天气", "很", "好", "。"],
            "<boundary>",
        ]
        assert (answer["sentences"][1]["unknown"], answer["sentences"][1]["words"][0]["known"]) == (1, False)


async def test_words_said_before_are_likelier(tmp_path: Path) -> None:
    async with client(tmp_path) as server:
        alone = await server.post("/v1/score", {"sentences": ["我喜欢苹果"]})
        after = await server.post("/v1/score", {"sentences": ["我喜欢苹果"], "said_before": ["他吃苹果"]})
        assert after["sentences"][0]["log_probability"] > alone["sentences"][0]["log_probability"]


async def test_requests_that_share_a_batch_get_what_each_gets_alone(tmp_path: Path) -> None:
    texts = ["今天天气很好", "我不喜欢苹果。", "北京大学", "他吃", "人民银行的学生生活"]
    async with client(tmp_path) as server:
        for normalisation in ("exact", "estimated"):

            async def score(given: list[str], how: str = normalisation) -> list[dict[str, Any]]:
                answer = await server.post("/v1/score", {"sentences": given, "normalisation": how})
                return list(answer["sentences"])

            alone = [await score([text]) for text in texts * 4]
            together = await asyncio.gather(*(score([text]) for text in texts * 4))
            assert together == alone
            assert await score(texts) == [found for one in alone[:5] for found in one]


async def test_answers_come_best_first_with_their_places(tmp_path: Path) -> None:
    async with client(tmp_path) as server:
        answers = ["我吃苹果", "北京大学的学生很好"]
        found = (await server.post("/v1/rank", {"question": "你在北京大学吗", "answers": answers}))["answers"]
        assert [entry["index"] for entry in found] == [1, 0]
        assert found[0]["text"] == answers[1]
        for entry in found:
            assert entry["score"] == pytest.approx(entry["gain"] + 0.3 * entry["similarity"])


async def test_a_seed_gives_the_same_text_again_whoever_else_asks(tmp_path: Path) -> None:
    body = {"prompt": "今天", "max_words": 12, "count": 3, "seed": 7, "sentences": 3}
    async with client(tmp_path, "textgen") as server:
        first = await server.post("/v1/generate", body)
        others = [server.post("/v1/generate", {**body, "seed": seed}) for seed in range(20, 30)]
        second, *rest = await asyncio.gather(server.post("/v1/generate", body), *others)
        assert second == first
        assert any(answer["texts"] != first["texts"] for answer in rest)
        told = (await server.post("/v1/generate", {"max_words": 5}))["seed"]
        again = [await server.post("/v1/generate", {"max_words": 5, "seed": told}) for _ in range(2)]
        assert again[0] == again[1]


async def test_generated_words_are_sayable_few_enough_and_scored_by_the_model_itself(tmp_path: Path) -> None:
    async with client(tmp_path, "textgen") as server:
        body = {"max_words": 30, "count": 8, "seed": 1, "temperature": 2.0, "top_k": 0, "top_p": 1.0, "cache_weight": 0}
        for text in (await server.post("/v1/generate", body))["texts"]:
            assert not {"<unknown>", "<number>", "<boundary>"} & set(text["words"])
            assert len(text["words"]) <= 30
            if text["finish"] == "sentence_end" and text["words"]:
                assert text["log_probability"] == pytest.approx(log_probability(" ".join(text["words"])), abs=1e-3)


async def test_temperature_zero_is_greedy(tmp_path: Path) -> None:
    async with client(tmp_path, "textgen") as server:
        body = {"prompt": "我喜欢", "temperature": 0, "max_words": 1, "cache_weight": 0}
        word = (await server.post("/v1/generate", body))["texts"][0]["words"]
        ids = MODEL.encode(["喜欢", "我"]).tolist()
        found = next(MODEL.scorer.distributions(MODEL.scorer.contexts(np.array([[*ids, 1]], dtype=np.int32))))
        found[MODEL.unsayable] = -np.inf
        best = int(np.argmax(found))
        assert word == ([] if best == 1 else [MODEL.vocabulary.words[best]])


async def test_a_reply_is_picked_from_candidates_or_written(tmp_path: Path) -> None:
    async with client(tmp_path, "chatbot") as server:
        turns = ["你好", "你喜欢北京大学吗"]
        picked = await server.post("/v1/reply", {"turns": turns, "candidates": ["我吃苹果", "我喜欢北京大学"]})
        assert picked["replies"][0]["text"] == "我喜欢北京大学"
        assert {reply["source"] for reply in picked["replies"]} == {"candidate"}
        written = await server.post("/v1/reply", {"turns": turns, "count": 4, "seed": 3})
        assert [reply["source"] for reply in written["replies"]] == ["generated"] * 4
        scores = [reply["score"] for reply in written["replies"]]
        assert scores == sorted(scores, reverse=True)
        assert written == await server.post("/v1/reply", {"turns": turns, "count": 4, "seed": 3})


async def test_a_summary_is_sentences_of_the_document_in_its_order(tmp_path: Path) -> None:
    text = "北京大学的学生生活很好。今天天气很好!北京大学的学生生活很好。我吃苹果。"
    async with client(tmp_path, "summarization") as server:
        found = await server.post("/v1/summarize", {"text": text, "sentences": 2, "diversity": 0.6})
        assert found["of_sentences"] == 4
        places = [sentence["index"] for sentence in found["sentences"]]
        assert places == sorted(places)
        assert len({sentence["text"] for sentence in found["sentences"]}) == 2, "a repetition is passed over"
        assert sorted(sentence["rank"] for sentence in found["sentences"]) == [1, 2]
        assert all(sentence["text"] in text for sentence in found["sentences"])
