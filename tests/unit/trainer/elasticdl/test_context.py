"""How the settings reach the pods, through ElasticDL's own handling of arguments."""

from __future__ import annotations

from pathlib import Path

import pytest
from elasticdl_client.common.args import parse_envs, wrap_python_args_with_string
from elasticdl_client.main import build_argument_parser

from tests.unit.trainer.small_data import job
from trainer.elasticdl import context
from trainer.elasticdl.arguments import minibatches_per_task, remaining_epochs, resources, train_arguments
from trainer.elasticdl.context import RunContext
from trainer.elasticdl.pointers import FINAL, LATEST, find
from trainer.errors import SettingsError
from trainer.storage.object_store import DirectoryStore, put_json


def run(**changes: object) -> RunContext:
    return RunContext(job=job(**changes), data_version="1234")


@pytest.mark.parametrize("length", range(1, 40))
def test_the_settings_survive_the_way_into_a_pod(length: int) -> None:
    made = run(bucket="b" * length + "-->,=")
    arguments = train_arguments(made, 3, 2)
    parsed = build_argument_parser().parse_args(arguments)
    (quoted,) = wrap_python_args_with_string([parsed.envs])
    assert quoted == f"'{parsed.envs}'"
    environment = parse_envs(parsed.envs)
    assert RunContext.decode(environment[context.VARIABLE]) == made
    assert environment["PYTHONPATH"].endswith("stand_ins")


def test_the_line_is_the_products_with_the_parameter_server_strategy() -> None:
    parsed = build_argument_parser().parse_args(train_arguments(run(), 3, 2))
    assert (parsed.distribution_strategy, parsed.use_go_ps, parsed.use_async) == ("ParameterServerStrategy", True, True)
    assert parsed.training_data == "oss://qa-data/data/train*"
    assert parsed.keep_checkpoint_max >= 2
    assert parsed.image_pull_policy == "IfNotPresent"
    assert (parsed.num_epochs, parsed.num_minibatches_per_task, parsed.minibatch_size) == (3, 2, 16)
    assert parsed.worker_resource_request == "cpu=1000m,memory=4096Mi,gpu=1"


@pytest.mark.parametrize(("cpu", "threads"), [(0.5, "1"), (1.0, "1"), (2.5, "3")])
def test_a_pod_computes_with_as_many_threads_as_it_may_use(cpu: float, threads: str) -> None:
    parsed = build_argument_parser().parse_args(train_arguments(run(cluster={"worker": {"cpu": cpu}}), 3, 2))
    environment = parse_envs(parsed.envs)
    assert (environment["TF_NUM_INTRAOP_THREADS"], environment["TF_NUM_INTEROP_THREADS"]) == (threads, threads)


@pytest.mark.parametrize(
    ("words", "servers", "mebibytes", "percent"),
    [
        (100, 1, 2048, "400"),  # small: as much as pays
        (1_000_000, 1, 2048, "100"),  # nearly all of its memory is held: Go's own
        (1_000_000, 3, 2048, "259"),
    ],
)
def test_a_parameter_server_lets_rubbish_lie_as_far_as_its_memory_allows(
    words: int, servers: int, mebibytes: int, percent: str
) -> None:
    server = {"cpu": 0.25, "memory_mebibytes": mebibytes}
    model = {**job().model.model_dump(), "vocabulary_size": words, "embedding_dimension": 28}
    made = run(model=model, cluster={"parameter_servers": servers, "parameter_server": server})
    parsed = build_argument_parser().parse_args(train_arguments(made, 3, 2))
    assert parse_envs(parsed.envs)["GOGC"] == percent


def test_a_pod_without_gpu_asks_for_none() -> None:
    assert resources(job().cluster.master) == "cpu=250m,memory=1024Mi"


def test_a_run_is_another_when_data_or_model_change_and_the_same_when_pods_do() -> None:
    first = run()
    assert run(image="registry.example/trainer:2", cluster={"workers": 5}).run == first.run
    assert run(model={"vocabulary_size": 200}).run != first.run
    assert RunContext(job=job(), data_version="other").run != first.run
    assert first.checkpoint_prefix == f"checkpoints/language-model/{first.run}/"


@pytest.mark.parametrize(("steps", "epochs"), [(0, 3), (9, 3), (10, 2), (25, 1), (1000, 1)])
def test_a_restart_does_the_epochs_that_are_left(steps: int, epochs: int) -> None:
    assert remaining_epochs(run(), steps, training_sentences=160) == epochs


def test_a_task_is_a_whole_number_of_minibatches() -> None:
    assert minibatches_per_task(run()) == 2
    assert minibatches_per_task(run(schedule={"minibatch_size": 4096, "records_per_task": 10})) == 1


def test_outside_of_a_job_the_context_says_what_is_missing() -> None:
    context.current.cache_clear()
    with pytest.raises(SettingsError, match="TRAINING_JOB is not set"):
        context.current()
    with pytest.raises(SettingsError, match="does not hold a training job"):
        RunContext.decode("x")


def test_no_two_terms_write_the_same_object_and_all_read_the_latest(tmp_path: Path) -> None:
    """A region that was cut off and writes late must not put its older weights in front of the newer ones."""
    store = DirectoryStore(tmp_path)
    first, second = run(), run()
    first, second = first.model_copy(update={"term": 9}), second.model_copy(update={"term": 10})
    assert first.run == second.run
    assert find(store, first.checkpoint_prefix, LATEST) is None
    put_json(store, f"{first.checkpoint_prefix}{LATEST}", {"version": 1})  # from before there was a lease
    assert find(store, first.checkpoint_prefix, LATEST) == {"version": 1}
    put_json(store, f"{first.own_prefix}{LATEST}", {"version": 300})
    put_json(store, f"{second.own_prefix}{LATEST}", {"version": 200})
    put_json(store, f"{first.own_prefix}{LATEST}", {"version": 400})
    for one in (first, second):
        assert find(store, one.checkpoint_prefix, LATEST) == {"version": 200}
    assert find(store, first.checkpoint_prefix, FINAL) is None
