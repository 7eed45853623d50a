"""ElasticDL's real worker with our zoo, in this process; its defects, and that they are corrected.

Not covered here: the Go parameter server and real pods (tests/sandbox).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elasticdl.proto import elasticdl_pb2
from elasticdl.python.common import model_handler
from elasticdl.python.worker import worker as worker_module
from elasticdl.python.worker.worker import Worker

from tests.unit.trainer.data import job, upload
from tests.unit.trainer.elasticdl.servers import Master, Server, client, initial_row, task, worker_arguments
from trainer.elasticdl import checkpoints, compatibility, context, pointers
from trainer.elasticdl.context import RunContext
from trainer.errors import SettingsError
from trainer.object_store import DirectoryStore
from trainer.publish import model_with

TABLES = ("word_embedding/embeddings:0", "window_embedding/embeddings:0")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunContext]:
    """A run with data in a directory, as its pods see it."""
    store = DirectoryStore(tmp_path)
    manifest = upload(store)
    schedule = {"epochs": 1, "minibatch_size": 16, "checkpoint_steps": 4, "evaluation_sentences": 20}
    made = RunContext(
        job=job(schedule=schedule, cluster={"workers": 1}), data_version=manifest.version, address=str(tmp_path)
    )
    monkeypatch.setenv(context.VARIABLE, made.encode())
    caches = (context.current, context.store, context.dataset, context.vocabulary, context.example_maker)
    for cached in caches:
        cached.cache_clear()
    compatibility.apply()
    yield made
    for cached in caches:
        cached.cache_clear()


@pytest.fixture
def tables_on_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the tables were larger than 2 MiB, when ElasticDL moves them to its parameter servers."""
    monkeypatch.setattr(model_handler, "_need_partition_embedding_from_shape_info", lambda *_: True)


def train(servers: list[Server], tasks: list[Any], evaluations: list[Any] | None = None) -> tuple[Worker, Master]:
    master = Master(tasks, evaluations)
    worker = Worker(worker_arguments(), master_client=master, ps_client=client(servers))
    worker.run()
    return worker, master


