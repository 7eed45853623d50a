"""A job that grows and shrinks: ElasticDL's own dispatcher and servicer, our manager, pods that are a fake.

When how many are wanted is test_elasticity's; real pods: tests/sandbox.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from elasticdl.proto import elasticdl_pb2
from elasticdl.python.master import task_dispatcher
from elasticdl.python.master.servicer import MasterServicer
from elasticdl.python.master.task_dispatcher import _TaskDispatcher
from kubernetes.client.exceptions import ApiException

from tests.unit.trainer.elasticdl.fake_pods import Job
from trainer.elasticdl import crew, elasticity, heartbeat, instances, pods, tasks

STANDBYS, LEAST, MOST = 1, 2, 4


class Clock:
    """For every module that asks what time it is."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """Corrections as the master makes them, nothing in the background, and time that the test moves."""
    made = Clock()
    for module in (crew, instances, task_dispatcher):
        monkeypatch.setattr(module, "time", made)
    monkeypatch.setattr(instances, "STANDBY_SECONDS", 0.0)
    monkeypatch.setattr(pods, "persist", persist)
    monkeypatch.setattr(MasterServicer, "get_task", instances.get_task)
    monkeypatch.setattr(_TaskDispatcher, "report", heartbeat.report)
    monkeypatch.setattr(_TaskDispatcher, "recover_tasks", tasks.recover_tasks)
    monkeypatch.setattr(_TaskDispatcher, "finished", tasks.finished)
    yield made


def persist(_what: str, make: Callable[[], None]) -> None:
    """As the real one, at once."""
    while True:
        try:
            return make()
        except ApiException:
            continue


class Workers:
    """What the workers' processes do: ask for the next task while at one, report, end when told that there is none."""

    def __init__(self, made: Job) -> None:
        self.job = made
        master = SimpleNamespace(instance_manager=made.manager, distribution_strategy="ParameterServerStrategy")
        self.servicer = MasterServicer(8, made.tasks, None, master)
        self.held: dict[int, list[int]] = {}
        self.told_to_end: set[int] = set()
        self.trained: Counter[int] = Counter()

    def start(self, worker: int) -> None:
        self.held[worker] = []
        self.job.tell("MODIFIED", f"worker-{worker}", "Running")

    def ask(self, worker: int) -> Any:
        answer = self.servicer.get_task(elasticdl_pb2.GetTaskRequest(worker_id=worker), None)
        if answer.shard_name:
            self.held[worker].append(answer.task_id)
        elif answer.type != elasticdl_pb2.WAIT:
            self.told_to_end.add(worker)
        return answer

    def report(self, worker: int) -> None:
        identifier = self.held[worker].pop(0)
        self.trained[self.job.tasks._doing[identifier][1].start] += 1
        self.servicer.report_task_result(elasticdl_pb2.ReportTaskResultRequest(task_id=identifier), None)

    def step(self, worker: int) -> None:
        """The next thing that it does by itself."""
        if len(self.held[worker]) < 2 and worker not in self.told_to_end and not (self.held[worker] and coin()):
            self.ask(worker)
        elif self.held[worker]:
            self.report(worker)
        else:
            self.end(worker, "Succeeded", 0)

    def end(self, worker: int, phase: str, code: int | None, **more: Any) -> None:
        del self.held[worker]
        self.job.tell("MODIFIED", f"worker-{worker}", phase, code, **more)


_draw = random.Random(0)  # noqa: S311


def coin() -> bool:
    return _draw.random() < 0.5


def grown(start: Callable[..., Job], clock: Clock) -> tuple[Job, Workers]:
    """A job whose queue was long enough for all of its most workers; they are all at work."""
    made = start(tasks=400, workers=LEAST, standbys=STANDBYS, maximum=MOST)
    workers = Workers(made)
    for worker in range(LEAST + STANDBYS):
        workers.start(worker)
    for _ in range(6):
        for worker in list(workers.held):
            if not workers.held[worker]:
                workers.ask(worker)
        clock.now += 30
        for worker, held in list(workers.held.items()):
            if held:
                workers.report(worker)
        made.manager.adjust()
        for name in made.client.made:
            number = int(name.rpartition("-")[2])
            if name.startswith("worker") and number not in workers.held:
                workers.start(number)
    for worker in list(workers.held):
        workers.ask(worker)
    return made, workers


