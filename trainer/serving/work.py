"""What each endpoint does, from a validated request to its answer; nothing here knows of HTTP but its refusals."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from trainer.answers.language_model import Cache, LanguageModel, Vector
from trainer.answers.relevance import Relevance, relevance, summary
from trainer.answers.sampling import Sampling
from trainer.config import RequestLimits
from trainer.data.corpus import ENDS
from trainer.data.vocabulary import BOUNDARY, BOUNDARY_ID, UNKNOWN_ID, Ids
from trainer.network.scorer import LogProbabilities
from trainer.serving import schemas
from trainer.serving.batching import Batcher
from trainer.serving.metrics import Metrics
from trainer.serving.problems import ProblemError

CUT_AT_ONCE = 500
"""Characters that are cut into words on the spot: about 2 ms."""
Parts = TypeVar("Parts")


@dataclass(frozen=True)
class Work:
    """One request's work: with one version of the model from its first to its last word, within the limits."""

    model: LanguageModel
    batcher: Batcher
    limits: RequestLimits
    metrics: Metrics

    async def score(self, request: schemas.ScoreRequest) -> schemas.ScoreAnswer:
        """Chain rule, sentence by sentence."""
        words = await self._sentences("sentences", request.sentences)
        said = await self._texts("said_before", request.said_before)
        encoded = [self.model.encode(sentence) for sentence in words]
        cache = self.model.cache(said, request.cache_weight)
        scored = await self._log_probabilities(encoded, exact=request.normalisation == "exact")
        return schemas.ScoreAnswer(
            model=self.model.version,
            normalisation=request.normalisation,
            sentences=[
                _sentence_score(text, ids, cache.mixed(_with_end(ids), values), with_words=request.words)
                for text, ids, values in zip(words, encoded, scored, strict=True)
            ],
        )

    async def rank(self, request: schemas.RankRequest) -> schemas.RankAnswer:
        """Answers by how much the question makes them likelier, and how near they are to it."""
        question = await self._texts("question", [request.question])
        answers = await self._sentences("answers", request.answers)
        encoded = [self.model.encode(words) for words in answers]
        said = self._said(question, request.cache_weight)
        found = await self._relevances([said] * len(encoded), encoded, request)
        ranked = [
            schemas.Ranked(index=place, text=request.answers[place], **vars(value)) for place, value in enumerate(found)
        ]
        return schemas.RankAnswer(model=self.model.version, answers=sorted(ranked, key=_best_first))

    async def generate(self, request: schemas.GenerateRequest) -> schemas.GenerateAnswer:
        """Texts that go on from the prompt."""
        sentences = await self._document("prompt", request.prompt)
        last = sentences[-1][1] if sentences and not _ended(sentences[-1][1]) else []
        prompt = self.model.encode([word for _, words in sentences for word in words])
        cache = self.model.cache([prompt], request.cache_weight)
        seed, texts = await self._write(request, self.model.encode(last), cache, request.sentences)
        return schemas.GenerateAnswer(model=self.model.version, seed=seed, texts=texts)

    async def reply(self, request: schemas.ReplyRequest) -> schemas.ReplyAnswer:
        """Candidates, or else replies written here, best first."""
        turns = await self._texts("turns", request.turns)
        given = await self._sentences("candidates", request.candidates)
        seed: int | None = None
        texts = list(request.candidates)
        if not given:
            cache = self.model.cache(turns, request.cache_weight)
            seed, written = await self._write(request, np.empty(0, dtype=np.int32), cache, 1)
            given, texts = [text.words for text in written], [text.text for text in written]
        encoded = [self.model.encode(words) for words in given]
        said = self._said(turns, request.cache_weight)
        found = await self._relevances([said] * len(encoded), encoded, request)
        replies = [
            schemas.Reply(
                index=place, text=texts[place], source="candidate" if seed is None else "generated", **vars(value)
            )
            for place, value in enumerate(found)
        ]
        return schemas.ReplyAnswer(model=self.model.version, seed=seed, replies=sorted(replies, key=_best_first))

    async def summarize(self, request: schemas.SummarizeRequest) -> schemas.SummarizeAnswer:
        """The sentences that stand best for the whole document and differ among themselves."""
        found = await self._document("text", request.text)
        if not found:
            raise ProblemError(422, "text: holds no word")
        for place, (_, words) in enumerate(found):
            self._require_words(f"text, sentence {place + 1}", words)
        encoded = [self.model.encode(words) for _, words in found]
        values = await self._relevances(self.model.rest(encoded, request.cache_weight), encoded, request)
        vectors = np.stack([self.model.vector(ids) for ids in encoded])
        order = summary([value.score for value in values], vectors, request.sentences, request.diversity)
        chosen = [
            schemas.Chosen(index=place, text=found[place][0], rank=rank, **vars(values[place]))
            for rank, place in enumerate(order, start=1)
        ]
        return schemas.SummarizeAnswer(
            model=self.model.version,
            of_sentences=len(found),
            sentences=sorted(chosen, key=lambda sentence: sentence.index),
        )

    # --- shared by the endpoints -------------------------------------------------------------------------------------

    def _said(self, turns: Sequence[Ids], cache_weight: float) -> tuple[Cache, Vector]:
        return self.model.cache(turns, cache_weight), self.model.vector(np.concatenate(turns))

    async def _relevances(
        self,
        said: Sequence[tuple[Cache, Vector]],
        texts: Sequence[Ids],
        request: schemas.RankRequest | schemas.ReplyRequest | schemas.SummarizeRequest,
    ) -> list[Relevance]:
        """Each text's, beside what was said for it."""
        scored = await self._log_probabilities(texts, exact=request.normalisation == "exact")
        return [
            relevance(_with_end(ids), values, cache, (direction, self.model.vector(ids)), request.similarity_weight)
            for (cache, direction), ids, values in zip(said, texts, scored, strict=True)
        ]

    async def _log_probabilities(self, sentences: Sequence[Ids], *, exact: bool) -> list[LogProbabilities]:
        """Each sentence's words and its end, from one pass."""
        lengths = [len(sentence) + 1 for sentence in sentences]
        self._require_total(sum(lengths), self.limits.words, "words in all", "send fewer or shorter texts")
        if exact:
            way_out = 'send fewer, or set "normalisation": "estimated"'
            self._require_total(sum(lengths), self.limits.normalised_words, "words to normalise", way_out)
        found = await self.batcher.score(self.model, self.model.positions(sentences), exact=exact)
        self.metrics.words.labels("scored").inc(sum(lengths))
        return np.split(found, np.cumsum(lengths)[:-1])

    async def _write(
        self, request: schemas.Freedom, begun: Ids, cache: Cache, sentences: int
    ) -> tuple[int, list[schemas.Generated]]:
        if request.max_words > self.limits.generated_words:
            raise ProblemError(422, f"max_words: {request.max_words}; at most {self.limits.generated_words} here")
        if request.count > self.limits.generated_texts:
            raise ProblemError(422, f"count: {request.count}; at most {self.limits.generated_texts} here")
        seed = secrets.randbelow(2**31) if request.seed is None else request.seed
        sampling = Sampling(request.temperature, request.top_k, request.top_p)
        writers = [
            _Writer(self.model, self.batcher, sampling, cache, np.random.default_rng([seed, number]))
            for number in range(request.count)
        ]
        texts = await asyncio.gather(*(writer.write(begun, request.max_words, sentences) for writer in writers))
        self.metrics.words.labels("generated").inc(sum(len(text.words) for text in texts))
        return seed, list(texts)

    async def _texts(self, field: str, texts: Sequence[str]) -> list[Ids]:
        """Texts of any number of sentences, encoded."""
        return [self.model.encode(words) for words in await self._cut(field, texts, self.model.segmenter.words)]

    async def _sentences(self, field: str, texts: Sequence[str]) -> list[list[str]]:
        """Texts that are scored as one sentence each."""
        found = await self._cut(field, texts, self.model.segmenter.words)
        for place, words in enumerate(found):
            if not words:
                raise ProblemError(422, f"{field}.{place}: holds no word")
            self._require_words(f"{field}.{place}", words)
        return found

    async def _document(self, field: str, text: str) -> list[tuple[str, list[str]]]:
        """A text's sentences, as written and as words."""
        return (await self._cut(field, [text], self.model.segmenter.sentences))[0]

    async def _cut(self, field: str, texts: Sequence[str], cut: Callable[[str], Parts]) -> list[Parts]:
        """Long texts in a thread, so that they keep nobody waiting."""
        if len(texts) > self.limits.texts:
            raise ProblemError(422, f"{field}: {len(texts)} texts; at most {self.limits.texts}: send several requests")
        for text in texts:
            if len(text) > self.limits.text_characters:
                raise ProblemError(422, f"{field}: {len(text):,} characters; at most {self.limits.text_characters:,}")
        if sum(map(len, texts)) <= CUT_AT_ONCE:
            return [cut(text) for text in texts]
        return await asyncio.to_thread(lambda: [cut(text) for text in texts])

    def _require_words(self, field: str, words: Sequence[str]) -> None:
        if len(words) > self.limits.sentence_words:
            raise ProblemError(
                422, f"{field}: a sentence of {len(words):,} words; at most {self.limits.sentence_words}: cut it"
            )

    @staticmethod
    def _require_total(given: int, most: int, what: str, way_out: str) -> None:
        if given > most:
            raise ProblemError(422, f"{given:,} {what}; at most {most:,} in one request: {way_out}")


