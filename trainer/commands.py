"""What the commands of the command line do. Each imports what it needs, so that `--help` and `status` are quick."""
# ruff: noqa: PLC0415

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from trainer.config import Frozen, ModelSettings, ScheduleSettings, ServingJob, TrainingJob
from trainer.errors import ObjectNotFoundError, SettingsError, TrainingError
from trainer.registry import commands as registry_commands
from trainer.registry import versions as registry
from trainer.storage.joined_store import open_job_store
from trainer.storage.object_store import ObjectStore, get_json, open_store

LOG = logging.getLogger("trainer")
DATA_PREFIX = "data/"
Settings = TypeVar("Settings", bound=Frozen)


def run(options: argparse.Namespace) -> int:
    """Dispatch to the command."""
    actions = {
        "prepare": prepare,
        "train": train,
        "evaluate": evaluate,
        "publish": publish,
        "launch": launch,
        "status": status,
        "serve": serve,
        "models": registry_commands.run,
    }
    actions[options.command](options)
    return 0


def read_job(path: str) -> TrainingJob:
    """The training job's settings file. Raises SettingsError naming key, value and limit."""
    return read_settings(path, TrainingJob)


def read_settings(path: str, kind: type[Settings]) -> Settings:
    """A settings file. Raises SettingsError naming key, value and limit."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise SettingsError(f"{path}: {_reasons(error)}") from error


def _reasons(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, entry['loc'])) or 'document'}: {entry['msg']} (given: {str(entry['input'])[:60]!r})"
        for entry in error.errors()
    )


def prepare(options: argparse.Namespace) -> None:
    from trainer.data import preparation

    preparation.require_options(options.text, options.licence, options.reviews, options.vocabulary)
    store = open_store(options.to, options.region)
    if options.text:
        texts = preparation.Texts(
            addresses=tuple(options.text),
            licence=options.licence,
            description=options.description,
            encoding=options.encoding,
            segmented=options.segmented,
        )
        work = Path(options.work) if options.work else None
        manifest, written = preparation.prepare_texts(store, texts, options.region, options.vocabulary, work)
    else:
        manifest, written = preparation.prepare_newspaper(store, options.reviews, options.vocabulary)
    print(f"{store.address}{DATA_PREFIX} {'written' if written else 'is up to date'}: version {manifest.version}")
    for line in preparation.told(manifest):
        print(line)


def train(options: argparse.Namespace) -> None:
    from trainer.data.dataset import Dataset
    from trainer.evaluation.report import as_markdown

    given = {name: value for name, value in vars(options).items() if value is not None}
    try:
        model = ModelSettings.model_validate({key: given[key] for key in ModelSettings.model_fields if key in given})
        schedule = ScheduleSettings.model_validate(
            {key: given[key] for key in ScheduleSettings.model_fields if key in given}
        )
    except ValidationError as error:
        raise SettingsError(_reasons(error)) from error
    if options.class_features and not model.hidden_classes:
        raise SettingsError(
            "--class-features needs the hidden Markov model whose classes they are: --hidden-classes 64"
        )
    if options.class_features and options.publish:
        raise SettingsError(
            "--class-features and --publish exclude each other: the features need a sentence's every word, and a "
            "server knows a window"
        )
    store = open_store(options.data, options.region)
    dataset = Dataset(store, DATA_PREFIX)
    vocabulary = dataset.vocabulary(model.vocabulary_size)
    sentences, valid = (dataset.sentences(part, vocabulary) for part in ("train", "valid"))
    from trainer.mixture.training import train_hidden_markov
    from trainer.network.export import export, numpy_model
    from trainer.network.training import Conveniences, use_threads
    from trainer.network.training import train as train_here

    use_threads(options.threads)
    hidden_markov = None
    if options.class_features:
        hidden_markov = train_hidden_markov(vocabulary, model.hidden_classes, sentences, valid, schedule.seed)
    checkpoints, logs = (Path(folder) if folder else None for folder in (options.checkpoints, options.logs))
    result = train_here(
        model,
        schedule,
        vocabulary,
        sentences,
        lambda step, loss: LOG.info("step %d: loss %.4f", step, loss),
        valid,
        Conveniences(options.patience, logs, checkpoints, progress=sys.stderr.isatty()),
        None if hidden_markov is None else hidden_markov.features,
    )
    if options.save:
        export(result.model, Path(options.save))
        print(f"SavedModel: {options.save}")
    if options.publish:
        _publish_here(store, result.model, model, schedule)
        return
    from trainer.registry.publish import measure

    trained = numpy_model(result.model, model, vocabulary)
    _, report = measure(trained, dataset, schedule.evaluation_positions, schedule.seed, hidden_markov)
    print(as_markdown(report, f"Trained in {result.seconds:.0f} s"))


def _publish_here(store: ObjectStore, trained: Any, model: ModelSettings, schedule: ScheduleSettings) -> None:
    """Register what was trained on this machine as a job's model is: beside its data."""
    from trainer.registry.publish import publish as publish_model

    here = {"business": "none", "namespace": "none", "region": "none", "image": "none", "bucket": "none"}
    job = TrainingJob(job_name="one-machine", model=model, schedule=schedule, **here)
    weights = {variable.name: variable.numpy() for variable in trained.trainable_variables}
    entry = publish_model(store, job, weights, "machine", {"training": {"epochs": schedule.epochs}})
    print(store.get(f"{job.model_prefix}{entry['version']}/evaluation.md").decode())
    done = "promoted" if entry["promoted"] else "registered, not promoted"
    print(f"{store.address}{job.model_prefix}{entry['version']}/ {done}: {entry['reason']}")


