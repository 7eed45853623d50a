"""What each drill breaks. The choice is seeded, so a drill can be done again on the same pods."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shlex
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from lightkube.resources.core_v1 import Pod as KubernetesPod

from controllers.config.drills import DrillObjectives
from controllers.config.monitor import MONITOR_NAME
from controllers.drill.observation import Observer
from controllers.drill.site import Site
from controllers.errors import DrillError
from controllers.monitor.kubernetes import FAILURES
from controllers.monitor.model import Pod, Role

INTERRUPT = "kill -INT 1"
"""In a container: Python ends with an error. Killing the first process (-9) takes a hand from outside."""
COMMAND_SECONDS = 900
"""`pulumi up` is the longest."""
END_SECONDS = 20.0
INTERRUPTS = 4


@dataclass
class Ground:
    """Where a drill is done."""

    observer: Observer
    site: Site
    objectives: DrillObjectives
    draw: random.Random
    """Seeded: the same choices again."""
    undo: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    """What puts right again that which a drill broke for good; done in the end, the last first."""
    lost: int = 0
    """What did not come back: objects, tasks."""
    detected: float | None = None
    at_work: float | None = None
    """What a drill has measured itself, in seconds; otherwise they come from the monitor's record and the job."""
    note: str = ""


@dataclass(frozen=True)
class Drill:
    """One kind of fault: what it breaks, and by which objective the job must be at work again."""

    name: str
    meaning: str
    objective: str
    """The name of one of `DrillObjectives`."""
    break_it: Callable[[Ground], Awaitable[list[str]]]
    """Does it, and names what it was done to."""
    noticed: bool = True
    """Whether the monitor has to write it down."""
    job: bool = True
    """Whether it is over when the job is at work again; else when `break_it` has returned."""


async def _worker(ground: Ground) -> list[str]:
    pod = ground.draw.choice(ground.observer.working())
    await kill(ground, pod)
    return [pod.name]


async def _workers(ground: Ground) -> list[str]:
    pods = ground.observer.working()
    await asyncio.gather(*(kill(ground, pod) for pod in pods))
    return [pod.name for pod in pods]


async def _crash(ground: Ground) -> list[str]:
    """Ends with another exit code than 137, which ElasticDL does not answer."""
    pod = ground.draw.choice(ground.observer.working())
    for attempt in range(INTERRUPTS):
        # TensorFlow takes one that comes while it calls Python for an error of a task, and goes on.
        # After the first, the container may have ended, which takes a while to show.
        with contextlib.suppress(*(FAILURES if attempt else ())):
            await ground.observer.client.exec(
                pod.name, namespace=ground.observer.settings.namespace, command=["bash", "-c", INTERRUPT]
            )
        try:
            await _ended(ground.observer, pod, END_SECONDS / INTERRUPTS)
            break
        except DrillError:
            if attempt == INTERRUPTS - 1:
                raise
    await _note_end(ground.observer, pod)
    return [pod.name]


async def _hang(ground: Ground) -> list[str]:
    pod = ground.draw.choice(ground.observer.working())
    await run_command(ground, "freeze", pod.name)
    return [pod.name]


async def _delete(ground: Ground) -> list[str]:
    pod = ground.draw.choice(ground.observer.working())
    await ground.observer.client.delete_exactly(KubernetesPod, pod.name, pod.uid, 0)
    ground.observer.note_broken()
    return [pod.name]


async def _parameter_server(ground: Ground) -> list[str]:
    pod = ground.draw.choice(ground.observer.running(Role.PARAMETER_SERVER))
    await kill(ground, pod)
    return [pod.name]


async def _master(ground: Ground) -> list[str]:
    pod = ground.draw.choice(ground.observer.running(Role.MASTER))
    await kill(ground, pod)
    return [pod.name]


async def _monitor(ground: Ground) -> list[str]:
    """The leader goes without a word, and a worker crashes before another can lead: the next one must find it."""
    leader = await ground.observer.leader()
    names = [name for name in await ground.observer.monitors() if leader.startswith(name)]
    if not names:
        raise DrillError(f"no pod of {MONITOR_NAME} leads (its Lease names {leader or 'nobody'}); is it deployed?")
    await ground.observer.client.delete(KubernetesPod, names[0], grace_period=0)
    ground.observer.note_broken()
    return [*names, *await _crash(ground)]


