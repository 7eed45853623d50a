"""A worker asks the master for evaluations ten times a second at most, and says how many batches it has begun."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from elasticdl.proto import elasticdl_pb2

from trainer.elasticdl import questions
from trainer.elasticdl.reader import Records


class Clock:
    """Time that a test moves."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


class Stub:
    """The master as a worker's client calls it: keeps what was asked and with what metadata."""

    def __init__(self, fails: bool = False) -> None:
        self.asked: list[tuple[Any, dict[str, str]]] = []
        self.fails = fails

    def get_task(self, request: Any, metadata: list[tuple[str, str]]) -> Any:
        if self.fails:
            raise ConnectionError("the master is away")
        self.asked.append((request, dict(metadata)))
        return elasticdl_pb2.Task(task_id=7)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(questions, "time", made)
    return made


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """With how many batches each question went, by the stand-in for ElasticDL's own way of asking."""
    found: list[int] = []

    def ask(worker: Any) -> bool:
        found.append(worker._mc.begun)
        return False

    monkeypatch.setattr(questions, "_original_evaluate_only", ask)
    return found


def a_worker(ended: bool = False) -> Any:
    records = Records(lambda: iter(()))
    records.ended = ended
    return SimpleNamespace(_task_data_service=SimpleNamespace(records=records), _mc=SimpleNamespace())


def test_a_tenth_of_a_second_is_between_two_questions(clock: Clock, asked: list[int]) -> None:
    worker = a_worker()
    for _ in range(50):  # every 10 ms
        questions.evaluate_if_asked(worker)
        clock.now += 0.01
    assert len(asked) == 5


def test_each_batch_is_told_of_once(clock: Clock, asked: list[int]) -> None:
    worker = a_worker()
    for _ in range(50):
        questions.evaluate_if_asked(worker)
        clock.now += 0.03
    assert sum(asked) + worker.begun == 50


def test_at_the_end_it_asks_at_once(clock: Clock, asked: list[int]) -> None:
    worker = a_worker()
    questions.evaluate_if_asked(worker)
    worker._task_data_service.records.ended = True
    questions.evaluate_if_asked(worker)
    assert len(asked) == 2


def test_a_question_for_evaluations_carries_the_batches_and_one_for_a_task_none() -> None:
    stub = Stub()
    client = SimpleNamespace(_worker_id=3, _stub=stub, begun=12)
    questions.get_task(client)
    questions.get_task(client, elasticdl_pb2.EVALUATION)
    questions.get_task(client, elasticdl_pb2.EVALUATION)
    assert [metadata for _, metadata in stub.asked] == [{}, {questions.KEY: "12"}, {questions.KEY: "0"}]
    assert [request.worker_id for request, _ in stub.asked] == [3, 3, 3]


def test_a_master_that_does_not_answer_has_no_task() -> None:
    assert questions.get_task(SimpleNamespace(_worker_id=3, _stub=Stub(fails=True))) == elasticdl_pb2.Task()


@pytest.mark.parametrize(("metadata", "batches"), [([(questions.KEY, "12")], 12), ([("other", "x")], 1)])
def test_the_master_reads_how_many_batches_were_begun(metadata: list[tuple[str, str]], batches: int) -> None:
    assert questions.begun_batches(SimpleNamespace(invocation_metadata=lambda: metadata)) == batches
    assert questions.begun_batches(None) == 1