def evaluate(options: argparse.Namespace) -> None:
    from trainer.data.dataset import Dataset
    from trainer.evaluation.report import as_markdown

    job, run_context = _run_context(options)
    store = run_context.open()
    weights, step = _trained_weights(options)
    from trainer.network.export import numpy_model
    from trainer.registry.publish import measure, model_with, write_report

    dataset = Dataset(store, job.data_prefix)
    vocabulary = dataset.vocabulary(job.model.vocabulary_size)
    model = numpy_model(model_with(weights, job), job.model, vocabulary)
    _, report = measure(model, dataset, job.schedule.evaluation_positions, job.schedule.seed)
    title = f"Run {run_context.run} at step {step}"
    if options.to:
        write_report(report, title, Path(options.to))
    print(as_markdown(report, title))


def publish(options: argparse.Namespace) -> None:
    job, run_context = _run_context(options)
    store = run_context.open()
    weights, step = _trained_weights(options)
    try:
        progress = get_json(store, f"{run_context.checkpoint_prefix}progress.json")
    except ObjectNotFoundError:
        progress = {}
    from trainer.registry.publish import publish as publish_model

    entry = publish_model(store, job, weights, run_context.run, {"training": {**progress, "step": step}})
    print(json.dumps(entry, ensure_ascii=False))


def _run_context(options: argparse.Namespace) -> tuple[TrainingJob, Any]:
    from trainer.data.dataset import read_manifest
    from trainer.elasticdl.context import RunContext

    job = read_job(options.config)
    store = open_job_store(job, options.store)
    version = read_manifest(store, job.data_prefix).version
    return job, RunContext(job=job, data_version=version, address=options.store)


def _trained_weights(options: argparse.Namespace) -> tuple[dict[str, Any], int]:
    """The final weights, or else the last checkpoint's."""
    _use_stand_ins()
    from trainer.elasticdl import checkpoints, pointers

    job, run_context = _run_context(options)
    store, prefix = run_context.open(), run_context.checkpoint_prefix
    entry = pointers.find(store, prefix, pointers.FINAL) or pointers.find(store, prefix, pointers.LATEST)
    if entry is None:
        raise TrainingError(f"run {run_context.run} has left nothing in {store.address}{prefix} yet")
    shape = (job.model.vocabulary_size, job.model.embedding_dimension)
    from trainer.network.model import WINDOW_TABLE, WORD_TABLE

    shapes: dict[str, tuple[int, ...]] = {f"{table}/embeddings:0": shape for table in (WORD_TABLE, WINDOW_TABLE)}
    return checkpoints.weights(checkpoints.load(store, entry), shapes), int(entry["version"])


def _use_stand_ins() -> None:
    """Let ElasticDL find the modules that it imports and that can't be installed (in its pods, PYTHONPATH does)."""
    folder = str(Path(__file__).parent / "elasticdl" / "stand_ins")
    if folder not in sys.path:
        sys.path.append(folder)


def launch(options: argparse.Namespace) -> None:
    from trainer.elasticdl.cluster import KubernetesCluster
    from trainer.elasticdl.launch import Launcher, publish_in_subprocess
    from trainer.elasticdl.turn import turn_of
    from trainer.health import serve

    job = read_job(options.config)
    store = open_job_store(job, options.store)
    cluster = KubernetesCluster(job.job_name, job.namespace)
    publisher = publish_in_subprocess(Path(options.config), options.store)
    turn = turn_of(job)
    launcher = Launcher(job, store, cluster, publisher, options.store, turn)
    server = serve(options.port, launcher.status)
    signal.signal(signal.SIGTERM, lambda *_: launcher.stop())
    LOG.info("launcher of %s for %s, bucket %s", job.job_name, job.business, store.address)
    if turn is not None:
        turn.start()
    try:
        launcher.run()
    finally:
        server.shutdown()


def serve(options: argparse.Namespace) -> None:
    # Before NumPy is loaded: its matrix library's own threads only spin beside one another on products this small, and
    # what runs at a time is `batches.threads`.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from trainer.serving.server import run as serve_until_told

    job = read_settings(options.settings, ServingJob)
    serve_until_told(job, open_store(options.store or f"oss://{job.bucket}", job.region))


def status(options: argparse.Namespace) -> None:
    store = registry_commands.store_of(options.bucket, options.region)
    try:
        found = get_json(store, f"checkpoints/{options.job}/status.json")
    except ObjectNotFoundError:
        found = {"phase": "not started"}
    models = registry_commands.store_of(options.models, options.region) if options.models else store
    found["model"] = registry.latest(models, "models/")
    if options.json:
        print(json.dumps(found, ensure_ascii=False))
        return
    progress, model = found.get("progress") or {}, found["model"]
    print(f"phase       {found['phase']}  {found.get('detail') or ''}".rstrip())
    if progress.get("step"):
        print(f"progress    epoch {progress['epoch'] + 1}, step {progress['step']}, loss {progress['loss']}")
    if model is None:
        print(f"model       none yet in {models.address}models/")
        return
    print(f"model       {models.address}models/{model['version']}/")
    for name, value in sorted(model["perplexity"].items(), key=lambda item: float(item[1])):
        print(f"perplexity  {value:>10,.1f}  {name}")