async def _node(ground: Ground) -> list[str]:
    """Where workers are and the master is not: with that, the whole job begins anew from its checkpoint."""
    (master,) = ground.observer.running(Role.MASTER)
    nodes = sorted({pod.node for pod in ground.observer.working()} - {master.node})
    if not nodes:
        raise DrillError(f"all workers are on {master.node}, beside the master: there is no node with workers alone")
    return await _stop(ground, ground.draw.choice(nodes))


async def _node_of_master(ground: Ground) -> list[str]:
    (master,) = ground.observer.running(Role.MASTER)
    return await _stop(ground, master.node)


async def _stop(ground: Ground, node: str) -> list[str]:
    await run_command(ground, "node_stop", node)
    if ground.site.commands.node_start:
        ground.undo.append(lambda: run_command(ground, "node_start", node))
    return [node]


JOB_DRILLS = (
    Drill("worker", "one worker's process is killed (-9)", "worker", _worker),
    Drill("workers", "all workers' processes are killed (-9)", "workers", _workers),
    Drill("worker-crash", "one worker ends with another exit code", "worker", _crash),
    Drill("worker-deleted", "one worker's pod is deleted at once", "worker", _delete),
    Drill("worker-hang", "one worker's processes are stopped", "hung_worker", _hang),
    Drill("parameter-server", "the parameter server's process is killed (-9)", "parameter_server", _parameter_server),
    Drill("master", "the master's process is killed (-9)", "master", _master),
    Drill("monitor", "the leading monitor is deleted, then a worker crashes", "monitor", _monitor),
    Drill("node", "a node with a worker loses its power", "node", _node),
    Drill("node-of-master", "the node with the master on it loses its power", "node_of_master", _node_of_master),
)


async def kill(ground: Ground, pod: Pod) -> None:
    """As the kernel or a person on the node would: kill -9. Raises DrillError if the pod lives on."""
    await run_command(ground, "kill", pod.name)
    await _ended(ground.observer, pod)
    await _note_end(ground.observer, pod)


async def _ended(observer: Observer, pod: Pod, seconds: float = END_SECONDS) -> None:
    def ended() -> bool:
        found = observer.world.pods.get(pod.name)
        return found is None or found.uid != pod.uid or found.phase != "Running" or found.deleting

    await observer.until(f"end of {pod.name} after its process was killed", ended, seconds)


async def _note_end(observer: Observer, pod: Pod) -> None:
    """It is broken since its process ended, by the kubelet's own record, which has whole seconds: so at most a second
    too early. Where the pod is gone already, since the command that broke it returned."""
    observer.note_broken()
    with contextlib.suppress(*FAILURES):
        found = await observer.client.get(KubernetesPod, pod.name)
        if found.metadata is None or found.metadata.uid != pod.uid or found.status is None:
            return
        ends = [status.state.terminated for status in found.status.containerStatuses or [] if status.state]
        times = [end.finishedAt.timestamp() for end in ends if end and end.finishedAt]
        if times:
            observer.broken_at = min([*times, observer.broken_at or time.time()])


async def run_command(ground: Ground, key: str, *names: str) -> None:
    """One of the site's commands, with names put after it; `python` is the one that drills. Raises DrillError if it is
    not given, or fails."""
    command = getattr(ground.site.commands, key)
    shown = " ".join([command, *names])
    if not command:
        raise DrillError(f"this drill needs commands.{key} in the site's file: what does it {' '.join(names)}".rstrip())
    process = await asyncio.create_subprocess_exec(
        *shlex.split(command),
        *names,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"},
    )
    async with asyncio.timeout(COMMAND_SECONDS):
        _, said = await process.communicate()
    if process.returncode:
        reason = (said.decode(errors="replace").strip().splitlines() or [""])[-1]
        raise DrillError(f"`{shown}` failed with exit code {process.returncode} {reason}".rstrip())
    ground.observer.note_broken()
