"""What a training that follows its queue shows, with a cluster made by hand. In a real one: docs/elasticity.md."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from lightkube.models.core_v1 import Container, PodSpec, ResourceRequirements, Toleration

from controllers.drill import growth
from controllers.drill.growth import Growth, Seen, look, main
from controllers.drill.growth_plot import plot
from controllers.drill.growth_result import GrowthResult, Preemption, Sample, table
from controllers.drill.probing import Counts
from controllers.drill.site import Site
from controllers.drill.urgent import NAME, Urgent, pod
from controllers.errors import ClusterError, DrillError
from controllers.monitor.model import Pod, PodGone, PodSeen, Progress, Role, WorkerProgress
from controllers.monitor.world import World

START = 12.0
"""Seconds from a worker's pod to its first task."""


class Cluster:
    """A training of one to `most` workers, each of which does a task a second, and a node for each of them."""

    def __init__(self, most: int = 3, tasks: float = 240.0, **behaviour: Any) -> None:
        self.now = 500.0
        self.most = most
        self.behaviour = behaviour
        self.ready_at = {0: self.now}
        self.number = 1
        self.tasks = self.left = tasks
        self.wanted = 1
        self.lost: list[str] = []
        self.urgent_since: float | None = None
        self.calls: list[str] = []
        self.looks = 0

    # ---- what the command asks of it

    async def create(self, worker: str) -> None:
        self.calls.append(f"create like {worker}")
        if "refuses" in self.behaviour:
            raise DrillError("the pod was refused: exceeded quota")
        self.urgent_since = self.now
        if self.behaviour.get("preempts", True) and self.placed:
            last = max(self.ready_at)
            del self.ready_at[last]
            self.lost.append(f"worker-{last}")

    async def remove(self) -> None:
        self.calls.append("remove")
        self.urgent_since = None

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.left = max(0.0, self.left - seconds * len(self.at_work))
        self._follow_the_queue()

    async def look(self) -> Seen:
        self.looks += 1
        if self.looks in self.behaviour.get("unanswered", ()):
            raise ClusterError("the Kubernetes API can't be reached")
        if self.looks == self.behaviour.get("breaks"):
            raise asyncio.CancelledError
        running = tuple(f"worker-{number}" for number in self.ready_at)
        phase = "" if self.urgent_since is None else "Running" if self.placed else "Pending"
        done = not self.left
        return Seen(
            0 if done else self.wanted, len(self.at_work), 0, self.missing, self.most, int(self.left),
            int(self.tasks - self.left), () if done else running, frozenset(self.lost), frozenset(self.lost), phase,
            not done, done,
        )  # fmt: skip

    # ---- what it makes of it

    @property
    def placed(self) -> bool:
        return bool(self.behaviour.get("places", True))

    @property
    def at_work(self) -> list[int]:
        return [number for number, ready in self.ready_at.items() if ready <= self.now]

    @property
    def missing(self) -> int:
        return 0 if not self.left else max(0, self.wanted - len(self.ready_at))

    def _follow_the_queue(self) -> None:
        if self.behaviour.get("shrinks", True) and self.left <= self.wanted:
            self.wanted = max(1, int(self.left))
        elif self.wanted < self.most and self.wanted == len(self.at_work) and self.urgent_since is None:
            self.wanted += 1
        room = self.urgent_since is None and (not self.lost or self.behaviour.get("comes_back", True))
        if self.missing and room:
            self.ready_at[self.number] = self.now + START
            self.number += 1

    def carry_out(self, preempt: bool = True, longest: float = 1200.0) -> GrowthResult:
        result = GrowthResult(1, preemption=Preemption() if preempt else None, others=Counts(50, 0))
        growing = Growth(result, self.look, self, longest=longest, clock=lambda: self.now, sleep=self.sleep)
        asyncio.run(growing.carry_out())
        return result


