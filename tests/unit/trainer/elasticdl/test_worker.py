"""ElasticDL's real worker with our zoo, in this process; its defects, and that they are corrected.

Not covered here: the Go parameter server and real pods (tests/sandbox).
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from elasticdl.proto import elasticdl_pb2
from elasticdl.python.worker import worker as worker_module
from elasticdl.python.worker.task_data_service import TaskDataService
from elasticdl.python.worker.worker import Worker

from tests.unit.trainer.elasticdl.servers import (
    Master,
    Server,
    Unavailable,
    client,
    task,
    worker_arguments,
)
from tests.unit.trainer.small_data import job, upload
from trainer.data.dataset import Dataset
from trainer.elasticdl import checkpoints, compatibility, context, pointers, questions
from trainer.elasticdl.context import RunContext
from trainer.elasticdl.reader import SentenceBatches
from trainer.errors import SettingsError
from trainer.network.model import build_model
from trainer.registry.publish import model_with
from trainer.storage.object_store import DirectoryStore

TABLES = ("word_embedding/embeddings:0", "window_embedding/embeddings:0")


CACHES = (
    context.current,
    context.store,
    context.patient_store,
    context.dataset,
    context.vocabulary,
    context.noise,
    context.example_maker,
    context.run_maker,
    context.total_steps,
)


def clear_caches() -> None:
    for cached in CACHES:
        cached.cache_clear()


@contextlib.contextmanager
def a_run(folder: Path) -> Iterator[RunContext]:
    """A run with data in a directory, as its pods see it."""
    manifest = upload(DirectoryStore(folder))
    schedule = {"epochs": 1, "minibatch_size": 16, "checkpoint_steps": 4, "evaluation_sentences": 20}
    settings = job(schedule=schedule, cluster={"workers": 1})
    made = RunContext(job=settings, data_version=manifest.version, address=str(folder))
    compatibility.apply()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(context.VARIABLE, made.encode())
        clear_caches()
        yield made
    clear_caches()


@dataclass(frozen=True)
class Finished:
    """A run that trained to its end, and what it left."""

    run: RunContext
    store: DirectoryStore
    servers: list[Server]
    master: Master


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("run")
    with a_run(folder) as made:
        servers = [Server(), Server()]
        _, master = train(servers, [*training_tasks(), last_task()])
    return Finished(made, DirectoryStore(folder), servers, master)


def train(servers: list[Server], tasks: list[Any], evaluations: list[Any] | None = None) -> tuple[Worker, Master]:
    master = Master(tasks, evaluations)
    worker = Worker(worker_arguments(), master_client=master, ps_client=client(servers))
    worker.run()
    return worker, master


def training_tasks() -> list[Any]:
    """160 sentences: ten steps of 16."""
    return [task(1 + start // 32, "train-00000.txt", start, start + 32) for start in range(0, 160, 32)]


def last_task() -> Any:
    return task(99, "train-00000.txt", 0, 16, elasticdl_pb2.TRAIN_END_CALLBACK)


def untrained() -> dict[str, Any]:
    """What the training on one machine begins with."""
    settings = job()
    network = build_model(settings.model, settings.schedule.seed)
    return {variable.name: variable.numpy() for variable in network.trainable_variables}


def changed_rows(servers: list[Server], table: str) -> set[int]:
    first = untrained()[table]
    rows = [item for server in servers for item in server.tables[table].items()]
    return {index for index, row in rows if not np.array_equal(row, first[index])}


def weights(finished: Finished, pointer: str) -> dict[str, Any]:
    entry = pointers.find(finished.store, finished.run.checkpoint_prefix, pointer)
    assert entry is not None
    return checkpoints.weights(checkpoints.load(finished.store, entry), dict.fromkeys(TABLES, (100, 8)))


def test_every_task_is_done_and_reported(finished: Finished) -> None:
    assert finished.master.reported == {**dict.fromkeys(range(1, 6), ""), 99: ""}


def test_tables_are_trained_at_the_rows_of_the_words_that_occur(finished: Finished) -> None:
    dataset = Dataset(finished.store, "data/")
    words = dataset.vocabulary(100)
    occurring = {index for line in dataset.lines("train-00000.txt", 0, 160) for index in words.encode(line).tolist()}
    for table in TABLES:
        assert occurring <= changed_rows(finished.servers, table)


def test_small_tables_are_on_the_servers_too_and_no_step_pulls_them_as_a_whole(finished: Finished) -> None:
    for server in finished.servers:
        assert set(server.tables) == set(TABLES)
        assert not set(server.dense) & set(TABLES)


@pytest.mark.parametrize("count", [1, 3, 7])
def test_empty_servers_begin_with_the_model_with_which_one_machine_begins(tmp_path: Path, count: int) -> None:
    servers = [Server() for _ in range(count)]
    for server in servers:
        server.rate = 0.0
    with a_run(tmp_path):
        train(servers, [task(1, "train-00000.txt", 0, 16)])
    assert all(server.initialized for server in servers)
    found = {name: value for server in servers for name, value in server.dense.items()}
    for table in TABLES:
        rows = {index: row for server in servers for index, row in server.tables[table].items()}
        found[table] = np.stack([rows[index] for index in range(100)])
    expected = untrained()
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_without_the_correction_the_first_table_is_never_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specification = importlib.util.spec_from_file_location("untouched_worker", worker_module.__file__)
    assert specification is not None
    assert specification.loader is not None
    untouched = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(untouched)
    servers = [Server()]
    with a_run(tmp_path):
        worker = Worker(worker_arguments(), master_client=Master(training_tasks()), ps_client=client(servers))
        for name in ("_process_minibatch", "report_gradient_to_ps"):
            monkeypatch.setattr(Worker, name, getattr(untouched.Worker, name))
        monkeypatch.setattr(TaskDataService, "get_dataset", questions._original_get_dataset)
        worker._dataset_fn = lambda lines, *_: SentenceBatches(lines, context.vocabulary(), context.example_maker())
        worker.run()
    assert changed_rows(servers, TABLES[0]) == set()


def test_the_export_is_what_the_servers_hold_at_the_end(finished: Finished) -> None:
    exported = weights(finished, pointers.FINAL)
    for table in TABLES:
        rows = {index: row for server in finished.servers for index, row in server.tables[table].items()}
        assert all(np.array_equal(exported[table][index], row) for index, row in rows.items())
    # Plain gradient descent moves rows less than publishing asks for.
    loud = {name: value * (1000 if name in TABLES else 1) for name, value in exported.items()}
    settings = finished.run.job
    assert {variable.name for variable in model_with(loud, settings).trainable_variables} == set(exported)


def test_a_checkpoint_is_written_every_so_many_steps(finished: Finished) -> None:
    entry = pointers.find(finished.store, finished.run.checkpoint_prefix, pointers.LATEST)
    assert entry is not None
    assert entry["version"] == 8


def test_a_server_that_comes_back_empty_is_filled_from_the_last_checkpoint(finished: Finished) -> None:
    saved = checkpoints.load(
        finished.store, pointers.find(finished.store, finished.run.checkpoint_prefix, pointers.LATEST) or {}
    )
    fresh = [Server(), Server(), Server()]  # another number of servers than wrote it
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(context.VARIABLE, finished.run.encode())
        clear_caches()
        restored = client(fresh)
        restored.partition_dense_parameters(saved.dense_parameters.keys())
        for number in range(3):
            assert checkpoints.restore(restored, number)
        clear_caches()
    assert {server.version for server in fresh} == {saved.version}
    expected = weights(finished, pointers.LATEST)
    dense = {name: value for server in fresh for name, value in server.dense.items()}
    assert all(np.array_equal(dense[name], expected[name]) for name in expected if name not in TABLES)
    for table in TABLES:
        rows = {index: row for server in fresh for index, row in server.tables[table].items()}
        assert len(rows) == 100
        assert all(np.array_equal(expected[table][index], row) for index, row in rows.items())


@pytest.mark.parametrize("dies_at", [1, 6])
def test_a_worker_outlives_its_parameter_server_and_goes_on_from_the_checkpoint(tmp_path: Path, dies_at: int) -> None:
    with a_run(tmp_path) as run:
        server = Server()
        server.dies_at = dies_at
        _, master = train([server], [*training_tasks(), last_task()])
        assert server.dies_at is None
        assert master.reported == {**dict.fromkeys(range(1, 6), ""), 99: ""}
        steps_lost = dies_at % 4 if dies_at >= 4 else dies_at
        assert server.version == 10 - steps_lost
        final = pointers.find(context.store(), run.checkpoint_prefix, pointers.FINAL)
        assert final is not None
        assert final["version"] == server.version


def test_an_error_that_waiting_does_not_cure_ends_the_worker_as_before(tmp_path: Path) -> None:
    class Refused(Unavailable):
        def code(self) -> grpc.StatusCode:
            return grpc.StatusCode.INVALID_ARGUMENT

    def refuse(request: Any) -> Any:
        raise Refused

    with a_run(tmp_path):
        server = Server()
        server.push_gradients = type(server.pull_dense_parameters)(server, refuse)
        with pytest.raises(Refused):
            train([server], training_tasks())


def test_a_worker_has_traced_its_computation_once_before_its_first_task_and_never_again(tmp_path: Path) -> None:
    with a_run(tmp_path):
        server = Server()
        worker, _ = train([server], [])
        assert (worker._computation.experimental_get_tracing_count(), server.version) == (1, 0)
        worker, _ = train([server], training_tasks())
        assert (worker._computation.experimental_get_tracing_count(), server.version) == (1, 10)


def test_a_worker_that_only_gets_the_last_task_exports_what_the_servers_hold(tmp_path: Path) -> None:
    with a_run(tmp_path) as run:
        server = Server()
        train([server], [task(1, "train-00000.txt", 0, 16)])
        train([server], [last_task()])
        entry = pointers.find(context.store(), run.checkpoint_prefix, pointers.FINAL)
    assert entry is not None
    assert entry["version"] == server.version == 1


def test_a_worker_whose_first_task_is_an_evaluation_evaluates_the_servers_model(tmp_path: Path) -> None:
    with a_run(tmp_path):
        server = Server()
        train([server], [task(1, "train-00000.txt", 0, 16)])
        server.dense["label/bias:0"] = np.array([0.0, 50.0], dtype=np.float32)
        evaluation = task(50, "valid-00000.txt", 0, 16, elasticdl_pb2.EVALUATION)
        _, master = train([server], [task(51, "train-00000.txt", 0, 16)], [evaluation])
    outputs, _ = master.outputs[0]
    difference = outputs["output"][0][:, 1] - outputs["output"][0][:, 0]
    assert difference.min() > 30


def test_a_strategy_that_does_not_average_is_refused(tmp_path: Path) -> None:
    with a_run(tmp_path):
        worker = Worker(worker_arguments(), master_client=Master([]), ps_client=client([Server()]))
        worker._distribution_strategy = "AllreduceStrategy"
        with pytest.raises(SettingsError, match="do not average gradients"):
            worker.run()
