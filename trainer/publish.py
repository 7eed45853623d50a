"""From trained weights to a model in the registry: verify that it was trained, measure it, export it, register it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from trainer import registry
from trainer.config import TrainingJob
from trainer.dataset import Dataset
from trainer.errors import TrainingError
from trainer.evaluate import as_markdown, evaluate
from trainer.model import INITIAL_RANGE, WINDOW_TABLE, WORD_TABLE, build_model
from trainer.object_store import ObjectStore
from trainer.vocabulary import Vocabulary

FREQUENT = slice(2, 102)
"""Ids of the hundred most frequent words: whatever was trained at all, trained them."""


def model_with(weights: dict[str, Any], job: TrainingJob) -> Any:
    """The network with these weights, by variable's name. Raises TrainingError if one is missing, of another shape, or
    as it was before any training."""
    model = build_model(job.model, job.schedule.minibatch_size, job.schedule.seed)
    for variable in model.trainable_variables:
        value = weights.get(variable.name)
        if value is None:
            raise TrainingError(f"the trained weights have no {variable.name}; there are {', '.join(sorted(weights))}")
        if tuple(value.shape) != tuple(variable.shape):
            raise TrainingError(
                f"{variable.name} was trained with shape {value.shape}, the settings make {tuple(variable.shape)}; "
                "the settings changed during the run: train again"
            )
        if not np.isfinite(value).all():
            raise TrainingError(f"{variable.name} holds infinities or NaN: training diverged; lower the learning rate")
        if variable.name.startswith((WORD_TABLE, WINDOW_TABLE)):
            _require_training(variable.name, np.asarray(value), variable.numpy())
        variable.assign(value)
    return model


def _require_training(name: str, table: Any, initial: Any) -> None:
    rows = table[FREQUENT]
    if np.array_equal(rows, initial[FREQUENT]) or float(np.abs(rows).max()) <= INITIAL_RANGE:
        raise TrainingError(
            f"the rows of the most frequent words in {name} are as they were before training: its gradients never "
            "reached the parameter servers; nothing is published"
        )


def publish(
    store: ObjectStore, job: TrainingJob, weights: dict[str, Any], run: str, lineage: dict[str, Any]
) -> dict[str, Any]:
    """Returns the registry's entry of the new model. Raises TrainingError if it is worse than counting words."""
    dataset = Dataset(store, job.data_prefix)
    vocabulary = dataset.vocabulary(job.model.vocabulary_size)
    model = model_with(weights, job)
    report = measure(model, job, dataset, vocabulary)
    perplexity = report["perplexity"]
    if not perplexity["network"] < perplexity["unigram"]:
        raise TrainingError(
            f"held-out perplexity {perplexity['network']:,.1f} is no better than the unigram model's "
            f"{perplexity['unigram']:,.1f}; nothing is published: train longer or with other settings"
        )
    version = registry.new_version(run)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export(model, folder / "saved_model")
        (folder / "vocabulary.json").write_text(json.dumps(vocabulary.to_json(), ensure_ascii=False), encoding="utf-8")
        (folder / "evaluation.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        (folder / "evaluation.md").write_text(as_markdown(report, f"Model {version}"), encoding="utf-8")
        described = {
            "run": run,
            "business": job.business,
            "job_name": job.job_name,
            "image": job.image,
            "data_version": dataset.manifest.version,
            "settings": job.model_dump(mode="json", include={"model", "schedule"}),
            **lineage,
        }
        return registry.register(store, job.model_prefix, version, folder, described, perplexity)


def measure(model: Any, job: TrainingJob, dataset: Dataset, vocabulary: Vocabulary) -> dict[str, Any]:
    """The evaluation report on the data set's held-out part."""
    train, valid = dataset.sentences("train", vocabulary), dataset.sentences("valid", vocabulary)
    return evaluate(model, job.model, vocabulary, train, valid, job.schedule.evaluation_positions)


def export(model: Any, folder: Path) -> None:
    """A SavedModel without anything of training: `context_ids` (batch, 1 + window) -> logits (batch, 2)."""

    @tf.function(input_signature=[tf.TensorSpec((None, *model.inputs[0].shape[1:]), tf.int32, name="context_ids")])  # type: ignore[untyped-decorator]
    def logits(context_ids: Any) -> dict[str, Any]:
        return {"logits": model(context_ids, training=False)}

    module = tf.Module()
    module.model = model
    module.logits = logits
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": logits}, options=options)