def test_a_training_that_grows_is_preempted_comes_back_and_shrinks_keeps_the_promise() -> None:
    cluster = Cluster()
    result = cluster.carry_out()
    assert result.problems() == []
    assert result.ended
    assert (result.grew_at, result.most) == (pytest.approx(12.5, abs=1), 3)
    seen = result.preemption
    assert seen is not None
    assert seen.worker == "worker-2"
    assert seen.asked_at == pytest.approx((result.grew_at or 0) + 5, abs=1)
    assert (seen.gone_at or 0) - (seen.ran_at or 0) == pytest.approx(20, abs=0.6)
    assert (seen.back_at or 0) > (seen.gone_at or 0)
    assert result.shrank_at is not None
    assert result.samples[-2].at >= result.shrank_at > (seen.back_at or 0)
    assert cluster.calls == ["remove", "create like worker-0", "remove", "remove"]


def test_the_table_has_a_row_for_each_change_and_says_what_it_comes_to() -> None:
    result = Cluster().carry_out()
    text = table(result)
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert 8 < len(rows) < 25
    assert f"{NAME} comes" in text
    assert "worker-2 loses its place; drill-urgent runs" in text
    assert f"{NAME} goes" in text
    assert "as many at work as before" in text
    assert "- growth: more than 1 wanted at " in text
    assert "in place of worker-2; it went at" in text
    assert "- tasks: 240 done, none lost" in text
    assert "0 of 50 requests failed" in text
    assert "missed" not in text


def test_nobodys_place_is_taken_where_that_is_not_asked_for() -> None:
    cluster = Cluster()
    result = cluster.carry_out(preempt=False)
    assert result.problems() == []
    assert cluster.calls == []
    assert "preemption" not in table(result)


def test_a_training_that_does_not_grow_is_told_with_the_keys_to_edit() -> None:
    cluster = Cluster(most=1)
    (problem,) = cluster.carry_out().problems()
    assert problem.startswith("never more than 1 at work")
    assert "training.maximum_workers" in problem
    assert cluster.calls == ["remove"]


def test_a_place_that_stays_empty_is_a_problem() -> None:
    cluster = Cluster(tasks=400.0, comes_back=False)
    (problem,) = cluster.carry_out().problems()
    assert problem == "worker-2's place was not taken again within 120 s after there was room"


def test_a_place_that_stays_empty_because_the_queue_ends_is_none() -> None:
    result = Cluster(comes_back=False).carry_out()
    assert result.preemption is not None
    assert result.preemption.back_at is None
    assert result.problems() == []
    assert "not as many workers as before again" in table(result)


def test_workers_that_stay_to_the_end_are_a_problem_only_where_the_end_was_seen() -> None:
    assert Cluster(shrinks=False).carry_out().problems() == [
        "3 workers were wanted to the end, though fewer tasks were left"
    ]
    result = Cluster(shrinks=False).carry_out(longest=70.0)
    assert not result.ended
    assert result.problems() == []
    assert "the job's end was not waited for" in table(result)


def test_a_number_that_a_pod_without_a_node_lowered_is_no_shrinking() -> None:
    result = GrowthResult(1, [Sample(at, wanted, 1, 0, 0, 2, 50, 10) for at, wanted in ((0.0, 2), (1.0, 1))])
    assert result.shrank_at is None


def test_a_pod_that_the_quota_refuses_is_a_problem_and_the_rest_is_still_seen() -> None:
    cluster = Cluster(refuses=True)
    result = cluster.carry_out()
    assert result.problems() == ["the pod was refused: exceeded quota"]
    assert result.ended
    assert cluster.calls[-1] == "remove"


def test_a_pod_that_finds_no_place_is_taken_back_with_the_way_out() -> None:
    cluster = Cluster(tasks=500.0, places=False)
    (problem,) = cluster.carry_out().problems()
    assert problem.startswith("drill-urgent found no place within 120 s (Pending)")
    assert "quota" in problem
    assert cluster.urgent_since is None


