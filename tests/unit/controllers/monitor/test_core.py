"""What the monitor decides, fault by fault, by a clock that the test moves. Events in any order: test_event_orders."""

from __future__ import annotations

import itertools
import time

import pytest

from controllers.config import RepairSettings
from controllers.monitor.incidents import Memory
from controllers.monitor.model import (
    ApiAway,
    ApiBack,
    AvoidNodes,
    BucketSeen,
    DeletePod,
    GiveMemory,
    Node,
    NodeGone,
    NodeSeen,
    PodSeen,
    QuotaSeen,
    Role,
)
from tests.unit.controllers.monitor.scene import Scene


@pytest.fixture
def scene() -> Scene:
    return Scene().running_job()


def forced(scene: Scene) -> dict[str, bool]:
    """The pods that were deleted, and whether without waiting for their nodes."""
    return {action.name: action.force for action in scene.actions if isinstance(action, DeletePod)}


def deletions(scene: Scene) -> list[str]:
    return [action.name.removeprefix(scene.full("")) for action in scene.actions if isinstance(action, DeletePod)]


def test_a_healthy_job_is_left_alone(scene: Scene) -> None:
    scene.wait(600)
    assert scene.actions == []
    assert scene.faults == []


# ---- workers


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


# ---- parameter server, master


def test_a_dead_parameter_server_is_deleted_so_that_the_master_makes_it_anew(scene: Scene) -> None:
    scene.change("ps-0", phase="Failed", exit_code=137)
    scene.decide()
    assert deletions(scene) == ["ps-0"]
    scene.remove("ps-0")
    scene.pod(Role.PARAMETER_SERVER, 0)
    scene.step -= 200
    scene.wait(2)
    incident = scene.incident("parameter-server-lost")
    assert incident.outcome == "recovered"
    assert incident.steps_redone is not None
    assert 150 < incident.steps_redone <= 200


def test_a_dead_master_is_the_launchers_and_its_workers_are_no_faults_of_their_own(scene: Scene) -> None:
    scene.change("master", phase="Failed", exit_code=1)
    for worker in (0, 1):
        scene.change(f"worker-{worker}", phase="Succeeded", exit_code=0)
    scene.wait(5, beat=False)
    for name in ("worker-0", "worker-1", "ps-0", "master"):
        scene.remove(name)
    scene.wait(5)
    scene.lost.clear()
    scene.done, scene.step = -1, 100
    scene.running_job()
    assert scene.faults == ["master-lost"]
    assert scene.actions == []
    assert scene.incident("master-lost").outcome == "recovered"


def test_a_master_without_a_heartbeat_is_deleted_and_the_launcher_starts_another(scene: Scene) -> None:
    scene.wait(89, beat=False)
    assert scene.actions == []
    scene.wait(2, beat=False)
    assert deletions(scene) == ["master"]
    scene.remove("master")
    scene.wait(3)
    assert scene.faults == ["master-hung"]


def test_a_job_that_the_launcher_removes_on_purpose_is_no_fault(scene: Scene) -> None:
    scene.change("master", removal=True)
    for name in ("master", "worker-0", "worker-1", "ps-0"):
        scene.change(name, deleting=True)
        scene.remove(name)
    scene.wait(60)
    assert scene.faults == []


# ---- nodes


def test_a_silent_node_is_given_up_within_35_seconds_and_its_pods_go_without_waiting_for_it(scene: Scene) -> None:
    scene.silent.add("node-2")
    scene.wait(29)
    assert scene.actions == []
    scene.wait(6)
    assert [(action.name, action.force) for action in scene.actions if isinstance(action, DeletePod)] == [
        (scene.full("worker-1"), True)
    ]
    scene.remove("worker-1")
    scene.pod(Role.WORKER, 2, "node-1")
    scene.wait(3)
    assert scene.faults == ["node-away"]
    assert scene.incident("node-away").outcome == "recovered"


def test_a_silent_node_whose_workers_the_master_does_not_hear_either_is_given_up_within_15_seconds(
    scene: Scene,
) -> None:
    scene.silent.add("node-2")
    scene.wait(5)
    scene.late[1] = {"quiet": 9.0}
    scene.wait(7)
    assert scene.actions == []
    scene.wait(3)
    avoid, deletion = scene.actions[:2]
    assert avoid == AvoidNodes("", scene.full("master"), scene.pods[scene.full("master")].uid, ("node-2",))
    assert isinstance(deletion, DeletePod)
    assert deletion.name == scene.full("worker-1")


@pytest.mark.parametrize("hung", [{1: 9.0}, {0: 9.0, 1: 9.0}])
def test_workers_that_are_silent_by_themselves_say_nothing_of_their_node(scene: Scene, hung: dict[int, float]) -> None:
    """A node that is heard is there; and where nobody at all is heard, the silence lies with the master."""
    if len(hung) == 2:
        scene.silent.add("node-2")
    scene.late |= {index: {"quiet": quiet} for index, quiet in hung.items()}
    scene.wait(20)
    assert scene.actions == []


