"""What the monitor decides of a job's workers, fault by fault, by a clock that the test moves."""

from __future__ import annotations

import pytest

from controllers.config.monitor import RepairSettings
from controllers.monitor.model import (
    BucketSeen,
    DeletePod,
    GiveMemory,
    Node,
    NodeSeen,
    QuotaSeen,
    Role,
)
from tests.unit.controllers.monitor.scene import Scene, deletions


def test_a_killed_worker_is_elasticdls_to_replace_and_recovers_when_the_new_one_is_at_work(scene: Scene) -> None:
    scene.change("worker-0", phase="Failed", exit_code=137, end_reason="Error")
    scene.wait(2)
    incident = scene.incident("worker-killed")
    assert incident.owner == "elasticdl's master"
    assert incident.replaced_at is None
    scene.given_again += 2
    scene.pod(Role.WORKER, 2, "node-1")
    scene.late[2] = {"batches": 0}  # it runs, but is not at work
    scene.wait(5)
    assert incident.replaced_at is not None
    assert incident.is_open
    scene.late.clear()
    scene.wait(1)
    assert incident.outcome == "recovered"
    assert incident.recovered_at == pytest.approx(scene.now)
    assert incident.tasks_redone == 2
    assert scene.actions == []


def test_the_remains_of_a_replaced_worker_make_no_second_incident(scene: Scene) -> None:
    scene.change("worker-0", phase="Failed", exit_code=137)
    scene.pod(Role.WORKER, 2)
    scene.wait(700)
    assert scene.faults == ["worker-killed"]


@pytest.mark.parametrize("code", [1, 2, 139, 143, 255])
def test_a_crashed_worker_is_deleted_once_so_that_the_master_makes_another(scene: Scene, code: int) -> None:
    pod = scene.change("worker-1", phase="Failed", exit_code=code, end_reason="Error")
    scene.decide()
    assert [(action.name, action.uid) for action in scene.actions] == [(pod.name, pod.uid)]
    assert not scene.actions[0].force
    scene.remove("worker-1")
    scene.pod(Role.WORKER, 2, "node-2")
    scene.wait(30)
    assert deletions(scene) == ["worker-1"]
    assert scene.incident("worker-crashed").outcome == "recovered"


def test_thirty_workers_that_crash_at_once_are_all_replaced_in_one_decision() -> None:
    """They are one fault thirty times, not thirty repairs of which each waits longer than the one before."""
    scene = Scene(workers=30)
    scene.pod(Role.MASTER, 0, "node-1")
    scene.pod(Role.PARAMETER_SERVER, 0, "node-1")
    for index in range(30):
        scene.pod(Role.WORKER, index, f"node-{1 + index % 2}")
    scene.wait(6)
    for index in range(30):
        scene.change(f"worker-{index}", phase="Failed", exit_code=1, end_reason="Error")
    scene.decide()
    assert sorted(deletions(scene)) == sorted(f"worker-{index}" for index in range(30))


def test_a_worker_that_ran_out_of_memory_gets_more_as_far_as_the_quota_allows(scene: Scene) -> None:
    scene.see(QuotaSeen(2000))
    scene.change("worker-0", phase="Failed", exit_code=137, end_reason="OOMKilled")
    scene.decide()
    memory, deletion = scene.actions
    assert isinstance(memory, GiveMemory)
    assert memory.mebibytes == 4096 + 1000  # the quota's rest, for two workers
    assert isinstance(deletion, DeletePod)


def test_more_memory_is_given_again_to_a_new_master_and_not_beyond_the_largest_node(scene: Scene) -> None:
    scene.change("worker-0", phase="Failed", exit_code=137, end_reason="OOMKilled", memory_mebibytes=13_000)
    scene.decide()
    assert [action.mebibytes for action in scene.actions if isinstance(action, GiveMemory)] == [14_000]
    scene.remove("worker-0")
    scene.pod(Role.WORKER, 2, memory_mebibytes=14_000)
    scene.wait(5)
    scene.remove("master")
    scene.pod(Role.MASTER, 0)
    scene.actions.clear()
    scene.wait(8)
    assert [action.mebibytes for action in scene.actions] == [14_000]


def test_a_worker_that_the_master_does_not_hear_is_replaced(scene: Scene) -> None:
    scene.late[1] = {"quiet": 61.0}
    scene.wait(1)
    assert deletions(scene) == ["worker-1"]
    assert scene.faults == ["worker-hung"]


def test_workers_that_wait_for_a_bucket_that_is_away_are_left_alone_until_it_has_been_back_for_a_while(
    scene: Scene,
) -> None:
    scene.see(BucketSeen(False, "503"))
    for second in range(300):
        scene.late = {0: {"quiet": float(second)}, 1: {"quiet": float(second)}}
        scene.wait(1)
    assert deletions(scene) == []
    scene.see(BucketSeen(True))
    for second in range(50):
        scene.late = {0: {"quiet": 300.0 + second}, 1: {"quiet": 0.5}}
        scene.wait(1)
    assert deletions(scene) == []
    scene.late = {0: {"quiet": 360.0}}
    scene.wait(15)  # the other one is at work again, and this one is not
    assert deletions(scene) == ["worker-0"]


def test_a_straggler_is_replaced_only_when_it_stays_one(scene: Scene) -> None:
    scene.late[0] = {"seconds": 9.0}
    scene.wait(100)
    scene.late.clear()
    scene.wait(1)
    scene.late[0] = {"seconds": 9.0}
    scene.wait(115)
    assert scene.actions == []
    scene.wait(10)
    assert deletions(scene) == ["worker-0"]
    assert scene.faults == ["worker-slow"]


