"""When a fault is over: not when a pod runs again, but when the job is at work as before. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controllers.config.monitor import MonitorSettings
from controllers.monitor.faults import Fault, Symptom, is_running
from controllers.monitor.incidents import Incident
from controllers.monitor.model import Pod, Role
from controllers.monitor.world import World

FIRST_BATCH_DONE = 2
"""A worker tells the master of each batch that it begins."""
SERVICES = (Fault.API_SERVER_AWAY, Fault.BUCKET_AWAY)
NODES = (Fault.NODE_AWAY, Fault.NODE_GONE)
MASTERS = (Fault.MASTER_LOST, Fault.MASTER_HUNG)


def advance(
    incident: Incident, world: World, settings: MonitorSettings, showing: Mapping[str, Symptom], now: float
) -> bool:
    """Move an open incident on as far as the world shows; whether it changed."""
    fault = Fault.of(incident.fault)
    before = (incident.replaced_at, incident.recovered_at, incident.outcome)
    if fault in SERVICES:
        if incident.key not in showing:
            _recover(incident, now, "it answers again")
    elif world.api_away_since is not None:
        return False
    elif (master := world.master_pod) is not None and (master.finished or master.phase == "Succeeded"):
        _recover(incident, now, "the job finished")
    elif fault in NODES:
        _advance_node(incident, world, settings, showing, now)
    elif fault in MASTERS or incident.role == Role.MASTER.value:
        _advance_master(incident, world, settings, now)
    else:
        _advance_pod(incident, world, settings, showing, now)
    return before != (incident.replaced_at, incident.recovered_at, incident.outcome)


def at_work(world: World, settings: MonitorSettings, after: float, without: Sequence[int] = ()) -> bool:
    """Whether as many workers as there should be are at work, by a heartbeat that came after `after`.

    Those of `without` are lost, though the master may not have noticed yet.
    """
    master, beat = world.master_pod, world.master
    if master is None or not is_running(master) or beat is None or beat.uid != master.uid or beat.at <= after:
        return False
    lively = [
        entry
        for index, entry in beat.progress.workers.items()
        if not entry.standby
        and entry.batches >= FIRST_BATCH_DONE
        and entry.quiet < settings.detection.hung_seconds
        and index not in without
    ]
    return len(lively) >= settings.workers


def share_at_work(world: World, settings: MonitorSettings) -> float:
    """How many of the workers that there should be are at work, as a share of one, by the last heartbeat."""
    return min(1.0, workers_at_work(world) / settings.workers)


def workers_at_work(world: World) -> int:
    """How many are, by the last heartbeat, however many there should be."""
    master, beat = world.master_pod, world.master
    if master is None or not is_running(master) or beat is None or beat.uid != master.uid:
        return 0
    there = {pod.index for pod in world.of(Role.WORKER) if pod.phase == "Running" and not pod.deleting}
    lively = [
        index
        for index, entry in beat.progress.workers.items()
        if index in there and not entry.standby and entry.batches >= FIRST_BATCH_DONE
    ]
    return len(lively)


def _advance_pod(
    incident: Incident, world: World, settings: MonitorSettings, showing: Mapping[str, Symptom], now: float
) -> None:
    master = world.master_pod
    if master is None or (incident.master and master.uid != incident.master):
        incident.outcome, incident.note = "superseded", "the master was lost too, and the job starts from a checkpoint"
        return
    role = Role(incident.role)
    remains = incident.uid in {pod.uid for pod in world.pods.values() if pod.phase in ("Running", "Pending")}
    wanted = settings.parameter_servers if role is Role.PARAMETER_SERVER else settings.workers
    running = [pod for pod in world.of(role) if _is_up(pod) and pod.uid != incident.uid]
    if incident.replaced_at is None and len(running) >= wanted and not remains:
        incident.replaced_at = round(now, 3)
    if remains:
        if incident.key not in showing and not incident.repairs:
            _recover(incident, now, "it passed by itself")
        return
    beat = world.master
    if beat is None or not at_work(world, settings, incident.detected_at, incident.workers):
        return
    moved = beat.progress.done > incident.done
    if role is Role.PARAMETER_SERVER:
        if incident.replaced_at is None or beat.at <= incident.replaced_at or not moved:
            return
        incident.steps_redone = max(0, incident.step - beat.progress.step)
    incident.tasks_redone = max(0, beat.progress.given_again - incident.given_again)
    _recover(incident, beat.at, "")


def _advance_master(incident: Incident, world: World, settings: MonitorSettings, now: float) -> None:
    master, beat = world.master_pod, world.master
    if master is None or master.uid == incident.uid:
        lively = beat is not None and beat.at > incident.detected_at and is_running(master)
        if master is not None and lively and not incident.repairs and incident.fault != Fault.MASTER_LOST.label:
            _recover(incident, now, "it passed by itself")
        return
    if incident.replaced_at is None and master.phase == "Running":
        incident.replaced_at = round(now, 3)
    if beat is not None and at_work(world, settings, incident.detected_at) and beat.progress.done > 0:
        incident.steps_redone = max(0, incident.step - beat.progress.step)
        _recover(incident, beat.at, "")


def _advance_node(
    incident: Incident, world: World, settings: MonitorSettings, showing: Mapping[str, Symptom], now: float
) -> None:
    ours = [pod for pod in world.pods.values() if pod.node == incident.target and not pod.deleting]
    if incident.key not in showing and not incident.repairs:
        _recover(
            incident, now, "the node answers again" if incident.target in world.nodes else "it held nothing of ours"
        )
        return
    if incident.replaced_at is None:
        missing = [pod for pod in ours if pod.controlled and pod.phase in ("Running", "Pending")]
        if missing and incident.key in showing:
            return
        workers = [pod for pod in world.of(Role.WORKER) if _is_up(pod)]
        if world.master_pod is None or len(workers) >= settings.workers:
            incident.replaced_at = round(now, 3)
    beat = world.master
    if world.master_pod is None and not world.of(Role.LAUNCHER):
        return
    same = beat is not None and beat.uid == incident.master
    without = incident.workers if same else []
    if incident.replaced_at is not None and beat and at_work(world, settings, incident.detected_at, without):
        if not same:
            if not beat.progress.done:
                return
            incident.steps_redone = max(0, incident.step - beat.progress.step)
        else:
            incident.tasks_redone = max(0, beat.progress.given_again - incident.given_again)
        _recover(incident, beat.at, "")


def _is_up(pod: Pod) -> bool:
    return pod.phase == "Running" and not pod.deleting


def _recover(incident: Incident, at: float, note: str) -> None:
    incident.recovered_at = round(max(at, incident.detected_at), 3)
    incident.outcome, incident.note = "recovered", note
