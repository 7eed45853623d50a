"""The `elasticdl train` line that a training job's settings make."""

from __future__ import annotations

import math
from pathlib import Path

from trainer.config import ResourceRequest, TrainingJob
from trainer.elasticdl.context import VARIABLE, RunContext

HERE = Path(__file__).parent
LOSS_STEPS = 20
PARAMETER_SERVER_CHECKPOINTS = "/tmp/checkpoints"  # noqa: S108 - the pod's own empty directory
ROW_COPIES = 3
"""Of each table's row in a parameter server: the row and Adam's two moments."""
OVERHEAD = 2.0
"""Of Go's memory over the numbers that it holds: a slice and a map's entry for each row."""
MEMORY_SHARE = 0.75
"""Of a parameter server's memory that Go's heap may grow to before rubbish is collected."""
LEAST_GARBAGE_PERCENT, MOST_GARBAGE_PERCENT = 100, 400


def train_arguments(run: RunContext, epochs: int, minibatches_per_task: int) -> list[str]:
    """Arguments after `elasticdl`.

    Parameter servers are the Go ones, which work asynchronously only. They also write checkpoints, to their own disk;
    keep_checkpoint_max stays above 0, for with 0 they delete what they have just written. The checkpoints that count
    are those that the workers write to the bucket.
    """
    job = run.job
    cluster, schedule = job.cluster, job.schedule
    origin = f"oss://{job.bucket}/{job.data_prefix}"
    environment = {VARIABLE: run.encode(), "PYTHONPATH": str(HERE / "stand_ins"), "HOME": "/tmp"}  # noqa: S108
    # As many threads as the pod may use, not one for each of the node's cores: waiting ones use up the pod's share.
    threads = math.ceil(cluster.worker.cpu)
    environment |= {"TF_NUM_INTRAOP_THREADS": str(threads), "TF_NUM_INTEROP_THREADS": str(threads)}
    environment["GOGC"] = str(garbage_percent(job))
    options: dict[str, object] = {
        "image_name": job.image,
        "image_pull_policy": "IfNotPresent",
        "restart_policy": "Never",
        "namespace": job.namespace,
        "job_name": job.job_name,
        "model_zoo": HERE,
        "model_def": "zoo.custom_model",
        "cluster_spec": HERE / "cluster_spec.py",
        "distribution_strategy": "ParameterServerStrategy",
        "use_go_ps": True,
        "use_async": True,
        "training_data": f"{origin}train*",
        "validation_data": f"{origin}valid*",
        "num_epochs": epochs,
        "minibatch_size": schedule.minibatch_size,
        "num_minibatches_per_task": minibatches_per_task,
        "evaluation_steps": schedule.evaluation_steps,
        "log_loss_steps": LOSS_STEPS,
        "checkpoint_dir": PARAMETER_SERVER_CHECKPOINTS,
        "checkpoint_steps": schedule.checkpoint_steps,
        "keep_checkpoint_max": 2,
        "num_workers": cluster.workers,
        "num_ps_pods": cluster.parameter_servers,
        "master_resource_request": resources(cluster.master),
        "worker_resource_request": resources(cluster.worker),
        "ps_resource_request": resources(cluster.parameter_server),
        "envs": ",".join(f"{name}={value}" for name, value in environment.items()),
    }
    arguments = ["train"]
    for name, value in options.items():
        arguments += [f"--{name}", str(value)]
    return arguments


def garbage_percent(job: TrainingJob) -> int:
    """Go's `GOGC` for the parameter servers: by how much of what they hold their heap grows until rubbish is collected.

    A collection looks at every row, and each step leaves 2 MiB of rubbish: with Go's 100 % every few steps of a small
    model pay for one, a quarter of a server's time. So as much as its memory allows, up to 400 %.
    https://tip.golang.org/doc/gc-guide
    """
    model, cluster = job.model, job.cluster
    rows = 2 * model.vocabulary_size / cluster.parameter_servers
    held = rows * model.embedding_dimension * 4 * ROW_COPIES * OVERHEAD
    room = MEMORY_SHARE * cluster.parameter_server.memory_mebibytes * 2**20
    return max(LEAST_GARBAGE_PERCENT, min(MOST_GARBAGE_PERCENT, int(100 * (room / held - 1))))


def resources(request: ResourceRequest) -> str:
    """`cpu=250m,memory=1024Mi,gpu=1`, as ElasticDL writes it; it makes the limits the same."""
    text = f"cpu={math.ceil(request.cpu * 1000)}m,memory={request.memory_mebibytes}Mi"
    return f"{text},gpu={request.gpu}" if request.gpu else text


def minibatches_per_task(run: RunContext) -> int:
    """A task's sentences, in minibatches (at least one)."""
    schedule = run.job.schedule
    return max(1, round(schedule.records_per_task / schedule.minibatch_size))


def remaining_epochs(run: RunContext, completed_steps: int, training_sentences: int) -> int:
    """Epochs still to do after so many steps; at least one, which finishes the one that was interrupted."""
    done = completed_steps * run.job.schedule.minibatch_size // max(1, training_sentences)
    return max(1, run.job.schedule.epochs - done)
