"""What each drill breaks. The choice is seeded, so a drill can be done again on the same pods."""

from __future__ import annotations

import asyncio
import random
import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lightkube.resources.core_v1 import Pod as KubernetesPod

from controllers.config import MONITOR_NAME
from controllers.drill.observation import Observer
from controllers.errors import DrillError
from controllers.monitor.model import Pod, Role

INTERRUPT = "kill -INT 1"
"""In a container: Python ends with an error. Killing the first process (-9) takes a hand from outside."""
COMMAND_SECONDS = 120
END_SECONDS = 20


@dataclass(frozen=True)
class Commands:
    """What does to nodes and processes that which Kubernetes can't; a name is put after each."""

    node: str = ""
    """Stops a node."""
    kill: str = ""
    """Kills a pod's first process (-9)."""
    freeze: str = ""
    """Stops it, without ending it."""


@dataclass(frozen=True)
class Drill:
    """One kind of fault: what it breaks, and how long the job may take to be at work again."""

    name: str
    meaning: str
    objective_seconds: float
    break_it: Callable[[Observer, random.Random, Commands], Awaitable[list[str]]]
    """Does it, and names what it was done to."""


async def _worker(observer: Observer, draw: random.Random, commands: Commands) -> list[str]:
    pod = draw.choice(observer.working())
    await kill(observer, pod, commands)
    return [pod.name]


async def _workers(observer: Observer, _: random.Random, commands: Commands) -> list[str]:
    pods = observer.working()
    await asyncio.gather(*(kill(observer, pod, commands) for pod in pods))
    return [pod.name for pod in pods]


async def _crash(observer: Observer, draw: random.Random, _: Commands) -> list[str]:
    """Ends with another exit code than 137, which ElasticDL does not answer."""
    pod = draw.choice(observer.working())
    await observer.client.exec(pod.name, namespace=observer.settings.namespace, command=["bash", "-c", INTERRUPT])
    observer.note_broken()
    await _ended(observer, pod)
    return [pod.name]


async def _hang(observer: Observer, draw: random.Random, commands: Commands) -> list[str]:
    pod = draw.choice(observer.working())
    await _run(observer, commands.freeze, pod.name, "--freeze-command")
    return [pod.name]


async def _delete(observer: Observer, draw: random.Random, _: Commands) -> list[str]:
    pod = draw.choice(observer.working())
    await observer.client.delete_exactly(KubernetesPod, pod.name, pod.uid, 0)
    observer.note_broken()
    return [pod.name]


async def _parameter_server(observer: Observer, draw: random.Random, commands: Commands) -> list[str]:
    pod = draw.choice(observer.running(Role.PARAMETER_SERVER))
    await kill(observer, pod, commands)
    return [pod.name]


async def _master(observer: Observer, draw: random.Random, commands: Commands) -> list[str]:
    pod = draw.choice(observer.running(Role.MASTER))
    await kill(observer, pod, commands)
    return [pod.name]


async def _monitor(observer: Observer, draw: random.Random, commands: Commands) -> list[str]:
    """The leader goes without a word, and a worker crashes before another can lead: the next one must find it."""
    leader = await observer.leader()
    names = [name for name in await observer.monitors() if leader.startswith(name)]
    if not names:
        raise DrillError(f"no pod of {MONITOR_NAME} leads (its Lease names {leader or 'nobody'}); is it deployed?")
    await observer.client.delete(KubernetesPod, names[0], grace_period=0)
    observer.note_broken()
    return [*names, *await _crash(observer, draw, commands)]


async def _node(observer: Observer, draw: random.Random, commands: Commands) -> list[str]:
    nodes = sorted({pod.node for pod in observer.working()})
    node = draw.choice(nodes)
    await _run(observer, commands.node, node, "--node-command")
    return [node]


DRILLS = {
    drill.name: drill
    for drill in (
        Drill("worker", "one worker's process is killed (-9)", 10, _worker),
        Drill("workers", "all workers' processes are killed (-9)", 60, _workers),
        Drill("worker-crash", "one worker ends with another exit code", 10, _crash),
        Drill("worker-deleted", "one worker's pod is deleted at once", 10, _delete),
        Drill("worker-hang", "one worker's processes are stopped", 100, _hang),
        Drill("parameter-server", "the parameter server's process is killed (-9)", 60, _parameter_server),
        Drill("master", "the master's process is killed (-9)", 90, _master),
        Drill("monitor", "the leading monitor is deleted, then a worker crashes", 40, _monitor),
        Drill("node", "a node with a worker loses its power", 60, _node),
    )
}


async def kill(observer: Observer, pod: Pod, commands: Commands) -> None:
    """As the kernel or a person on the node would: kill -9. Raises DrillError if the pod lives on."""
    await _run(observer, commands.kill, pod.name, "--kill-command")
    await _ended(observer, pod)


async def _ended(observer: Observer, pod: Pod) -> None:
    def ended() -> bool:
        found = observer.world.pods.get(pod.name)
        return found is None or found.uid != pod.uid or found.phase != "Running" or found.deleting

    await observer.until(f"end of {pod.name} after its process was killed", ended, END_SECONDS)


async def _run(observer: Observer, command: str, name: str, option: str) -> None:
    if not command:
        raise DrillError(f"this drill needs {option}: a command that does it to {name}, whose name is put after it")
    process = await asyncio.create_subprocess_exec(*shlex.split(command), name, stdout=asyncio.subprocess.DEVNULL)
    async with asyncio.timeout(COMMAND_SECONDS):
        if await process.wait():
            raise DrillError(f"`{command} {name}` failed with exit code {process.returncode}")
    observer.note_broken()