def training_tasks() -> list[Any]:
    return [task(1 + start // 32, "train-00000.txt", start, start + 32) for start in range(0, 320, 32)]


def test_every_task_is_done_and_both_small_tables_are_trained(run: RunContext) -> None:
    servers = [Server(), Server()]
    _, master = train(servers, training_tasks())
    assert master.reported == dict.fromkeys(range(1, 11), "")
    dense = {name: value for server in servers for name, value in server.dense.items()}
    initial = {variable.name: variable for variable in worker_module.get_model_spec(**_spec())[0].trainable_variables}
    for table in TABLES:
        assert not np.array_equal(dense[table][2:20], initial[table].numpy()[2:20])


def _spec() -> dict[str, Any]:
    names = ("dataset_fn", "loss", "optimizer", "eval_metrics_fn", "custom_data_reader", "callbacks")
    arguments = worker_arguments()
    return {
        **{name: getattr(arguments, name) for name in names},
        "model_zoo": arguments.model_zoo,
        "model_def": arguments.model_def,
        "model_params": "",
        "prediction_outputs_processor": "PredictionOutputsProcessor",
    }


@pytest.mark.usefixtures("tables_on_servers")
def test_tables_on_the_servers_are_trained_at_the_rows_of_the_words_that_occur(run: RunContext) -> None:
    servers = [Server(), Server()]
    train(servers, training_tasks())
    occurring = set(np.concatenate([context.vocabulary().encode(line) for line in _lines()]).tolist())
    for table in TABLES:
        assert occurring <= changed_rows(servers, table)


@pytest.mark.usefixtures("tables_on_servers")
def test_without_the_correction_the_first_table_is_never_trained(
    run: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    specification = importlib.util.spec_from_file_location("untouched_worker", worker_module.__file__)
    assert specification is not None
    assert specification.loader is not None
    untouched = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(untouched)
    servers = [Server()]
    worker = Worker(worker_arguments(), master_client=Master(training_tasks()), ps_client=client(servers))
    monkeypatch.setattr(Worker, "report_gradient_to_ps", untouched.Worker.report_gradient_to_ps)
    worker.run()
    assert changed_rows(servers, TABLES[0]) == set()


def changed_rows(servers: list[Server], table: str) -> set[int]:
    rows = [item for server in servers for item in server.tables[table].items()]
    return {index for index, row in rows if not np.array_equal(row, initial_row(index, len(row)))}


def _lines() -> list[str]:
    return context.dataset().lines("train-00000.txt", 0, 320)


@pytest.mark.usefixtures("tables_on_servers")
def test_the_trained_model_is_exported_and_a_checkpoint_before_it(run: RunContext) -> None:
    servers = [Server(), Server()]
    end = task(99, "train-00000.txt", 0, 16, elasticdl_pb2.TRAIN_END_CALLBACK)
    train(servers, [*training_tasks(), end])
    store, prefix = context.store(), run.checkpoint_prefix
    final, latest = pointers.find(store, prefix, pointers.FINAL), pointers.find(store, prefix, pointers.LATEST)
    assert final is not None
    assert latest is not None
    assert (final["version"], latest["version"]) == (20, 16)
    weights = checkpoints.weights(checkpoints.load(store, final), dict.fromkeys(TABLES, (100, 8)))
    for table in TABLES:
        rows = {index: row for server in servers for index, row in server.tables[table].items()}
        assert all(np.array_equal(weights[table][index], row) for index, row in rows.items())
    assert set(weights) == {variable.name for variable in model_with(_loud(weights), run.job).trainable_variables}


def _loud(weights: dict[str, Any]) -> dict[str, Any]:
    """Plain gradient descent moves rows less than publishing asks for."""
    return {name: value * (1000 if name in TABLES else 1) for name, value in weights.items()}


def test_a_worker_that_only_gets_the_last_task_exports_what_the_servers_hold(run: RunContext) -> None:
    servers = [Server()]
    train(servers, training_tasks())
    train(servers, [task(99, "train-00000.txt", 0, 16, elasticdl_pb2.TRAIN_END_CALLBACK)])
    final = pointers.find(context.store(), run.checkpoint_prefix, pointers.FINAL)
    assert final is not None
    assert final["version"] == servers[0].version


def test_a_worker_whose_first_task_is_an_evaluation_evaluates_the_servers_model(run: RunContext) -> None:
    servers = [Server()]
    train(servers, training_tasks())
    servers[0].dense["label/bias:0"] = np.array([0.0, 50.0], dtype=np.float32)
    evaluation = task(50, "valid-00000.txt", 0, 16, elasticdl_pb2.EVALUATION)
    _, master = train(servers, [task(51, "train-00000.txt", 0, 16)], [evaluation])
    outputs, _ = master.outputs[0]
    difference = outputs["output"][0][:, 1] - outputs["output"][0][:, 0]
    assert difference.min() > 30


@pytest.mark.usefixtures("tables_on_servers")
def test_a_server_that_comes_back_empty_is_filled_from_the_last_checkpoint(run: RunContext) -> None:
    servers = [Server(), Server()]
    train(servers, training_tasks())
    checkpoint = checkpoints.load(
        context.store(), pointers.find(context.store(), run.checkpoint_prefix, pointers.LATEST) or {}
    )
    for server in servers:
        server.empty()
    train(servers, [task(1, "train-00000.txt", 0, 16)])
    assert {server.version for server in servers} == {checkpoint.version + 1}
    saved = checkpoints.weights(checkpoint, dict.fromkeys(TABLES, (100, 8)))
    for table in TABLES:
        rows = {index: row for server in servers for index, row in server.tables[table].items()}
        assert sum(np.allclose(saved[table][index], row, atol=0.05) for index, row in rows.items()) == len(rows)


def test_a_strategy_that_does_not_average_is_refused(run: RunContext) -> None:
    worker = Worker(worker_arguments(), master_client=Master([]), ps_client=client([Server()]))
    worker._distribution_strategy = "AllreduceStrategy"
    with pytest.raises(SettingsError, match="do not average gradients"):
        worker.run()