@dataclass(frozen=True)
class _Writer:
    """Draws one text word by word."""

    model: LanguageModel
    batcher: Batcher
    sampling: Sampling
    cache: Cache
    generator: np.random.Generator

    async def write(self, begun: Ids, most: int, sentences: int) -> schemas.Generated:
        """Go on after the words already there, until so many sentences ended or so many words were written."""
        written: list[int] = []
        sentence = list(begun)
        total, ended = 0.0, 0
        while len(written) < most and ended < sentences:
            word, log_probability = await self.batcher.choose(self.model, self._window(sentence), self._draw)
            total += log_probability
            if word == BOUNDARY_ID:
                sentence, ended = [], ended + 1
            else:
                written.append(word)
                sentence.append(word)
        words = [self.model.vocabulary.words[word] for word in written]
        return schemas.Generated(
            text=self.model.text(words),
            words=words,
            log_probability=total,
            finish="sentence_end" if ended >= sentences else "length",
        )

    def _window(self, sentence: list[int]) -> Ids:
        size = self.model.history
        before = sentence[::-1][:size]
        return np.array(before + [BOUNDARY_ID] * (size - len(before)), dtype=np.int32)

    def _draw(self, log_probabilities: LogProbabilities) -> tuple[int, float]:
        mixed = self.cache.mixed_distribution(log_probabilities)
        sayable = mixed.copy()
        sayable[self.model.unsayable] = -np.inf
        word = self.sampling.draw(sayable, self.generator)
        return word, float(mixed[word])


def _with_end(ids: Ids) -> Ids:
    return np.concatenate([ids, np.array([BOUNDARY_ID], dtype=np.int32)])


def _ended(words: Sequence[str]) -> bool:
    """Whether the sentence is complete: it ends in a mark of that meaning, or in one and a closing mark."""
    return words[-1] in ENDS or (len(words) > 1 and words[-2] in ENDS)


def _best_first(ranked: schemas.Ranked) -> tuple[float, int]:
    return -ranked.score, ranked.index


def _sentence_score(
    words: Sequence[str], ids: Ids, values: LogProbabilities, *, with_words: bool
) -> schemas.SentenceScore:
    total = float(values.sum())
    parts: list[schemas.WordScore] | None = None
    if with_words:
        known = [*(ids != UNKNOWN_ID), True]
        parts = [
            schemas.WordScore(word=word, known=bool(is_known), log_probability=float(value))
            for word, is_known, value in zip((*words, BOUNDARY), known, values, strict=True)
        ]
    return schemas.SentenceScore(
        log_probability=total,
        positions=len(values),
        perplexity=float(np.exp(min(700.0, -total / len(values)))),
        unknown=int(np.sum(ids == UNKNOWN_ID)),
        words=parts,
    )
