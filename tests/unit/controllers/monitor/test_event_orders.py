"""A fuzz of event orders: duplicated, late, missing until the next list. The monitor keeps its rules in all."""

from __future__ import annotations

import dataclasses
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.config.monitor import RepairSettings
from controllers.monitor.incidents import Memory
from controllers.monitor.model import ApiAway, ApiBack, DeletePod, Event, Listed, Node, NodeSeen, PodGone, PodSeen, Role
from tests.unit.controllers.monitor.scene import Scene

ENDS = (
    {"phase": "Failed", "exit_code": 1},
    {"phase": "Failed", "exit_code": 137},
    {"phase": "Failed", "exit_code": 137, "end_reason": "OOMKilled"},
    {"phase": "Failed", "reason": "Evicted"},
    {"phase": "Succeeded", "exit_code": 0},
    {"deleting": True},
)
PER_HOUR = 12


class Story(Scene):
    """A scene whose events are kept, to be told again in another way."""

    def __init__(self) -> None:
        self.told: list[Event] = []
        super().__init__(repairs=RepairSettings(per_hour=PER_HOUR))

    def see(self, event: Event) -> None:
        self.told.append(event)
        super().see(event)


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[Event], dict[str, str], dict[str, str]]:
    """A true course of things: its events, the pods that are there at its end (name, uid), and those that ever were."""
    story = Story()
    story.pod(Role.MASTER, 0, "node-1")
    story.pod(Role.PARAMETER_SERVER, 0, "node-1")
    for index in range(3):
        story.pod(Role.WORKER, index, f"node-{1 + index % 2}")
    everybody = {pod.uid: pod.name for pod in story.pods.values()}
    next_index = 3
    for _ in range(draw(st.integers(1, 12))):
        names = sorted(name.removeprefix(story.full("")) for name in story.pods)
        name = draw(st.sampled_from(names))
        what = draw(st.sampled_from(["end", "remove", "replace", "beat", "node"]))
        if what == "end" and story.pods[story.full(name)].phase == "Running":  # an end is final
            story.change(name, **draw(st.sampled_from(ENDS)))
        elif what == "remove" and len(story.pods) > 1:
            story.remove(name)
        elif what == "replace":
            story.pod(Role.WORKER, next_index, draw(st.sampled_from(["node-1", "node-2"])))
            next_index += 1
        elif what == "node":
            version = next(story._versions)
            story.see(NodeSeen(Node("node-2", version, ready=draw(st.booleans()))))
        elif story.full("master") in story.pods:
            story.beat()
        everybody |= {pod.uid: pod.name for pod in story.pods.values()}
    return story.told, {pod.uid: pod.name for pod in story.pods.values()}, everybody


def retold(events: list[Event], seed: int) -> list[Event]:
    """Some twice, some late, some not at all."""
    draw = random.Random(seed)  # noqa: S311 - to be repeatable
    found: list[tuple[float, Event]] = []
    for position, event in enumerate(events):
        if draw.random() < 0.15:
            continue
        for _ in range(1 + (draw.random() < 0.3)):
            found.append((position + (draw.random() * 8 if draw.random() < 0.3 else 0.0), event))
    return [event for _, event in sorted(found, key=lambda entry: entry[0])]


@settings(max_examples=60, deadline=None)
@given(stories(), st.integers(0, 2**32), st.lists(st.integers(0, 30), max_size=3))
def test_in_any_order_the_monitor_acts_on_real_pods_once_in_a_while_and_ends_in_the_truth(
    story: tuple[list[Event], dict[str, str], dict[str, str]], seed: int, kills: list[int]
) -> None:
    events, present, everybody = story
    scene = Scene(repairs=RepairSettings(per_hour=PER_HOUR))
    last = {event.pod.uid: event.pod for event in events if isinstance(event, PodSeen)}
    for position, event in enumerate(retold(events, seed)):
        if position in kills:  # the monitor is killed, and another goes on with what was written down
            scene = _restarted(scene)
        scene.now += 0.5
        scene.see(event)
        _decide(scene, everybody)
    if seed % 3 == 0:
        scene.see(ApiAway())
        _decide(scene, everybody)
    for uid in present:
        scene.see(PodSeen(last[uid]))
    scene.see(Listed("pods", frozenset(present.values())))
    scene.see(ApiBack())
    for _ in range(30):
        scene.now += 1.0
        _decide(scene, everybody)
    assert {pod.uid for pod in scene.core.world.pods.values()} == set(present)
    _nothing_forgotten(scene, last, present)


def _decide(scene: Scene, everybody: dict[str, str]) -> None:
    before = len(scene.actions)
    plan = scene.decide()
    known = {pod.uid for pod in scene.core.world.pods.values()}
    for action in scene.actions[before:]:
        assert everybody[action.uid] == (action.name if isinstance(action, DeletePod) else action.master)
        assert action.uid in known, "acts on what is gone"
    recent = [at for at in scene.core.memory.repairs_at if scene.now - at < 3600]
    assert len(recent) <= PER_HOUR
    for incident in plan.changed:
        assert incident in scene.core.memory.incidents
    keys = [incident.key for incident in scene.core.memory.open()]
    assert len(keys) == len(set(keys)), "one fault, two open incidents"


def _restarted(scene: Scene) -> Scene:
    memory = Memory.from_json(scene.core.memory.to_json())
    again = Scene(scene.settings, memory)
    again.now = scene.now + 1.0
    for pod in scene.core.world.pods.values():
        again.see(PodSeen(dataclasses.replace(pod)))
    for node in scene.core.world.nodes.values():
        again.see(NodeSeen(node))
    return again


def _nothing_forgotten(scene: Scene, last: dict[str, object], present: dict[str, str]) -> None:
    """A crashed worker that still lies there under a living master was acted on, or a person was told."""
    master = scene.core.world.master_pod
    if master is None or master.phase != "Running" or master.deleting:
        return
    for pod in scene.core.world.pods.values():
        if pod.role is Role.WORKER and pod.phase == "Failed" and pod.exit_code == 1 and not pod.deleting:
            incidents = [incident for incident in scene.core.memory.incidents if pod.uid == incident.uid]
            node_incident = any(i.target == pod.node for i in scene.core.memory.incidents)
            acted = any(incident.repairs or incident.alert or not incident.is_open for incident in incidents)
            assert acted or node_incident, (pod, scene.core.memory.incidents)


def test_late_news_of_a_pod_that_is_gone_do_not_bring_it_back() -> None:
    scene = Scene().running_job()
    pod = scene.pods[scene.full("worker-0")]
    scene.remove("worker-0")
    scene.see(PodSeen(pod))
    assert pod.name not in scene.core.world.pods
    scene.see(PodGone(pod.name, pod.uid))
    scene.wait(3)
    assert scene.faults == ["worker-deleted"]