def test_a_master_avoids_a_node_for_as_long_as_it_is_away(scene: Scene) -> None:
    scene.silent.add("node-2")
    scene.wait(32)
    told = [action for action in scene.actions if isinstance(action, AvoidNodes)]
    assert [action.nodes for action in told] == [("node-2",)]
    scene.change("master", avoided=("node-2",))
    scene.remove("worker-1")
    scene.pod(Role.WORKER, 2, "node-1")
    scene.wait(30)
    assert len([action for action in scene.actions if isinstance(action, AvoidNodes)]) == 1
    scene.silent.clear()
    scene.wait(20)
    assert [action.nodes for action in scene.actions if isinstance(action, AvoidNodes)][-1] == ()


def test_what_kubernetes_puts_on_a_silent_node_again_is_given_up_as_soon_as_it_notices(scene: Scene) -> None:
    scene.silent.add("node-2")
    scene.wait(31)
    assert deletions(scene) == ["worker-1"]
    scene.remove("worker-1")
    scene.pod(Role.WORKER, 2, "node-2", phase="Pending")
    scene.wait(15)
    assert deletions(scene) == ["worker-1"]
    scene.see(NodeSeen(Node("node-2", 100_000, ready=False)))
    scene.wait(1)
    assert deletions(scene) == ["worker-1", "worker-2"]
    scene.remove("worker-2")
    scene.pod(Role.WORKER, 3, "node-1")
    scene.wait(2)
    assert scene.incident("node-away").outcome == "recovered"


def test_with_a_parameter_server_on_a_lost_node_the_whole_job_starts_again_from_the_checkpoint() -> None:
    scene = Scene()
    scene.pod(Role.MASTER, 0, "node-1")
    scene.pod(Role.PARAMETER_SERVER, 0, "node-2")
    scene.pod(Role.WORKER, 0, "node-1")
    scene.pod(Role.WORKER, 1, "node-2")
    scene.wait(3)
    scene.silent.add("node-2")
    scene.wait(36)
    assert sorted(deletions(scene)) == ["master", "ps-0", "worker-1"]
    assert forced(scene)[scene.full("master")] is False


def test_a_node_that_kubernetes_calls_not_ready_or_that_is_gone_is_given_up(scene: Scene) -> None:
    scene.see(NodeSeen(Node("node-2", 901, ready=False)))
    scene.wait(7)
    assert deletions(scene) == ["worker-1"]
    gone = Scene().running_job()
    gone.see(NodeGone("node-2"))
    gone.decide()
    assert deletions(gone) == ["worker-1"]


def test_a_node_that_comes_back_before_anything_was_done_is_only_noted(scene: Scene) -> None:
    scene.see(NodeSeen(Node("node-2", 901, ready=False)))
    scene.wait(3)
    scene.see(NodeSeen(Node("node-2", 902, ready=True)))
    scene.wait(20)
    assert scene.actions == []


def test_when_its_own_node_is_silent_too_the_monitor_blames_no_node(scene: Scene) -> None:
    scene.silent |= {"node-1", "node-2", "node-3"}
    scene.wait(300)
    assert scene.actions == []


# ---- the API server, the bucket


def test_while_the_api_server_is_away_nothing_is_concluded_and_its_return_is_no_surprise(scene: Scene) -> None:
    scene.see(ApiAway())
    scene.silent |= {"node-1", "node-2"}
    scene.wait(200, beat=False)
    assert scene.faults == ["api-server-away"]
    assert scene.actions == []
    scene.silent.clear()
    scene.see(ApiBack())
    scene.listed()
    scene.wait(20)
    assert scene.faults == ["api-server-away"]
    assert scene.incident("api-server-away").outcome == "recovered"
    assert scene.actions == []


def test_a_bucket_that_is_away_is_an_alert_and_no_reason_to_touch_the_job(scene: Scene) -> None:
    scene.see(BucketSeen(False, "connection refused"))
    scene.wait(10)
    assert scene.incident("bucket-away").alert == "connection refused"
    assert scene.actions == []
    scene.see(BucketSeen(True))
    scene.wait(1)
    assert scene.incident("bucket-away").outcome == "recovered"
    scene.see(BucketSeen(False, "timeout"))
    scene.wait(1)
    assert scene.faults == ["bucket-away", "bucket-away"]


# ---- limits


