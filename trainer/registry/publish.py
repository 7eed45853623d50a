"""From trained weights to a model in the registry: verify that it was trained, measure it, export it, register it."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from trainer.config import TrainingJob
from trainer.data.corpus import PACKAGE
from trainer.data.dataset import Dataset
from trainer.data.partition import PARTS
from trainer.errors import DataError, TrainingError
from trainer.evaluation.measure import evaluate
from trainer.evaluation.parts_of_speech import agreement, newspaper_tags
from trainer.evaluation.plots import write_plots
from trainer.evaluation.report import as_markdown
from trainer.hidden_markov.model import HiddenMarkovModel
from trainer.mixture.files import files_of, read_served
from trainer.mixture.interpolation import ServedModel
from trainer.mixture.model import MixtureModel
from trainer.mixture.training import train_mixture
from trainer.network.export import export, numpy_model, probe
from trainer.network.model import INITIAL_RANGE, WINDOW_TABLE, WORD_TABLE, build_model
from trainer.network.numpy_form import NumpyModel
from trainer.registry import versions as registry
from trainer.registry.promotion import compare
from trainer.storage.object_store import ObjectStore

FREQUENT = slice(2, 102)
"""Ids of the hundred most frequent words: whatever was trained at all, trained them."""


def model_with(weights: dict[str, Any], job: TrainingJob) -> Any:
    """The network with these weights, by variable's name. Raises TrainingError if one is missing, of another shape, or
    as it was before any training."""
    model = build_model(job.model, job.schedule.seed)
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
) -> registry.Pointer:
    """Register the model, and promote it if it is better than the version in use. Returns the registry's entry, with
    `promoted` and the `reason`. Raises TrainingError if it is worse than counting words."""
    dataset = Dataset(store, job.data_prefix)
    vocabulary = dataset.vocabulary(job.model.vocabulary_size)
    network = model_with(weights, job)
    model = numpy_model(network, job.model, vocabulary)
    mixture, report = measure(model, dataset, job.schedule.evaluation_positions, job.schedule.seed)
    perplexity = report["perplexity"]
    if not perplexity["network"] < perplexity["unigram"]:
        raise TrainingError(
            f"perplexity {perplexity['network']:,.1f} is no better than the unigram model's "
            f"{perplexity['unigram']:,.1f} on the test part; nothing is published: train longer or with other settings"
        )
    version = registry.new_version(run)
    parent = registry.current(store, job.model_prefix)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export(network, folder / "saved_model")
        (folder / registry.NUMPY_FORM).parent.mkdir()
        (folder / registry.NUMPY_FORM).write_bytes(model.to_bytes())
        (folder / "vocabulary.json").write_text(json.dumps(vocabulary.to_json(), ensure_ascii=False), encoding="utf-8")
        for file, data in files_of(mixture).items():
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_bytes(data)
        write_report(report, f"Model {version}", folder)
        described = {
            "run": run,
            "business": job.business,
            "job_name": job.job_name,
            "image": job.image,
            "code_sha256": code_checksum(),
            "data_version": dataset.manifest.version,
            "data_source": dataset.manifest.source,
            "settings": job.model_dump(mode="json", include={"model", "schedule"}),
            "parent": parent and parent["version"],
            "probe": probe(network, job.model),
            **lineage,
        }
        entry = registry.upload(store, job.model_prefix, version, folder, described, perplexity)
    promoted, reason = promote_if_better(store, job, mixture.served, version, dataset)
    entry = {**entry, "promoted": promoted, "reason": reason}
    registry.announce(store, job.model_prefix, entry)  # last: whoever is killed before begins the publication again
    return entry


def promote_if_better(
    store: ObjectStore, job: TrainingJob, model: ServedModel, version: str, dataset: Dataset
) -> tuple[bool, str]:
    """Point servers to the version if it beats the one in use on the data set's test part, or if that can't be
    read. Returns whether, and why."""
    prefix = job.model_prefix
    current = registry.current(store, prefix)
    if current is None:
        reason = "the first version"
    else:
        try:
            found = registry.open_version(store, prefix, current["version"], current["manifest_sha256"])
            in_use = read_served(found.names, found.read)
        except DataError as error:
            reason = f"the version in use can't be read: {error}"
        else:
            compared = compare(model, in_use, dataset.lines_of("test"), job.schedule.evaluation_positions)
            if not compared.is_better:
                return False, f"{compared}; `python -m trainer models promote {version}` promotes it all the same"
            reason = str(compared)
    registry.promote(store, prefix, version, reason)
    return True, reason


def measure(
    model: NumpyModel, dataset: Dataset, positions: int, seed: int, hidden_markov: HiddenMarkovModel | None = None
) -> tuple[MixtureModel, dict[str, Any]]:
    """The mixture of the network with models of the training part, its weights fitted on so many positions of the
    validation part; and the report, on so many of the test part. `hidden_markov`: if it is trained already."""
    train, valid, test = (dataset.sentences(part, model.vocabulary) for part in PARTS)
    mixture = train_mixture(model, train, valid, positions, seed, hidden_markov)
    report = evaluate(mixture, train, test, positions)
    manifest = dataset.manifest
    report["data"] = {"version": manifest.version, "vocabulary_sha256": manifest.vocabulary_sha256}
    if manifest.source.get("package") == PACKAGE:  # other text's words have no tags
        report["parts_of_speech"] = agreement(model.weights.word_table, model.vocabulary, newspaper_tags())
    return mixture, report


def write_report(report: dict[str, Any], title: str, folder: Path) -> None:
    """evaluation.md and its plots, and evaluation.json."""
    folder.mkdir(parents=True, exist_ok=True)
    plots = write_plots(report, folder)
    (folder / "evaluation.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    (folder / "evaluation.md").write_text(as_markdown(report, title, plots), encoding="utf-8")


def code_checksum() -> str:
    """SHA-256 over the trainer's own source files: which code made a model."""
    digest = hashlib.sha256()
    root = Path(__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
