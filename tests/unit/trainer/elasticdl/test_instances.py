"""Which pods the master makes anew, whose turn it is to work, and what it notes of its progress; Kubernetes is a fake.

Each test about a correction says in its name what ElasticDL's own manager would not do. Real pods: tests/sandbox.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from elasticdl.proto import elasticdl_pb2
from elasticdl.python.master.servicer import MasterServicer
from elasticdl.python.master.task_dispatcher import _TaskDispatcher

from tests.unit.trainer.elasticdl.fake_pods import Job
from trainer.elasticdl import heartbeat, instances, tasks
from trainer.elasticdl.crew import Turn
from trainer.elasticdl.placement import placement


def test_a_worker_killed_from_outside_is_replaced_at_once(start: Callable[..., Job]) -> None:
    made = start()
    made.tell("MODIFIED", "worker-0", "Failed", 137)
    made.client.until(lambda: made.client.made[-1] == "worker-2")


def test_a_replacement_goes_to_no_node_that_the_monitor_has_given_up(start: Callable[..., Job]) -> None:
    made = start()
    made.client.avoided = "node-2,node-7"
    made.tell("DELETED", "worker-0", "Running")
    made.client.until(lambda: made.client.made[-1] == "worker-2")
    (term,) = placement.affinity().node_affinity.required_during_scheduling_ignored_during_execution.node_selector_terms
    assert [(one.key, one.operator, one.values) for one in term.match_fields] == [
        ("metadata.name", "NotIn", ["node-2"]),
        ("metadata.name", "NotIn", ["node-7"]),
    ]
    made.client.avoided = ""
    made.tell("DELETED", "worker-1", "Running")
    made.client.until(lambda: made.client.made[-1] == "worker-3")
    assert placement.affinity() is None


@pytest.mark.parametrize(
    ("code", "more"),
    [(1, {}), (0, {}), (137, {"reason": "OOMKilled"}), (137, {"status_reason": "Evicted"})],
)
def test_another_end_is_answered_when_the_pod_is_deleted_though_it_had_failed_before(
    start: Callable[..., Job], code: int, more: dict[str, Any]
) -> None:
    made = start()
    before = list(made.client.made)
    made.tell("MODIFIED", "worker-1", "Failed", code, **more)
    assert made.client.made == before
    made.tell("DELETED", "worker-1", "Failed", code, **more)
    made.client.until(lambda: made.client.made[-1] == "worker-2")


def test_a_deletion_that_is_told_twice_brings_one_replacement(start: Callable[..., Job]) -> None:
    made = start()
    for _ in range(3):
        made.tell("DELETED", "worker-1", "Running")
    made.client.until(lambda: "worker-2" in made.client.made)
    assert made.client.made.count("worker-2") == 1
    assert "worker-3" not in made.client.made


def test_a_deleted_workers_tasks_are_given_to_others_at_once(start: Callable[..., Job]) -> None:
    made = start()
    task, _ = made.tasks.get(1)
    assert task in made.tasks._doing
    made.tell("DELETED", "worker-1", "Running")
    assert made.tasks._doing == {}


def test_a_replacement_that_a_full_quota_refuses_is_made_when_there_is_room(start: Callable[..., Job]) -> None:
    made = start()
    made.client.refuse = 5
    made.tell("MODIFIED", "worker-0", "Failed", 137)
    made.client.until(lambda: "worker-2" in made.client.made)


def test_a_parameter_server_is_made_anew_under_its_name_when_the_dead_one_is_gone(start: Callable[..., Job]) -> None:
    made = start()
    made.tell("MODIFIED", "ps-0", "Failed", 137, uid="first")
    assert made.client.made.count("ps-0") == 1
    made.tell("DELETED", "ps-0", "Failed", 137, uid="first")
    made.client.until(lambda: made.client.made.count("ps-0") == 2)
    made.tell("DELETED", "ps-0", "Failed", 137, uid="second")
    made.client.until(lambda: made.client.made.count("ps-0") == 3)


def test_nothing_is_replaced_once_the_job_is_done(start: Callable[..., Job]) -> None:
    made = start()
    made.manager.closing = True
    before = list(made.client.made)
    made.tell("DELETED", "worker-0", "Succeeded", 0)
    made.tell("DELETED", "ps-0", "Running")
    assert made.client.made == before


def test_the_job_is_given_up_only_when_all_workers_stay_failed(
    start: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = start()
    made.tell("MODIFIED", "worker-0", "Failed", 1)
    made.tell("MODIFIED", "worker-1", "Failed", 1)
    assert not made.manager.all_failed()
    monkeypatch.setattr(instances, "ALL_FAILED_SECONDS", -1.0)
    assert made.manager.all_failed()
    made.tell("DELETED", "worker-0", "Failed", 1)
    assert not made.manager.all_failed()


def test_workers_are_made_with_the_memory_that_the_monitor_wants(start: Callable[..., Job]) -> None:
    made = start()
    made.client.memory = "150"
    made.tell("DELETED", "worker-0", "Failed", 137)
    made.client.until(lambda: "worker-2" in made.client.made)
    assert made.client.requests[-1] == "cpu=1,memory=150Mi"


# ---- standbys


def test_a_standby_waits_until_a_worker_is_lost_and_then_works_at_once(start: Callable[..., Job]) -> None:
    made = start(standbys=1)
    assert made.client.made == ["ps-0", "worker-0", "worker-1", "worker-2"]

    def never() -> bool:
        return False

    assert made.manager.crew.turn(0, never, 0) is Turn.WORK
    assert made.manager.crew.turn(1, never, 0) is Turn.WORK
    assert made.manager.crew.turn(2, never, 0.01) is Turn.WAIT
    assert made.manager.crew.is_standby(2)
    admitted = []
    waiting = threading.Thread(target=lambda: admitted.append(made.manager.crew.turn(2, never, 10)))
    waiting.start()
    made.tell("MODIFIED", "worker-1", "Failed", 137)
    waiting.join(5)
    assert admitted == [Turn.WORK]
    assert not made.manager.crew.is_standby(2)
    assert made.manager.crew.turn(1, never, 0) is Turn.WAIT  # the lost one, should it still live somewhere
    made.client.until(lambda: made.client.made[-1] == "worker-3")  # the next standby


def test_standbys_end_with_the_job(start: Callable[..., Job]) -> None:
    made = start(standbys=1)
    made.manager.crew.turn(0, lambda: False, 0)
    made.manager.crew.turn(1, lambda: False, 0)
    assert made.manager.crew.turn(2, lambda: True, 0) is Turn.WORK


def test_a_standbys_question_is_answered_with_wait(start: Callable[..., Job], monkeypatch: pytest.MonkeyPatch) -> None:
    made = start(standbys=1)
    monkeypatch.setattr(instances, "STANDBY_SECONDS", 0.0)
    monkeypatch.setattr(MasterServicer, "get_task", instances.get_task)
    servicer = MasterServicer(8, made.tasks, None, SimpleNamespace(instance_manager=made.manager))
    answers = [servicer.get_task(elasticdl_pb2.GetTaskRequest(worker_id=worker), None) for worker in range(3)]
    assert [bool(answer.shard_name) for answer in answers] == [True, True, False]
    assert answers[2].type == elasticdl_pb2.WAIT


# ---- progress


def test_the_progress_names_every_worker_and_its_pace(
    start: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = start(standbys=1)
    monkeypatch.setattr(instances, "STANDBY_SECONDS", 0.0)
    monkeypatch.setattr(MasterServicer, "get_task", instances.get_task)
    monkeypatch.setattr(_TaskDispatcher, "report", heartbeat.report)
    servicer = MasterServicer(8, made.tasks, None, SimpleNamespace(instance_manager=made.manager))
    master = SimpleNamespace(task_d=made.tasks, master_servicer=servicer, instance_manager=made.manager)
    tasks = [servicer.get_task(elasticdl_pb2.GetTaskRequest(worker_id=worker), None) for worker in range(3)]
    servicer.report_task_result(elasticdl_pb2.ReportTaskResultRequest(task_id=tasks[0].task_id), None)
    made.tell("DELETED", "worker-1", "Running")
    found = heartbeat.progress(master, now=max(servicer._worker_liveness_time.values()) + 5)
    assert found["done"] == 1
    assert found["given_again"] == 1
    assert found["left"] == 5
    assert set(found["workers"]) == {"0", "2"}
    assert found["workers"]["0"]["tasks"] == 1
    assert found["workers"]["0"]["quiet"] == pytest.approx(5, abs=0.5)
    assert found["workers"]["2"]["standby"]


def test_thirty_workers_killed_at_once_are_all_replaced_at_once(start: Callable[..., Job]) -> None:
    made = start(workers=30)
    for worker in range(30):
        made.tell("MODIFIED", f"worker-{worker}", "Failed", 137)
    made.client.until(lambda: {f"worker-{30 + number}" for number in range(30)} <= set(made.client.made))


# ---- no task is lost

ENDS: tuple[tuple[int | None, dict[str, Any]], ...] = (
    (137, {}),  # killed: the master makes another by itself
    (1, {}),  # crashed, out of memory, evicted: the monitor deletes the pod, and the master answers that
    (137, {"reason": "OOMKilled"}),
    (137, {"status_reason": "Evicted"}),
    (None, {}),  # its pod is deleted while it works
)


@pytest.mark.parametrize("seed", range(3))
def test_over_hundreds_of_faults_every_epoch_trains_all_of_its_records_and_no_task_is_lost(
    start: Callable[..., Job], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """ElasticDL's own dispatcher, with workers that die in every way at any moment of a task, seeded."""
    monkeypatch.setattr(_TaskDispatcher, "report", heartbeat.report)
    monkeypatch.setattr(_TaskDispatcher, "recover_tasks", tasks.recover_tasks)
    monkeypatch.setattr(_TaskDispatcher, "finished", tasks.finished)
    draw = random.Random(seed)  # noqa: S311
    count, epochs = 20, 25
    made = start(tasks=count, epochs=epochs)
    working: dict[int, int] = {}
    alive, faults, made_before = [0, 1], 0, 2
    trained: Counter[int] = Counter()
    for _ in range(100_000):
        if made.tasks.finished():
            break
        worker = draw.choice(alive)
        if worker not in working:
            identifier, task = made.tasks.get(worker)
            if task is not None:
                working[worker] = identifier
        elif draw.random() < 0.4:
            faults += 1
            working.pop(worker)
            code, more = draw.choice(ENDS)
            if code is not None:
                made.tell("MODIFIED", f"worker-{worker}", "Failed", code, **more)
            if code is None or code != 137 or more or draw.random() < 0.5:
                made.tell("DELETED", f"worker-{worker}", "Running" if code is None else "Failed", code, **more)
            made_before += 1
            made.client.until(lambda name=f"worker-{made_before - 1}": name in made.client.made)
            alive[alive.index(worker)] = made_before - 1
        else:
            identifier = working.pop(worker)
            trained[made.tasks._doing[identifier][1].start] += 1
            request = elasticdl_pb2.ReportTaskResultRequest(task_id=identifier)
            made.tasks.report(request, True)
        known = heartbeat.record_of(made.tasks).trained + len(made.tasks._todo) + len(made.tasks._doing)
        assert known >= (made.tasks._epoch + 1) * count, "a task is neither done nor to be done"
    assert made.tasks.finished()
    assert faults >= 200
    assert trained == {number * 10: epochs for number in range(count)}
