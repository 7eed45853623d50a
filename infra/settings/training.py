"""Settings of a business's training."""

from __future__ import annotations

from infra.settings.base import RegionName, Settings, option
from trainer.config import ModelSettings, ResourceRequest, ScheduleSettings

IMAGE = r"^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+(:[A-Za-z0-9_.-]{1,128}|@sha256:[0-9a-f]{64})$"


class Training(Settings):
    """The training job: an ElasticDL run that the `training` deployment starts and follows."""

    image: str = option(
        "The trainer's image, with its tag.",
        why="Pinned, so that a node that comes later runs the same program.",
        pattern=IMAGE,
    )
    region: RegionName | None = option(
        "Region that trains; the others stand by, their training stopped. To let another take over, write its name.",
        default=None,
        why="None: the first of `regions`. Two at once would train the same job twice.",
    )
    lease_seconds: int = option(
        "With several regions: after so long without a word from the region that trains, another may.",
        default=120,
        unit="seconds",
        why="Longer than a launcher takes to come back on another node; who trains stops after two thirds of it, which "
        "takes the job up to 20 s.",
        ge=90,
        le=3600,
    )
    job_name: str = option(
        "Name of the ElasticDL job; its pods are `elasticdl-NAME-worker-0` and so on.",
        default="language-model",
        why="The product's own name for it.",
        pattern=r"^[a-z]([-a-z0-9]{0,30}[a-z0-9])?$",
    )
    workers: int = option("Workers.", default=2, unit="pods", why="The loss of one leaves one at work.", ge=1, le=256)
    maximum_workers: int | None = option(
        "Most workers: the job grows up to it while its queue of tasks is long and nodes have room, and shrinks again.",
        default=None,
        unit="pods",
        why="None: always `workers`. Quota and training nodes must hold so many, and `standby_workers` besides.",
        ge=1,
        le=256,
    )
    standby_workers: int = option(
        "Workers more that start, build their model and wait: one takes a lost worker's place within seconds.",
        default=0,
        unit="pods",
        why="Each holds a worker's GPU while it waits; without, a replacement takes as long as a start.",
        ge=0,
        le=16,
    )
    parameter_servers: int = option(
        "Parameter servers.", default=1, unit="pods", why="One serves a vocabulary of 30,000 with ease.", ge=1, le=64
    )
    worker: ResourceRequest = option(
        "What a worker requests.",
        default=ResourceRequest(cpu=1.0, memory_mebibytes=4096, gpu=1),
        why="The product's `cpu=1,memory=4096Mi,gpu=1`.",
    )
    parameter_server: ResourceRequest = option(
        "What a parameter server requests.",
        default=ResourceRequest(cpu=0.5, memory_mebibytes=2048),
        why="It holds the embedding tables in memory and needs no GPU.",
    )
    master: ResourceRequest = option(
        "What the ElasticDL master requests.",
        default=ResourceRequest(cpu=0.25, memory_mebibytes=1024),
        why="It hands out tasks and evaluates.",
    )
    launcher: ResourceRequest = option(
        "What the pod of the `training` deployment requests.",
        default=ResourceRequest(cpu=0.25, memory_mebibytes=2048),
        why="It evaluates and exports the finished model, which loads TensorFlow.",
    )
    model: ModelSettings = option("The network.", default=ModelSettings(), why="The product's defaults.")
    schedule: ScheduleSettings = option(
        "How long and in which portions to train.", default=ScheduleSettings(), why="The product's defaults."
    )

    @property
    def most_workers(self) -> int:
        """As many as can be at work at a time, standbys not counted."""
        return self.maximum_workers or self.workers
