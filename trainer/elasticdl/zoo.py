"""ElasticDL's model zoo: it loads this file by its path in the master and in every worker, and takes these names."""

from __future__ import annotations

from typing import Any

from trainer.elasticdl import compatibility

compatibility.apply()

import tensorflow as tf  # noqa: E402 - the corrections come first

from trainer.elasticdl import context  # noqa: E402
from trainer.elasticdl.checkpoints import CheckpointUploader, FinalWeightsExporter  # noqa: E402
from trainer.elasticdl.reader import custom_data_reader, dataset_fn  # noqa: E402
from trainer.network.losses import accuracy_by_row, cross_entropy_by_row, noise_contrastive_loss  # noqa: E402
from trainer.network.model import build_model  # noqa: E402

__all__ = ["callbacks", "custom_data_reader", "custom_model", "dataset_fn", "eval_metrics_fn", "loss", "optimizer"]


def custom_model() -> Any:
    job = context.current().job
    return build_model(job.model, job.schedule.seed)


def loss(labels: Any, predictions: Any) -> Any:
    return noise_contrastive_loss(labels, predictions)


def optimizer() -> Any:
    return tf.keras.optimizers.Adam(learning_rate=context.current().job.model.learning_rate)


def eval_metrics_fn() -> dict[str, Any]:
    return {"cross_entropy": cross_entropy_by_row, "accuracy": accuracy_by_row}


def callbacks() -> list[Any]:
    return [CheckpointUploader(), FinalWeightsExporter()]