def test_a_long_queue_brings_workers_up_to_the_most_and_the_standby_stays_one(
    start: Callable[..., Job], clock: Clock
) -> None:
    made, workers = grown(start, clock)
    assert [name for name in made.client.made if name.startswith("worker")] == [f"worker-{n}" for n in range(5)]
    assert made.manager.crew.wanted == MOST
    assert [made.manager.crew.is_standby(worker) for worker in workers.held].count(True) == STANDBYS


def test_the_progress_says_how_many_are_wanted(start: Callable[..., Job], clock: Clock) -> None:
    made, workers = grown(start, clock)
    master = SimpleNamespace(task_d=made.tasks, master_servicer=workers.servicer, instance_manager=made.manager)
    assert heartbeat.progress(master, clock.now)["wanted"] == MOST


def test_a_pod_that_no_node_takes_is_announced_and_withdrawn(start: Callable[..., Job], clock: Clock) -> None:
    made, workers = grown(start, clock)
    busy = next(worker for worker, held in workers.held.items() if held)
    made.tell("DELETED", f"worker-{busy}", "Running")  # preempted
    assert made.client.made[-1] == "worker-5"
    made.tell("MODIFIED", "worker-5", "Pending")
    clock.now += elasticity.PLACEMENT_SECONDS - 1
    made.manager.adjust()
    assert made.client.deleted == []
    clock.now += 1
    made.manager.adjust()
    assert made.manager.crew.wanted == MOST - 1
    assert made.client.announced == made.client.deleted == ["worker-5"]
    made.tell("DELETED", "worker-5", "Pending")
    made.manager.adjust()
    assert made.client.made[-1] == "worker-5", "it is not made anew before some time has passed"


def test_a_preempted_worker_is_back_as_soon_as_there_is_room(start: Callable[..., Job], clock: Clock) -> None:
    made, workers = grown(start, clock)
    busy = next(worker for worker, held in workers.held.items() if held)
    lost = workers.held.pop(busy)
    made.tell("DELETED", f"worker-{busy}", "Running")
    assert not set(lost) & set(made.tasks._doing), "its tasks are everybody's again"
    clock.now += 60
    made.manager.adjust()
    workers.start(5)
    assert workers.ask(5).shard_name
    assert made.manager.crew.wanted == MOST


def few_left(made: Job, keep: int) -> None:
    """The queue is nearly empty: no epoch follows, and so many tasks are left besides those that somebody is at."""
    del made.tasks._todo[keep:]


def test_one_that_is_to_leave_finishes_what_it_holds_and_its_pod_goes_without_being_replaced(
    start: Callable[..., Job], clock: Clock
) -> None:
    made, workers = grown(start, clock)
    at_work = [worker for worker, held in workers.held.items() if held]
    few_left(made, 0)
    for worker in at_work[:2]:  # two of four have nothing to do any more
        workers.report(worker)
    made.manager.adjust()
    assert made.manager.crew.wanted == LEAST
    assert sorted(made.client.announced) == sorted(f"worker-{worker}" for worker in at_work[:2])
    assert made.client.deleted == []
    for worker in at_work[:2]:
        workers.ask(worker)
        assert worker in workers.told_to_end
        workers.step(worker)
    made.manager.adjust()
    assert sorted(made.client.deleted) == sorted(made.client.announced)
    before = list(made.client.made)
    for worker in at_work[:2]:
        made.tell("DELETED", f"worker-{worker}", "Succeeded", 0)
    made.manager.adjust()
    assert made.client.made == before
    for worker in at_work[2:]:
        workers.report(worker)
    assert made.tasks.finished()


def test_nobody_is_told_to_leave_before_that_is_written_on_its_pod(start: Callable[..., Job], clock: Clock) -> None:
    made, workers = grown(start, clock)
    few_left(made, 0)
    idle = next(worker for worker, held in workers.held.items() if held)
    workers.report(idle)
    made.client.refuse = 1
    made.manager.adjust()
    assert made.client.announced == []
    assert workers.ask(idle).type == elasticdl_pb2.WAIT
    made.manager.adjust()
    assert made.client.announced == [f"worker-{idle}"]
    workers.ask(idle)
    assert idle in workers.told_to_end


