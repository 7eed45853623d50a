"""What clients send and get. The OpenAPI document is made of these; limits that depend on the settings are checked when
a request is worked on (`trainer.serving.work`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from trainer.answers.relevance import CACHE_WEIGHT, SIMILARITY_WEIGHT

Text = Annotated[str, Field(min_length=1, description="Chinese text as it is written; it is cut into words here.")]
Normalisation = Annotated[
    Literal["exact", "estimated"],
    Field(
        description="exact: probabilities are normalised over the vocabulary, about 0.3 ms of processor a word. "
        "estimated: as noise-contrastive estimation leaves them, nearly normalised, about 300 times as fast."
    ),
]
CacheWeight = Annotated[
    float,
    Field(
        ge=0.0,
        le=0.9,
        description="Share of the words said before in the mixture with the network; 0: none. It is lowered where few "
        "words were said.",
    ),
]
SimilarityWeight = Annotated[
    float, Field(ge=0.0, le=100.0, description="Of the cosine of the texts' vectors beside the gain in nats a word.")
]


class Request(BaseModel):
    """Base: an unknown key is an error, and so is a number that is none."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


class Answer(BaseModel):
    """Base: each answer names the model's version, so that a figure can be traced and repeated."""

    model: Annotated[str, Field(description="The model's version.")]


class ScoreRequest(Request):
    """Sentences to score by the chain rule, each by itself."""

    sentences: Annotated[list[Text], Field(min_length=1)]
    said_before: Annotated[list[Text], Field(description="Texts whose words become likelier (a cache).")] = []
    cache_weight: CacheWeight = CACHE_WEIGHT
    normalisation: Normalisation = "exact"
    words: Annotated[bool, Field(description="Also each word's log-probability.")] = False


class WordScore(BaseModel):
    """A word's part of the chain rule."""

    word: Annotated[str, Field(description="The last one is the sentence's end, <boundary>.")]
    known: Annotated[bool, Field(description="False: scored as <unknown>, the sum of all words outside.")]
    log_probability: float


class SentenceScore(BaseModel):
    """log P(S) = sum of log P(w_i | w_<i), the sentence's end included; natural logarithms."""

    log_probability: float
    positions: Annotated[int, Field(description="Words, and one for the end.")]
    perplexity: Annotated[float, Field(description="exp(-log_probability / positions).")]
    unknown: Annotated[int, Field(description="Words outside the vocabulary.")]
    words: list[WordScore] | None = None


class ScoreAnswer(Answer):
    """In the order of the request."""

    normalisation: Normalisation
    sentences: list[SentenceScore]


class RankRequest(Request):
    """A question and answers to put in order."""

    question: Text
    answers: Annotated[list[Text], Field(min_length=1)]
    cache_weight: CacheWeight = CACHE_WEIGHT
    similarity_weight: SimilarityWeight = SIMILARITY_WEIGHT
    normalisation: Normalisation = "estimated"


class Ranked(BaseModel):
    """score = gain + similarity_weight * similarity; higher is better."""

    index: Annotated[int, Field(description="Place in the request.")]
    text: str
    score: float
    gain: Annotated[float, Field(description="What the question adds to the mean log-probability of a word, nats.")]
    similarity: Annotated[float, Field(description="Cosine of the two texts' vectors, -1 to 1.")]


class RankAnswer(Answer):
    """Best first."""

    answers: list[Ranked]


class Freedom(Request):
    """How freely words are drawn: temperature, then top-k, then top-p."""

    temperature: Annotated[float, Field(ge=0.0, le=5.0, description="0: always the likeliest word.")] = 0.8
    top_k: Annotated[int, Field(ge=0, le=1_000_000, description="Only the k likeliest words; 0: all.")] = 50
    top_p: Annotated[
        float, Field(gt=0.0, le=1.0, description="Then only the likeliest words that together have this probability.")
    ] = 0.95
    seed: Annotated[
        int | None,
        Field(ge=0, lt=2**53, description="Same model, request and seed: same text. None: one is drawn and told."),
    ] = None
    max_words: Annotated[int, Field(ge=1, description="Words of a text at most.")] = 40
    count: Annotated[int, Field(ge=1, description="Texts to write, each with its own draws.")] = 1


class GenerateRequest(Freedom):
    """A prompt to go on from; without one, a text begins."""

    prompt: Annotated[str, Field(description="Its last sentence is gone on with, or a new one begun if it ended.")] = ""
    sentences: Annotated[int, Field(ge=1, le=100, description="Sentences to write at most.")] = 1
    cache_weight: CacheWeight = CACHE_WEIGHT


class Generated(BaseModel):
    """A drawn text. Its log-probability is the model's own, before temperature, top-k and top-p, and normalised."""

    text: str
    words: list[str]
    log_probability: float
    finish: Annotated[
        Literal["sentence_end", "length"], Field(description="Why it ends: as the model would, or at max_words.")
    ]


class GenerateAnswer(Answer):
    """In the order in which they were drawn."""

    seed: int
    texts: list[Generated]


class ReplyRequest(Freedom):
    """A conversation whose last turn wants a reply: one is picked from the candidates, or `count` are written."""

    turns: Annotated[list[Text], Field(min_length=1, description="Oldest first; each weighs half of the one after it.")]
    candidates: Annotated[list[Text], Field(description="Replies to choose from; none: replies are written.")] = []
    cache_weight: CacheWeight = CACHE_WEIGHT
    similarity_weight: SimilarityWeight = SIMILARITY_WEIGHT
    normalisation: Normalisation = "estimated"


class Reply(Ranked):
    """A reply with its rank's reasons."""

    source: Literal["candidate", "generated"]


class ReplyAnswer(Answer):
    """Best first."""

    seed: Annotated[int | None, Field(description="Of what was written; null if nothing was.")]
    replies: list[Reply]


class SummarizeRequest(Request):
    """A document to choose sentences from."""

    text: Text
    sentences: Annotated[int, Field(ge=1, le=100, description="To choose.")] = 3
    diversity: Annotated[
        float, Field(ge=0.0, le=1.0, description="How much likeness to a sentence already chosen counts against one.")
    ] = 0.3
    cache_weight: CacheWeight = CACHE_WEIGHT
    similarity_weight: SimilarityWeight = SIMILARITY_WEIGHT
    normalisation: Normalisation = "estimated"


class Chosen(Ranked):
    """A sentence of the document; `index` is its place there."""

    rank: Annotated[int, Field(description="1: chosen first.")]


class SummarizeAnswer(Answer):
    """In the document's order."""

    of_sentences: Annotated[int, Field(description="Sentences of the document.")]
    sentences: list[Chosen]


class ModelAnswer(Answer):
    """What answers here."""

    business: str
    kind: str
    endpoints: list[str]
    vocabulary: int
    data_version: str | None
    perplexity: dict[str, float]
    limits: dict[str, float]


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: Annotated[str, Field(description="What was wrong, the limit, the way out.")]
    errors: list[dict[str, str]] = []
