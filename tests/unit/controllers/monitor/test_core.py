"""What the monitor decides whatever the fault, by a clock that the test moves. In any order: test_event_orders."""

from __future__ import annotations

import itertools

import pytest

from controllers.config.monitor import RepairSettings
from controllers.monitor.incidents import Memory
from controllers.monitor.model import (
    ApiAway,
    ApiBack,
    BucketSeen,
    PodSeen,
    Role,
)
from tests.unit.controllers.monitor.scene import Scene, deletions


def test_a_healthy_job_is_left_alone(scene: Scene) -> None:
    scene.wait(600)
    assert scene.actions == []
    assert scene.faults == []


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


def test_of_a_thousand_pods_only_the_one_that_failed_is_acted_on() -> None:
    """How soon, with ten times as many, is what `python -m benchmarks.monitor` measures."""
    scene = Scene(workers=5)
    scene.pod(Role.MASTER, 0)
    for index in range(1000):
        scene.pod(Role.WORKER, index)
    scene.beat()
    assert scene.decide().actions == []
    scene.change("worker-77", phase="Failed", exit_code=1)
    assert [action.name for action in scene.decide().actions] == [scene.full("worker-77")]


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
