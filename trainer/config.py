"""The settings of the training job and of the server, read by the infrastructure program and by the trainer; free of
TensorFlow and NumPy."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """Base of all settings: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Written(Frozen):
    """Base of the settings that a team writes in its stack file: strict about types, so that `true` is no number."""

    model_config = ConfigDict(strict=True)


class ModelSettings(Written):
    """The two-layer context-embedding network and its training objective."""

    vocabulary_size: Annotated[int, Field(ge=100, le=1_000_000)] = 30_000
    embedding_dimension: Annotated[int, Field(ge=2, le=1024)] = 64
    hidden_dimension: Annotated[int, Field(ge=2, le=4096)] = 128
    window: Annotated[int, Field(ge=1, le=16)] = 4
    negative_samples: Annotated[int, Field(ge=1, le=1024)] = 32
    """Noise words that each true one is told from; 128 neighbours in the text share theirs."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.5
    smoothing: Annotated[float, Field(gt=0.0, le=1.0)] = 0.01
    l2_penalty: Annotated[float, Field(ge=0.0, le=1.0)] = 0.01
    learning_rate: Annotated[float, Field(gt=0.0, le=1.0)] = 0.001
    ngram_order: Annotated[int, Field(ge=2, le=6)] = 4
    """Words of the longest n-grams that are counted, to be mixed with the network. A server holds them in memory: for a
    million words of text about 15 MiB with 3, 30 with 4 and 50 with 5, twice that while it changes versions."""
    hidden_classes: Annotated[int, Field(ge=0, le=1024)] = 0
    """Word classes of the hidden Markov model that is mixed in too; 0 for none. With 64 it takes one and a half minutes
    of processor for each million words of text."""


class ScheduleSettings(Written):
    """How long and in which portions to train. A record is a sentence; a step is a minibatch of sentences."""

    epochs: Annotated[int, Field(ge=1, le=1000)] = 10
    minibatch_size: Annotated[int, Field(ge=1, le=65_536)] = 128
    evaluation_steps: Annotated[int, Field(ge=1)] = 100
    """Every so many steps the job measures its loss and accuracy on `evaluation_sentences` held-out sentences."""
    evaluation_sentences: Annotated[int, Field(ge=1, le=1_000_000)] = 256
    evaluation_positions: Annotated[int, Field(ge=100, le=10_000_000)] = 10_000
    """Held-out words that the finished model's perplexity is measured on; each costs a pass over the vocabulary."""
    checkpoint_steps: Annotated[int, Field(ge=1)] = 200
    records_per_task: Annotated[int, Field(ge=1)] = 2000
    """What a lost worker costs at most: its unfinished tasks are handed to another."""
    master_restarts: Annotated[int, Field(ge=0, le=100)] = 5
    """How often in a row a master that dies is started again from the last checkpoint, without a step forward between,
    before the launcher gives up."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 20260101


class ResourceRequest(Written):
    """What one pod asks for and is limited to."""

    cpu: Annotated[float, Field(gt=0, le=128)] = 1.0
    memory_mebibytes: Annotated[int, Field(ge=64)] = 4096
    gpu: Annotated[int, Field(ge=0, le=16)] = 0


class ClusterSettings(Frozen):
    """The ElasticDL job's pods."""

    workers: Annotated[int, Field(ge=1, le=256)] = 2
    maximum_workers: Annotated[int, Field(ge=1, le=256)] | None = None
    """As many may work while the queue of tasks is long and there is room for them. None: never more than `workers`."""
    standby_workers: Annotated[int, Field(ge=0, le=16)] = 0
    """Workers more that start, build their model and then wait: one takes over within seconds when a worker is lost,
    where a start takes ten or more. Each holds a worker's CPU, memory and GPU, so none unless asked for."""
    parameter_servers: Annotated[int, Field(ge=1, le=64)] = 1
    master: ResourceRequest = ResourceRequest(cpu=0.25, memory_mebibytes=1024)
    worker: ResourceRequest = ResourceRequest(cpu=1.0, memory_mebibytes=4096, gpu=1)
    parameter_server: ResourceRequest = ResourceRequest(cpu=0.5, memory_mebibytes=2048)
    node_selector: dict[str, str] = {}
    tolerations: list[dict[str, str]] = []
    service_account: str = "training"
    priority_class: str | None = None


class LeaseSettings(Frozen):
    """Where the regions of a business agree which of them trains: an object that who trains appends to."""

    bucket: str
    region: str
    """The bucket's. Best one that does not train, so that the lease outlives the region that does."""
    key: str = "leases/training"
    seconds: Annotated[float, Field(ge=6.0, le=3600.0)] = 120.0
    """After so long without a renewal another region may train; the holder stops after two thirds of it. Longer than a
    launcher takes to come back on another node (about a minute), or that would end the job."""


