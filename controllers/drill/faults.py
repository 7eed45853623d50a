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
from controllers.monitor.kubernetes import FAILURES, refusal
from controllers.monitor.model import Pod, Role

KILL_ALL = "for process in /proc/[0-9]*; do pid=${process#/proc/}; [ $pid = 1 ] || [ $pid = $$ ] || kill -9 $pid; done"
"""In a container: a process in it cannot kill the first one, but the first ends with the child that it waits for."""
COMMAND_SECONDS = 120
END_SECONDS = 20


@dataclass(frozen=True)
class Drill:
    """One kind of fault: what it breaks, and how long the job may take to be at work again."""

    name: str
    meaning: str
    objective_seconds: float
    break_it: Callable[[Observer, random.Random, str], Awaitable[list[str]]]
    """Does it, and names what it was done to."""


async def _worker(observer: Observer, draw: random.Random, _: str) -> list[str]:
    pod = draw.choice(observer.working())
    await kill(observer, pod)
    return [pod.name]


async def _workers(observer: Observer, _draw: random.Random, _: str) -> list[str]:
    pods = observer.working()
    await asyncio.gather(*(kill(observer, pod) for pod in pods))
    return [pod.name for pod in pods]


async def _crash(observer: Observer, draw: random.Random, _: str) -> list[str]:
    """Ends as a crash does (exit code 143, not 137), which ElasticDL does not answer."""
    pod = draw.choice(observer.working())
    await kill(observer, pod, KILL_ALL.replace("kill -9", "kill -15"))
    return [pod.name]


async def _hang(observer: Observer, draw: random.Random, _: str) -> list[str]:
    pod = draw.choice(observer.working())
    await execute(observer, pod, KILL_ALL.replace("kill -9", "kill -STOP"))
    return [pod.name]


async def _delete(observer: Observer, draw: random.Random, _: str) -> list[str]:
    pod = draw.choice(observer.working())
    await observer.client.delete_exactly(KubernetesPod, pod.name, pod.uid, 0)
    return [pod.name]


async def _parameter_server(observer: Observer, draw: random.Random, _: str) -> list[str]:
    pod = draw.choice(observer.running(Role.PARAMETER_SERVER))
    await kill(observer, pod)
    return [pod.name]


async def _master(observer: Observer, draw: random.Random, _: str) -> list[str]:
    pod = draw.choice(observer.running(Role.MASTER))
    await kill(observer, pod)
    return [pod.name]


async def _monitor(observer: Observer, draw: random.Random, _: str) -> list[str]:
    """The leader goes without a word, and a worker crashes before another can lead: the next one must find it."""
    leader = await observer.leader()
    names = [name for name in await observer.monitors() if leader.startswith(name)]
    if not names:
        raise DrillError(f"no pod of {MONITOR_NAME} leads (its Lease names {leader or 'nobody'}); is it deployed?")
    await observer.client.delete(KubernetesPod, names[0], grace_period=0)
    return [*names, *await _crash(observer, draw, "")]


async def _node(observer: Observer, draw: random.Random, command: str) -> list[str]:
    if not command:
        raise DrillError("stopping a node needs --node-command, as 'python -m sandbox fault node stop'")
    nodes = sorted({pod.node for pod in observer.working()})
    node = draw.choice(nodes)
    process = await asyncio.create_subprocess_exec(*shlex.split(command), node, stdout=asyncio.subprocess.DEVNULL)
    async with asyncio.timeout(COMMAND_SECONDS):
        if await process.wait():
            raise DrillError(f"`{command} {node}` failed with exit code {process.returncode}")
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


async def kill(observer: Observer, pod: Pod, script: str = KILL_ALL) -> None:
    """As the kernel or a person would: kill -9. Raises DrillError if the pod lives on."""
    await execute(observer, pod, script)

    def ended() -> bool:
        found = observer.world.pods.get(pod.name)
        return found is None or found.uid != pod.uid or found.phase != "Running" or found.deleting

    await observer.until(f"end of {pod.name} after its processes were killed", ended, END_SECONDS)


async def execute(observer: Observer, pod: Pod, script: str) -> None:
    """Run a shell line in a pod. Its own end may be cut off by what it does."""
    try:
        await observer.client.exec(pod.name, namespace=observer.settings.namespace, command=["bash", "-c", script])
    except FAILURES as error:
        raise DrillError(f"{pod.name}: {refusal(error)}") from error