def test_a_pod_that_takes_nobodys_place_shows_nothing() -> None:
    (problem,) = Cluster(preempts=False).carry_out().problems()
    assert "took no worker's place" in problem


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"others": Counts(50, 3)}, "3 of 50 requests to other businesses failed"),
        ({"tasks_missing": 4}, "4 tasks of the training were lost"),
    ],
)
def test_what_others_and_the_training_lose_is_a_problem(change: dict[str, object], problem: str) -> None:
    result = Cluster().carry_out()
    for name, value in change.items():
        setattr(result, name, value)
    assert result.problems() == [problem]
    assert f"**missed**: {problem}" in table(result)


def test_the_urgent_pod_is_removed_when_the_command_is_interrupted() -> None:
    cluster = Cluster(breaks=50)
    with pytest.raises(asyncio.CancelledError):
        cluster.carry_out()
    assert cluster.calls == ["remove", "create like worker-0", "remove"]
    assert cluster.urgent_since is None


def test_the_urgent_pod_is_removed_when_the_cluster_stays_away() -> None:
    cluster = Cluster(unanswered=range(50, 1000))
    with pytest.raises(ClusterError):
        cluster.carry_out()
    assert cluster.calls[-1] == "remove"
    assert cluster.urgent_since is None


def test_a_cluster_that_does_not_answer_for_a_moment_is_asked_again() -> None:
    result = Cluster(unanswered=range(50, 60)).carry_out()
    assert result.problems() == []


def test_the_urgent_pod_is_like_a_worker_but_of_another_priority() -> None:
    requests = {"cpu": "1", "memory": "4096Mi", "nvidia.com/gpu": "1"}
    worker = PodSpec(
        containers=[Container(name="worker", image="trainer", resources=ResourceRequirements(requests=requests))],
        nodeSelector={"language-models/pool": "training"},
        tolerations=[Toleration(key="nvidia.com/gpu", operator="Exists")],
        priorityClassName="language-models-training",
        serviceAccountName="training",
    )
    spec = pod(worker, "language-models-serving", 140.0).spec
    assert spec is not None
    assert (spec.priorityClassName, spec.nodeSelector, spec.tolerations) == (
        "language-models-serving",
        worker.nodeSelector,
        worker.tolerations,
    )
    (container,) = spec.containers
    assert (container.image, container.command) == ("trainer", ["sleep", "140"])
    assert container.resources is not None
    assert container.resources.requests == requests
    assert (spec.automountServiceAccountToken, spec.serviceAccountName) == (False, None)
    assert spec.terminationGracePeriodSeconds == 1


def test_the_picture_is_the_same_each_time_and_can_be_drawn_of_nothing() -> None:
    result = Cluster().carry_out()
    drawn = plot(result)
    for title in ("workers", "nodes for training", "tasks of the epoch"):
        assert f"<!-- {title} -->" in drawn or f">{title}<" in drawn
    assert drawn == plot(result)
    assert plot(GrowthResult(1)).startswith("<?xml")


def test_the_samples_can_be_kept() -> None:
    found = json.loads(Cluster().carry_out().to_json())
    assert found["samples"][0]["wanted"] == 1
    assert found["preemption"]["worker"] == "worker-2"
    assert found["problems"] == []