class TrainingJob(Frozen):
    """Everything the `training` deployment needs: one JSON document in a ConfigMap."""

    job_name: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,30}[a-z0-9])?$")] = "language-model"
    business: str
    namespace: str
    region: str
    image: str
    bucket: str
    models_bucket: str = ""
    """Where finished models go, in the same region. Empty: the bucket that holds data and checkpoints."""
    data_prefix: str = "data/"
    checkpoint_prefix: str = "checkpoints/"
    model_prefix: str = "models/"
    lease: LeaseSettings | None = None
    """None where no other region could train the same job."""
    model: ModelSettings = ModelSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    cluster: ClusterSettings = ClusterSettings()


BusinessKind = Literal["qa", "textgen", "chatbot", "summarization", "dialogue"]
"""What a business does with its model."""

ENDPOINTS: dict[BusinessKind, tuple[str, ...]] = {
    "qa": ("/v1/score", "/v1/rank"),
    "textgen": ("/v1/score", "/v1/generate"),
    "chatbot": ("/v1/score", "/v1/rank", "/v1/reply"),
    "summarization": ("/v1/score", "/v1/summarize"),
    "dialogue": ("/v1/score", "/v1/rank", "/v1/reply"),
}
"""The paths that each kind's server answers with its model; the others are 404 there."""


class RequestLimits(Written):
    """What a client may ask for. Beyond a size: 413 or 422 and the limit; beyond the load: 429 and Retry-After."""

    body_bytes: Annotated[int, Field(ge=1024, le=16 * 1024 * 1024)] = 256 * 1024
    text_characters: Annotated[int, Field(ge=16, le=200_000)] = 20_000
    """Of one text (a question, a document, a turn of a conversation)."""
    sentence_words: Annotated[int, Field(ge=8, le=1000)] = 200
    """Longest sentence that is scored; ten times the corpus's mean. A longer one is refused, never cut in silence."""
    texts: Annotated[int, Field(ge=1, le=1024)] = 64
    """Sentences, candidates or turns in one request."""
    words: Annotated[int, Field(ge=8, le=1_000_000)] = 8000
    """Of all texts in one request."""
    normalised_words: Annotated[int, Field(ge=8, le=100_000)] = 1000
    """Words of one request whose probabilities are normalised over the vocabulary; a quarter of a millisecond each."""
    generated_words: Annotated[int, Field(ge=1, le=1000)] = 100
    """Words of one generated text; each costs a pass over the vocabulary (about half a millisecond)."""
    generated_texts: Annotated[int, Field(ge=1, le=32)] = 8
    concurrent_requests: Annotated[int, Field(ge=1, le=4096)] = 64
    """Requests that are worked on at a time."""
    queued_requests: Annotated[int, Field(ge=0, le=16_384)] = 128
    """Requests that wait for a place; one more is answered 429. A long queue only makes everybody's answer late."""
    timeout_seconds: Annotated[float, Field(ge=0.1, le=300.0)] = 10.0
    """From the request's arrival to its answer; then 503."""


class BatchLimits(Written):
    """How scoring requests that arrive together share a pass. A batch takes what waits when the processor is free, so a
    lone request never waits for company."""

    positions: Annotated[int, Field(ge=1, le=65_536)] = 512
    """Words scored in one pass; a word whose probability is normalised over the vocabulary counts as 64. Bounds how
    long a short request waits behind others: about 10 ms."""
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    """Passes at a time: as many as the container has cores."""


class ServingSettings(Written):
    """How a server listens, limits, batches, follows the registry and ends."""

    port: Annotated[int, Field(ge=1, le=65_535)] = 8080
    """HTTP; /healthz, /readyz, /metrics, /openapi.json and the page at / are on it too."""
    requests: RequestLimits = RequestLimits()
    batches: BatchLimits = BatchLimits()
    poll_seconds: Annotated[float, Field(ge=0.05, le=3600.0)] = 15.0
    """How often the registry is asked for another promoted model: one small read."""
    drain_seconds: Annotated[float, Field(ge=0.0, le=300.0)] = 5.0
    """After SIGTERM /readyz says 503 for so long while requests are still answered: routes take that long to go."""
    cache_directory: str = ""
    """Keeps the last good model, so that a restart while the bucket is away still serves. Empty: no cache. An emptyDir
    of 128 MiB does."""

    @property
    def termination_grace_seconds(self) -> int:
        """What a pod needs between SIGTERM and SIGKILL: the drain, the longest request, and five seconds to end."""
        return int(self.drain_seconds + self.requests.timeout_seconds + 5.999)


class ServingJob(Frozen):
    """Everything the `serving` deployment needs: one JSON document, `python -m trainer serve --settings FILE`."""

    business: str
    kind: BusinessKind
    region: str
    bucket: str
    """In the same region; where replication or the training put the models."""
    model_prefix: str = "models/"
    serving: ServingSettings = ServingSettings()