def test_one_that_does_not_leave_in_time_is_deleted_and_its_tasks_are_given_to_others(
    start: Callable[..., Job], clock: Clock
) -> None:
    made, workers = grown(start, clock)
    leaver = next(worker for worker, held in workers.held.items() if held)
    made.manager.crew.leave(leaver)
    made.manager.adjust()
    assert made.client.deleted == []
    clock.now += instances.LEAVING_SECONDS
    made.manager.adjust()
    assert f"worker-{leaver}" in made.client.deleted
    made.tell("DELETED", f"worker-{leaver}", "Running")
    assert not set(workers.held[leaver]) & set(made.tasks._doing)


ENDS: tuple[tuple[int | None, dict[str, Any]], ...] = (
    (137, {}),
    (1, {}),
    (137, {"reason": "OOMKilled"}),
    (None, {}),  # preempted, drained, deleted
)


@pytest.mark.parametrize("seed", range(12))
def test_over_growth_preemption_death_and_shrinking_no_task_is_lost_and_the_bounds_hold(
    start: Callable[..., Job], clock: Clock, seed: int
) -> None:
    """A cluster whose free GPUs change, workers that die in every way at any moment, an API that refuses at times."""
    draw = random.Random(seed)  # noqa: S311
    count, epochs = 60, 4
    made = start(tasks=count, epochs=epochs, workers=LEAST, standbys=STANDBYS, maximum=MOST)
    workers, places = Workers(made), made.manager.crew
    pending, remains = [f"worker-{worker}" for worker in range(LEAST + STANDBYS)], list[str]()
    known, most_seen, short_since, deleted = 1 + len(pending), 0, None, 0
    gpus = MOST + STANDBYS
    for _ in range(100_000):
        if made.tasks.finished():
            break
        clock.now += draw.uniform(0.2, 3.0)
        if draw.random() < 0.02:
            gpus = draw.randint(1, MOST + STANDBYS)
            while len(workers.held) > gpus:  # who answers users takes the place of who trains
                lost = draw.choice(list(workers.held))
                del workers.held[lost]
                made.tell("DELETED", f"worker-{lost}", "Running")
        if draw.random() < 0.01 and workers.held:
            lost = draw.choice(list(workers.held))
            code, more = draw.choice(ENDS)
            if code is None:
                del workers.held[lost]
                made.tell("DELETED", f"worker-{lost}", "Running")
            else:
                workers.end(lost, "Failed", code, **more)
                remains.append(f"worker-{lost}")
        if remains and draw.random() < 0.1:  # the monitor's part
            made.tell("DELETED", remains.pop(), "Failed", 1)
        if draw.random() < 0.05:
            made.client.refuse = 1
        if workers.held:
            workers.step(draw.choice(list(workers.held)))
        made.manager.adjust() if not made.client.refuse or draw.random() < 0.5 else None
        made.client.refuse = 0
        pending += made.client.made[known:]
        known = len(made.client.made)
        for name in made.client.deleted[deleted:]:
            if name in pending:
                pending.remove(name)
                made.tell("DELETED", name, "Pending")
            else:
                workers.held.pop(int(name.rpartition("-")[2]), None)
                made.tell("DELETED", name, "Succeeded", 0)
        deleted = len(made.client.deleted)
        if pending and len(workers.held) < gpus:
            workers.start(int(pending.pop(0).rpartition("-")[2]))
        there = {*workers.held, *(int(name.rpartition("-")[2]) for name in pending)}
        assert len(there - set(places.leaving())) <= MOST + STANDBYS
        most_seen = max(most_seen, len(workers.held))
        enough = len(workers.held) + len(pending) >= LEAST
        short_since = None if enough else (short_since or clock.now)
        assert short_since is None or clock.now - short_since < 60
        todo = len(made.tasks._todo) + len(made.tasks._doing)
        done = heartbeat.record_of(made.tasks).trained
        assert done + todo >= (made.tasks._epoch + 1) * count, "a task is neither done nor to be done"
    assert made.tasks.finished()
    assert most_seen > LEAST + STANDBYS
    assert workers.trained == {number * 10: epochs for number in range(count)}