@pytest.mark.parametrize(("problems", "code"), [(0, 0), (4, 4)])
def test_the_exit_code_says_whether_the_promise_was_kept(
    problems: int, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    result = Cluster().carry_out()
    result.tasks_missing = problems

    async def run(*_: object) -> GrowthResult:
        return result

    monkeypatch.setattr(growth, "run", run)
    site, report = tmp_path / "site.yaml", tmp_path / "growth.md"
    site.write_text("namespace: qa\nworkers: 1\n")
    assert main(["--site", str(site), "--report", str(report)]) == code
    assert report.read_text().startswith("| second | wanted |")


def test_a_site_that_is_not_there_is_told_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--site", "nowhere.yaml"]) == 2
    assert capsys.readouterr().err.startswith("growth: nowhere.yaml:")


# ---- what a look shows


def looked(*pods: Pod, gone: Sequence[str] = ()) -> Seen:
    """Of a namespace with these pods, some of which are gone by now, and one node."""

    class Client:
        async def list(self, *_: object, **__: object) -> AsyncIterator[Any]:
            condition = argparse.Namespace(type="Ready", status="True")
            labels = {"language-models/pool": "training"}
            status = argparse.Namespace(conditions=[condition])
            yield argparse.Namespace(metadata=argparse.Namespace(labels=labels), status=status)

    world = World()
    for seen in pods:
        world.see(PodSeen(seen), 1.0)
    for seen in pods:
        if seen.name in gone:
            world.see(PodGone(seen.name, seen.uid), 2.0)
    observer = argparse.Namespace(world=world, client=Client())
    return asyncio.run(look(argparse.Namespace(observer=observer, site=Site(namespace="qa"))))  # type: ignore[arg-type]


def worker(index: int, **changed: Any) -> Pod:
    made = Pod(f"worker-{index}", f"uid-{index}", 1, Role.WORKER, index, "Running")
    return dataclasses.replace(made, **changed)


PROGRESS = Progress(
    left=7, trained=5, wanted=3, workers={0: WorkerProgress(0.1, batches=9), 1: WorkerProgress(0.1, standby=True)}
)
MASTER = Pod("master", "uid-master", 1, Role.MASTER, 0, "Running", progress=PROGRESS)


def test_a_look_tells_who_works_who_stands_by_and_who_waits_for_a_node() -> None:
    seen = looked(MASTER, worker(0), worker(1), worker(2, phase="Pending"), Pod(NAME, "u", 1, Role.OTHER))
    assert (seen.wanted, seen.workers, seen.standbys, seen.pending, seen.nodes) == (3, 1, 1, 1, 1)
    assert (seen.left, seen.trained, seen.urgent) == (7, 5, "Pending")
    assert (seen.job, seen.over) == (True, False)
    assert seen.lost == frozenset()


def test_a_look_tells_who_was_preempted_from_whom_the_master_let_go() -> None:
    seen = looked(
        MASTER,
        worker(0, deleting=True, disruption="PreemptionByScheduler"),
        worker(1, deleting=True, removal=True),
        worker(2),
        gone=["worker-2"],
    )
    assert seen.preempted == {"worker-0"}
    assert seen.lost == {"worker-0", "worker-2"}
    assert (seen.running, seen.workers) == ((), 0)


@pytest.mark.parametrize("gone", [(), ("master",)])
def test_a_job_is_over_when_its_master_said_so_and_no_worker_runs(gone: Sequence[str]) -> None:
    finished = dataclasses.replace(MASTER, finished=True)
    assert looked(finished, worker(0, phase="Succeeded"), gone=gone).over
    assert not looked(finished, worker(0), gone=gone).over
    assert not looked(MASTER, gone=["master"]).over


async def test_a_refusal_of_the_quota_is_told_with_the_keys_to_edit() -> None:
    template = argparse.Namespace(spec=argparse.Namespace(priorityClassName="language-models-serving"))
    found = argparse.Namespace(
        spec=argparse.Namespace(
            template=template, containers=[Container(name="worker")], nodeSelector=None, tolerations=None,
            imagePullSecrets=None, securityContext=None,
        )
    )  # fmt: skip

    class Client:
        async def get(self, *_: object) -> Any:
            return found

        async def create(self, made: Any) -> None:
            assert made.spec.priorityClassName == "language-models-serving"
            raise OSError("exceeded quota: requests.nvidia.com/gpu")

    with pytest.raises(DrillError, match=r"exceeded quota.*quota \(gpu, cpu"):
        await Urgent(Client(), 10.0).create("worker-0")
