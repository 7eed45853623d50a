"""The paths under /v1: which request each takes, what it answers, and whose work it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from trainer.config import ENDPOINTS, BusinessKind
from trainer.serving import schemas
from trainer.serving.work import Work


@dataclass(frozen=True)
class Endpoint:
    """A POST."""

    path: str
    summary: str
    request: type[BaseModel]
    answer: type[BaseModel]
    work: Callable[[Work, Any], Awaitable[BaseModel]]


ALL = (
    Endpoint(
        "/v1/score",
        "Log-probabilities of sentences",
        schemas.ScoreRequest,
        schemas.ScoreAnswer,
        lambda w, r: w.score(r),
    ),
    Endpoint(
        "/v1/rank", "Answers to a question, best first", schemas.RankRequest, schemas.RankAnswer, lambda w, r: w.rank(r)
    ),
    Endpoint(
        "/v1/generate",
        "Texts that go on from a prompt",
        schemas.GenerateRequest,
        schemas.GenerateAnswer,
        lambda w, r: w.generate(r),
    ),
    Endpoint(
        "/v1/reply",
        "Replies in a conversation, picked or written, best first",
        schemas.ReplyRequest,
        schemas.ReplyAnswer,
        lambda w, r: w.reply(r),
    ),
    Endpoint(
        "/v1/summarize",
        "The sentences that stand best for a document",
        schemas.SummarizeRequest,
        schemas.SummarizeAnswer,
        lambda w, r: w.summarize(r),
    ),
)


def of(kind: BusinessKind) -> tuple[Endpoint, ...]:
    """What a business of this kind offers."""
    return tuple(endpoint for endpoint in ALL if endpoint.path in ENDPOINTS[kind])
