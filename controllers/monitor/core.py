"""Decides: what was seen and the time in, incidents and actions out. Knows no clock and no network.

Every action is idempotent (it names a pod by its uid), written down before it is done, limited in rate (the wait before
the next one of a kind doubles), capped in an hour, and given up with an alert when it does not help.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from controllers.config.monitor import MonitorSettings
from controllers.monitor import faults, recovery
from controllers.monitor.faults import Fault, Symptom
from controllers.monitor.incidents import Incident, Memory, Repair, Streak
from controllers.monitor.model import Action, AvoidNodes, DeletePod, Event, GiveMemory, Pod, Progress, Role
from controllers.monitor.world import World

AGAIN_SECONDS = 10.0
"""An action that was done and shows no effect is done again after so long (and then twice as long, and so on): it may
have been lost on the way."""


@dataclass
class Plan:
    """What to do now. Save the memory first if it changed, then act, then report."""

    actions: list[Action] = field(default_factory=list)
    changed: list[Incident] = field(default_factory=list)


class Core:
    """The monitor's mind: a world, a memory, and the rules between them."""

    def __init__(self, settings: MonitorSettings, memory: Memory | None = None, own_node: str = "") -> None:
        self.settings = settings
        self.memory = memory or Memory()
        self.world = World()
        self.own_node = own_node
        self.symptoms: list[Symptom] = []
        """What showed at the last decision."""
        self._gave_at = float("-inf")
        self._avoided_at = float("-inf")

    def see(self, event: Event, now: float) -> None:
        """Take an event over; nothing is decided yet."""
        self.world.see(event, now)

    def decide(self, now: float) -> Plan:
        """What to do now."""
        plan = Plan()
        self.world.note_slow(faults.slow_workers(self.world, self.settings.detection), now)
        lost = [symptom for pod, _ in self.world.lost if (symptom := faults.of_lost(pod, self.world)) is not None]
        self.world.lost.clear()
        self.symptoms = faults.find(self.world, self.settings, now, self.own_node)
        for symptom in [*lost, *self.symptoms]:
            self._open(symptom, now, plan)
        showing = {symptom.key: symptom for symptom in self.symptoms}
        for incident in list(self.memory.open()):
            if recovery.advance(incident, self.world, self.settings, showing, now):
                _note(plan, incident)
            if incident.is_open and incident.key in showing:
                self._repair(incident, showing[incident.key], now, plan)
            if incident.is_open:
                self._alert_when_slow(incident, now, plan)
        self._keep_memory(now, plan)
        self._avoid_nodes(now, plan)
        self._end_streaks(now)
        self.memory.trim(now)
        return plan

    def failed(self, action: Action, reason: str) -> None:
        """An action was refused; it is tried again while its reason shows."""
        incident = next((found for found in self.memory.open() if found.id == action.incident), None)
        if incident is not None and incident.repairs:
            incident.repairs[-1].error = reason[:300]

    # ---- incidents

    def _open(self, symptom: Symptom, now: float, plan: Plan) -> None:
        if self._is_known(symptom):
            return
        beat, master = self.world.master, self.world.master_pod
        progress = beat.progress if beat else Progress()
        incident = Incident(
            id=_identifier(symptom, now),
            fault=symptom.fault.label,
            target=symptom.target,
            uid=symptom.uid,
            role=symptom.role.value,
            node=symptom.node,
            owner=symptom.fault.owner,
            message=symptom.message,
            detected_at=round(now, 3),
            workers=self._lost_workers(symptom),
            master=symptom.uid if symptom.role is Role.MASTER else (master.uid if master else ""),
            step=progress.step,
            done=progress.done,
            given_again=progress.given_again,
        )
        self.memory.incidents.append(incident)
        if symptom.role is not Role.OTHER:
            self.memory.handled.append(symptom.uid)
        _note(plan, incident)

    def _is_known(self, symptom: Symptom) -> bool:
        """One incident a pod: one that hung, was deleted for it and is gone has had one fault, not three. And none for
        what went with its node. A node or a service may fail again."""
        if symptom.role is Role.OTHER:
            away = symptom.fault in (Fault.NODE_AWAY, Fault.NODE_GONE)
            return (away and not self._on(symptom.target)) or any(
                incident.key == symptom.key for incident in self.memory.open()
            )
        if symptom.uid in self.memory.handled:
            return True
        nodes = {incident.target for incident in self.memory.open() if incident.role == Role.OTHER.value}
        return symptom.node in nodes or any(
            repair.uid == symptom.uid for incident in self.memory.incidents for repair in incident.repairs
        )

    def _lost_workers(self, symptom: Symptom) -> list[int]:
        if symptom.role is Role.WORKER:
            return [symptom.index]
        if symptom.role is not Role.OTHER:
            return []
        return [pod.index for pod in self.world.of(Role.WORKER) if pod.node == symptom.target]

    def _alert_when_slow(self, incident: Incident, now: float, plan: Plan) -> None:
        """A repair that was done, by whomever, and did not bring the job back."""
        since = max([incident.detected_at, *(repair.at for repair in incident.repairs)])
        if not incident.alert and now - since >= self.settings.repairs.recovery_seconds:
            self._alert(incident, f"no recovery {now - since:.0f} s after {incident.owner} was to repair it", now, plan)

    def _alert(self, incident: Incident, text: str, now: float, plan: Plan) -> None:
        if incident.alert.partition(":")[0] != text.partition(":")[0]:  # figures after it may change with every look
            incident.alert, incident.alerted_at = text, round(now, 3)
            _note(plan, incident)

    # ---- repairs

    def _repair(self, incident: Incident, symptom: Symptom, now: float, plan: Plan) -> None:
        actions = self._actions(incident, symptom)
        if not actions:
            if symptom.fault.owner == faults.NOBODY:
                self._alert(incident, symptom.message, now, plan)
            return
        done = {repair.uid for repair in incident.repairs}
        fresh = [action for action in actions if action.uid not in done]
        again = min(self.settings.repairs.last_backoff_seconds, AGAIN_SECONDS * 2 ** (len(incident.repairs) - 1))
        if incident.repairs and not fresh and now - incident.repairs[-1].at < again:
            return
        actions = fresh or actions
        refusal = self._refusal(symptom, len(actions), now)
        if refusal:
            if not refusal.startswith("wait"):
                self._alert(incident, refusal, now, plan)
            return
        if not incident.repairs:
            self._count(symptom, now)
        for action in actions:
            incident.repairs.append(Repair(at=round(now, 3), what=describe(action), uid=action.uid))
            self.memory.repairs_at.append(now)
        plan.actions += actions
        _note(plan, incident)

    def _refusal(self, symptom: Symptom, actions: int, now: float) -> str:
        """Why not to act now; empty if nothing is against it."""
        limits = self.settings.repairs
        recent = sum(now - at < 3600.0 for at in self.memory.repairs_at)
        if recent + actions > limits.per_hour:
            return f"repairs are capped: {recent} in the last hour, of {limits.per_hour} (repairs.per_hour)"
        streak = self.memory.streaks.get(_kind(symptom), Streak())
        if not streak.count or symptom.created < streak.last_at:
            return ""  # the first, or one of those that failed together with it
        if streak.count >= limits.fruitless:
            return f"given up: {streak.count} repairs of {symptom.fault.label} have not helped ({symptom.message})"
        wait = min(limits.last_backoff_seconds, limits.first_backoff_seconds * 2 ** (streak.count - 1))
        return "wait" if now - streak.last_at < wait else ""

    def _count(self, symptom: Symptom, now: float) -> None:
        streak = self.memory.streaks.setdefault(_kind(symptom), Streak())
        if not streak.count or symptom.created >= streak.last_at:
            streak.count += 1
            streak.last_at = round(now, 3)

    def _end_streaks(self, now: float) -> None:
        """A fault that has long not come again begins anew."""
        busy = {f"{incident.fault}:{incident.role}" for incident in self.memory.open()}
        steady = self.settings.repairs.steady_seconds
        for kind in [kind for kind, streak in self.memory.streaks.items() if now - streak.last_at >= steady]:
            if kind not in busy:
                del self.memory.streaks[kind]

    def _actions(self, incident: Incident, symptom: Symptom) -> list[Action]:
        """What the monitor itself does about it."""
        if symptom.fault in (Fault.NODE_AWAY, Fault.NODE_GONE):
            return self._give_node_up(incident, symptom.target)
        if symptom.fault.owner != faults.MONITOR:
            return []
        pod = self.world.pods.get(symptom.target)
        if pod is None or pod.uid != symptom.uid or pod.deleting:
            return []
        delete = DeletePod(incident.id, pod.name, pod.uid)
        if symptom.fault is Fault.WORKER_OUT_OF_MEMORY:
            more = self._more_memory(incident, pod)
            return [*([more] if more else []), delete]
        return [delete]

    def _give_node_up(self, incident: Incident, node: str) -> list[Action]:
        """Its pods are deleted without waiting for its kubelet, and their owners make others elsewhere. Where a
        parameter server goes so, the master goes too: workers elsewhere may still talk to the old one, if it lives."""
        known = self.world.nodes.get(node)
        if incident.repairs and known is not None and known.ready:
            # What was put there since would be put there again: Kubernetes takes 20 s longer to notice than we do.
            return []
        running = self._on(node)
        actions: list[Action] = [DeletePod(incident.id, pod.name, pod.uid, force=True) for pod in running]
        master = self.world.master_pod
        server = any(pod.role is Role.PARAMETER_SERVER for pod in running)
        if server and master is not None and master.node != node and not master.deleting:
            actions.append(DeletePod(incident.id, master.name, master.uid))
        return actions

    def _on(self, node: str) -> list[Pod]:
        """The pods on a node that somebody would make again elsewhere."""
        there = (pod for pod in self.world.pods.values() if pod.node == node and pod.controlled)
        return sorted((pod for pod in there if pod.phase not in ("Failed", "Succeeded")), key=lambda pod: pod.name)

    def _keep_memory(self, now: float, plan: Plan) -> None:
        """A new master is told again; a stack file that gives more by now has the last word."""
        wanted, master = self.memory.worker_memory_mebibytes, self.world.master_pod
        if wanted is None or master is None or not faults.is_running(master):
            return
        if any(pod.memory_mebibytes > wanted for pod in self.world.roles[Role.WORKER].values()):
            self.memory.worker_memory_mebibytes = None
        elif not master.given_mebibytes and now - self._gave_at >= AGAIN_SECONDS:
            if not any(isinstance(action, GiveMemory) for action in plan.actions):
                plan.actions.append(GiveMemory("", master.name, master.uid, wanted))
            self._gave_at = now

    def _avoid_nodes(self, now: float, plan: Plan) -> None:
        """What is made anew must not go where it was lost: to the scheduler a silent node is ready for 20 s more, and
        its room is free once its pods are deleted. Told before they are."""
        master = self.world.master_pod
        away = tuple(sorted(found.target for found in self.symptoms if found.fault is Fault.NODE_AWAY))
        if master is None or not faults.is_running(master) or master.node in away or master.avoided == away:
            return
        if plan.actions or now - self._avoided_at >= AGAIN_SECONDS:
            plan.actions.insert(0, AvoidNodes("", master.name, master.uid, away))
            self._avoided_at = now

    def _more_memory(self, incident: Incident, pod: Pod) -> GiveMemory | None:
        """As much more as is allowed: by the quota for every worker, by the largest node for one."""
        master = self.world.master_pod
        if master is None or not pod.memory_mebibytes:
            return None
        wanted = int(pod.memory_mebibytes * self.settings.repairs.memory_growth)
        largest = max((node.memory_mebibytes for node in self.world.nodes.values()), default=wanted)
        free = self.world.free_mebibytes
        if free is not None:
            wanted = min(wanted, pod.memory_mebibytes + free // max(1, self.settings.workers))
        wanted = min(wanted, largest)
        if wanted <= pod.memory_mebibytes:
            return None
        self.memory.worker_memory_mebibytes = wanted
        return GiveMemory(incident.id, master.name, master.uid, wanted)


def describe(action: Action) -> str:
    """An action in a few words."""
    match action:
        case DeletePod(name=name, force=force):
            return f"deleted {name}{' without waiting for its node' if force else ''}"
        case GiveMemory(mebibytes=mebibytes):
            return f"gave workers {mebibytes} MiB"
        case AvoidNodes(nodes=nodes):
            return f"had the master avoid {', '.join(nodes) or 'no node'}"


def _note(plan: Plan, incident: Incident) -> None:
    if incident not in plan.changed:
        plan.changed.append(incident)


def _kind(symptom: Symptom) -> str:
    return f"{symptom.fault.label}:{symptom.role.value}"


def _identifier(symptom: Symptom, now: float) -> str:
    """The same for the same fault of the same pod, whoever finds it; a node or a service may have it again."""
    again = "" if symptom.role is not Role.OTHER else str(int(now))
    digest = hashlib.sha256(f"{symptom.key}:{again}".encode()).hexdigest()[:10]
    return f"{symptom.fault.label}-{digest}"