def test_a_worker_that_runs_but_never_asks_for_a_task_is_replaced(scene: Scene) -> None:
    scene.change("worker-0", phase="Failed", exit_code=137)
    scene.pod(Role.WORKER, 2)
    scene.lost.add(2)  # the master does not know it
    scene.wait(185)
    assert deletions(scene) == ["worker-2"]


def test_workers_that_went_with_an_earlier_master_are_not_missed_by_who_takes_over(scene: Scene) -> None:
    """It saw them go, and another replica decided then."""
    scene.change("master", removal=True)  # by the launcher, which starts another
    scene.remove("worker-0")
    scene.remove("ps-0")
    scene.remove("master")
    scene.now += 5
    scene.lost.clear()
    scene.pod(Role.MASTER, 0, "node-1")
    scene.pod(Role.PARAMETER_SERVER, 0, "node-1")
    scene.pod(Role.WORKER, 0, "node-1")
    scene.beat()
    scene.wait(3)
    assert scene.faults == []


def test_standbys_may_be_silent(scene: Scene) -> None:
    scene.pod(Role.WORKER, 2)
    scene.late[2] = {"standby": True, "quiet": 900.0, "tasks": 0, "batches": 0}
    scene.wait(300)
    assert scene.faults == []


def test_a_worker_that_ends_early_is_replaced_but_not_one_that_ends_with_the_job(scene: Scene) -> None:
    scene.change("worker-0", phase="Succeeded", exit_code=0)
    scene.wait(3)
    assert scene.faults == []
    scene.wait(5)
    assert deletions(scene) == ["worker-0"]
    done = Scene().running_job()
    done.change("worker-0", phase="Succeeded", exit_code=0)
    done.wait(2)
    done.change("master", finished=True)
    done.change("worker-1", phase="Succeeded", exit_code=0)
    done.wait(60, beat=False)
    done.change("master", phase="Succeeded")
    done.remove("worker-0")
    done.remove("worker-1")
    done.remove("master")
    done.wait(60)
    assert done.faults == []


def test_an_evicted_worker_is_replaced(scene: Scene) -> None:
    scene.change("worker-0", phase="Failed", reason="Evicted", message="The node was low on resource: memory.")
    scene.decide()
    assert deletions(scene) == ["worker-0"]
    assert scene.incident("worker-evicted").message.startswith("The node was low")


@pytest.mark.parametrize(
    ("disruption", "cordoned", "fault"),
    [
        ("PreemptionByScheduler", False, "worker-preempted"),
        ("", True, "worker-drained"),
        ("", False, "worker-deleted"),
    ],
)
def test_a_worker_taken_away_is_the_masters_to_replace(
    scene: Scene, disruption: str, cordoned: bool, fault: str
) -> None:
    if cordoned:
        scene.see(NodeSeen(Node("node-2", 900, cordoned=True)))
    scene.change("worker-1", deleting=True, disruption=disruption)
    scene.wait(1)
    scene.change("worker-1", phase="Failed", exit_code=137)
    scene.remove("worker-1")
    scene.pod(Role.WORKER, 2)
    scene.wait(3)
    assert scene.faults == [fault]
    assert scene.actions == []
    assert scene.incident(fault).outcome == "recovered"


def test_an_image_that_cannot_be_pulled_is_tried_elsewhere_and_then_given_up_with_an_alert() -> None:
    scene = Scene(repairs=RepairSettings(fruitless=2)).running_job()
    for index in range(2, 7):
        scene.change(f"worker-{index - 2 if index == 2 else index - 1}", phase="Failed", exit_code=137)
        scene.pod(Role.WORKER, index, phase="Pending", waiting="ImagePullBackOff", message="not found")
        scene.wait(70)
    assert set(deletions(scene)) == {"worker-2", "worker-3"}
    alerts = [incident.alert for incident in scene.core.memory.incidents if incident.fault == "image-pull"]
    assert any("given up: 2 repairs of image-pull have not helped" in alert for alert in alerts)


def test_a_pod_that_no_node_takes_is_for_a_person(scene: Scene) -> None:
    scene.remove("worker-1")
    scene.pod(Role.WORKER, 2, "", phase="Pending", unschedulable=True, message="0/2 nodes: insufficient nvidia.com/gpu")
    scene.wait(310)
    assert scene.actions == []
    assert "insufficient nvidia.com/gpu" in scene.incident("unschedulable").alert
    scene.change("worker-2", phase="Running", node="node-2", unschedulable=False)
    scene.wait(3)
    assert scene.incident("unschedulable").outcome == "recovered"


@pytest.mark.parametrize("phase", ["Pending", "Running", "Succeeded", "Failed"])
def test_a_worker_that_the_master_lets_go_is_no_fault_however_it_ends(scene: Scene, phase: str) -> None:
    scene.pod(Role.WORKER, 2, "node-2", phase="Pending" if phase == "Pending" else "Running")
    scene.wait(6)
    scene.change("worker-2", removal=True)
    scene.late[2] = {"quiet": 200.0}
    scene.change("worker-2", phase=phase, exit_code={"Succeeded": 0, "Failed": 137}.get(phase))
    scene.wait(400)
    scene.remove("worker-2")
    scene.wait(6)
    assert scene.faults == []
    assert scene.actions == []


def test_a_job_that_has_its_least_workers_at_work_has_recovered_though_more_are_wanted(scene: Scene) -> None:
    scene.pod(Role.WORKER, 2, "node-2")
    scene.wait(6)
    scene.change("worker-2", disruption="PreemptionByScheduler")
    scene.remove("worker-2")
    scene.pod(Role.WORKER, 3, "", phase="Pending", unschedulable=True)
    scene.wait(12)
    assert scene.incident("worker-preempted").outcome == "recovered"
    scene.change("worker-3", removal=True)
    scene.remove("worker-3")
    scene.wait(6)
    assert scene.faults == ["worker-preempted"]