def test_repairs_of_a_crash_loop_wait_longer_each_time_and_end_with_an_alert(scene: Scene) -> None:
    times = []
    for index in range(1, 12):
        scene.change(f"worker-{index}", phase="Failed", exit_code=1)
        before = len(scene.actions)
        for _ in range(60):
            scene.wait(1)
            if len(scene.actions) > before:
                times.append(scene.now)
                break
        if len(scene.actions) == before:
            break
        scene.remove(f"worker-{index}")
        scene.pod(Role.WORKER, index + 1, "node-2")
    assert len(times) == scene.settings.repairs.fruitless
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert waits == sorted(waits)
    assert waits[-1] >= 8
    assert any("given up" in incident.alert for incident in scene.core.memory.incidents)


def test_workers_that_crash_together_are_replaced_together() -> None:
    scene = Scene(workers=30)
    scene.pod(Role.MASTER, 0)
    for index in range(30):
        scene.pod(Role.WORKER, index)
    scene.wait(3)
    for index in range(30):
        scene.change(f"worker-{index}", phase="Failed", exit_code=1)
        if index % 10 == 9:
            scene.wait(1)
    assert len(deletions(scene)) == 30


def test_repairs_are_capped_in_an_hour_with_an_alert() -> None:
    scene = Scene(workers=30, repairs=RepairSettings(per_hour=10))
    scene.pod(Role.MASTER, 0)
    for index in range(12):
        scene.pod(Role.WORKER, index)
    scene.wait(3)
    for index in range(12):
        scene.change(f"worker-{index}", phase="Failed", exit_code=1)
    scene.wait(5)
    assert len(deletions(scene)) == 10
    alerts = [incident.alert for incident in scene.core.memory.incidents if incident.alert]
    assert len(alerts) == 2
    assert "10 in the last hour, of 10 (repairs.per_hour)" in alerts[0]
    for name in deletions(scene):
        scene.remove(name)
    scene.wait(3600)
    assert set(deletions(scene)) == {f"worker-{index}" for index in range(12)}


def test_an_action_that_shows_no_effect_is_done_again_but_not_at_once(scene: Scene) -> None:
    scene.change("worker-0", phase="Failed", exit_code=1)
    scene.wait(9)
    assert len(scene.actions) == 1
    scene.wait(4)
    assert len(scene.actions) == 2


def test_an_incident_without_recovery_becomes_an_alert(scene: Scene) -> None:
    scene.change("worker-0", phase="Failed", exit_code=137)
    scene.wait(305)
    assert "no recovery" in scene.incident("worker-killed").alert


# ---- the monitor itself


def test_another_replica_goes_on_where_the_first_was_killed(scene: Scene) -> None:
    scene.change("worker-0", phase="Failed", exit_code=1)
    plan = scene.decide()
    assert len(plan.actions) == 1  # decided, written down, and killed before it was done
    second = Scene(memory=Memory.from_json(scene.core.memory.to_json()))
    second.now, second.pods, second.lost = scene.now + 3, dict(scene.pods), set(scene.lost)
    second._versions, second._uids, second.done = scene._versions, scene._uids, scene.done
    second.listed()
    second.wait(5)
    assert second.actions == []
    second.wait(5)
    assert [action.uid for action in second.actions] == [plan.actions[0].uid]
    second.remove("worker-0")
    second.pod(Role.WORKER, 2)
    second.wait(3)
    assert second.faults == ["worker-crashed"]
    assert second.incident("worker-crashed").outcome == "recovered"


def test_a_pod_of_an_old_name_is_another_pod(scene: Scene) -> None:
    old = scene.change("ps-0", phase="Failed", exit_code=1)
    scene.decide()
    scene.remove("ps-0")
    scene.pod(Role.PARAMETER_SERVER, 0)
    scene.see(PodSeen(old))
    scene.wait(20)
    assert {action.uid for action in scene.actions} == {old.uid}
    assert scene.core.world.pods[old.name].uid != old.uid


def test_ten_thousand_pods_are_decided_on_in_well_under_a_second() -> None:
    scene = Scene(workers=5)
    scene.pod(Role.MASTER, 0)
    for index in range(10_000):
        scene.pod(Role.WORKER, index)
    scene.beat()
    scene.decide()
    scene.change("worker-77", phase="Failed", exit_code=1)
    started = time.perf_counter()
    plan = scene.decide()
    assert time.perf_counter() - started < 0.5
    assert [action.name for action in plan.actions] == [scene.full("worker-77")]


def test_memory_survives_as_json_and_a_damaged_one_is_refused() -> None:
    scene = Scene().running_job()
    scene.change("worker-0", phase="Failed", exit_code=1)
    scene.decide()
    again = Memory.from_json(scene.core.memory.to_json())
    assert again == scene.core.memory
    with pytest.raises(Exception, match="memory is damaged"):
        Memory.from_json("{")


def test_an_incident_says_how_its_pod_ended(scene: Scene) -> None:
    scene.change("worker-0", phase="Failed", exit_code=7, message="boom")
    scene.decide()
    incident = scene.incident("worker-crashed")
    assert "exit code 7" in incident.message
    assert "boom" in incident.message
