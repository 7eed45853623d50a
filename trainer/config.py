"""The training job's settings, read by the infrastructure program and by the trainer; free of TensorFlow."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """Base of all settings: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelSettings(Frozen):
    """The two-layer context-embedding network and its training objective."""

    vocabulary_size: Annotated[int, Field(ge=100, le=1_000_000)] = 30_000
    embedding_dimension: Annotated[int, Field(ge=2, le=1024)] = 64
    hidden_dimension: Annotated[int, Field(ge=2, le=4096)] = 128
    window: Annotated[int, Field(ge=1, le=16)] = 4
    negative_samples: Annotated[int, Field(ge=1, le=100)] = 5
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.5
    smoothing: Annotated[float, Field(gt=0.0, le=1.0)] = 0.01
    l2_penalty: Annotated[float, Field(ge=0.0, le=1.0)] = 0.01
    learning_rate: Annotated[float, Field(gt=0.0, le=1.0)] = 0.001


class ScheduleSettings(Frozen):
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
    """How often a master that dies is started again from the last checkpoint before the launcher gives up."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 20260101


class ResourceRequest(Frozen):
    """What one pod asks for and is limited to."""

    cpu: Annotated[float, Field(gt=0, le=128)] = 1.0
    memory_mebibytes: Annotated[int, Field(ge=64)] = 4096
    gpu: Annotated[int, Field(ge=0, le=16)] = 0


class ClusterSettings(Frozen):
    """The ElasticDL job's pods."""

    workers: Annotated[int, Field(ge=1, le=256)] = 2
    parameter_servers: Annotated[int, Field(ge=1, le=64)] = 1
    master: ResourceRequest = ResourceRequest(cpu=0.25, memory_mebibytes=1024)
    worker: ResourceRequest = ResourceRequest(cpu=1.0, memory_mebibytes=4096, gpu=1)
    parameter_server: ResourceRequest = ResourceRequest(cpu=0.5, memory_mebibytes=2048)
    node_selector: dict[str, str] = {}
    tolerations: list[dict[str, str]] = []
    service_account: str = "training"
    priority_class: str | None = None


class TrainingJob(Frozen):
    """Everything the `training` deployment needs: one JSON document in a ConfigMap."""

    job_name: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,30}[a-z0-9])?$")] = "language-model"
    business: str
    namespace: str
    region: str
    image: str
    bucket: str
    data_prefix: str = "data/"
    checkpoint_prefix: str = "checkpoints/"
    model_prefix: str = "models/"
    model: ModelSettings = ModelSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    cluster: ClusterSettings = ClusterSettings()
