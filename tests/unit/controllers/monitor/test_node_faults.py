"""What the monitor decides of nodes, and of the parameter server and master on them, by a clock that the test moves."""

from __future__ import annotations

import pytest

from controllers.monitor.model import (
    AvoidNodes,
    DeletePod,
    Node,
    NodeGone,
    NodeSeen,
    Role,
)
from tests.unit.controllers.monitor.scene import Scene, deletions, forced


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


def test_a_silent_node_whose_master_notes_nothing_either_is_given_up_within_15_seconds(scene: Scene) -> None:
    scene.silent.add("node-1")
    scene.wait(12, beat=False)
    assert scene.actions == []
    scene.wait(3, beat=False)
    assert scene.faults == ["node-away"]
    assert "master" in deletions(scene)


def test_a_master_that_notes_nothing_says_nothing_of_a_node_that_is_heard(scene: Scene) -> None:
    scene.wait(20, beat=False)
    assert scene.actions == []


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
