"""What befalls the namespace and what is around it: a full quota, a neighbour that takes all, its own deletion."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from lightkube import AsyncClient
from lightkube.models.core_v1 import (
    Affinity,
    Capabilities,
    Container,
    PodSecurityContext,
    PodSpec,
    ResourceRequirements,
    SeccompProfile,
    SecurityContext,
)
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Namespace, ResourceQuota
from lightkube.resources.core_v1 import Pod as KubernetesPod

from controllers.drill.faults import Drill, Ground, kill, run_command
from controllers.errors import DrillError
from controllers.monitor.cluster import MEBIBYTE, quantity
from controllers.monitor.kubernetes import FAILURES, refusal

FILLER, NOISE = "drill-filler", "drill-noise"
BURN = "import os\nfor _ in range(4): os.fork()\nwhile True: pass"
"""16 processes that each take all they get."""
NOISE_SECONDS = 60.0
GONE_SECONDS = 300.0


async def _full_quota(ground: Ground) -> list[str]:
    """A pod that no node takes asks for all that is left; then a worker is killed, whose own share is all there is."""
    client = ground.observer.client
    (quota,) = [found async for found in client.list(ResourceQuota)]
    hard, used = (quota.status.hard or {}, quota.status.used or {}) if quota.status else ({}, {})
    left = {
        "cpu": f"{_milli(hard['requests.cpu']) - _milli(used['requests.cpu'])}m",
        "memory": f"{(quantity(hard['requests.memory']) - quantity(used['requests.memory'])) // MEBIBYTE}Mi",
    }
    pod = _pod(FILLER, await _template(ground, ground.site.namespace), left, nowhere=True)
    await client.create(pod)
    ground.undo.append(lambda: _remove(client, FILLER))
    worker = ground.draw.choice(ground.observer.working())
    await kill(ground, worker)
    return [worker.name, f"{left['cpu']} and {left['memory']} taken"]


async def _noisy_neighbour(ground: Ground) -> list[str]:
    """Pods of another business take every processor they may have; how much of its pace the training keeps."""
    namespace = ground.site.neighbour
    if not namespace:
        raise DrillError("this drill needs `neighbour` in the site's file: another business's namespace")
    client = AsyncClient(namespace=namespace)
    quiet = await _pace(ground, NOISE_SECONDS / 2)
    await client.create(_pod(NOISE, await _template(ground, namespace), {"cpu": "1", "memory": "256Mi"}, burn=True))
    ground.undo.append(lambda: _remove(client, NOISE))
    await ground.observer.until_async("noisy neighbour", lambda: _runs(client, NOISE), 60)
    ground.observer.note_broken()
    loud = await _pace(ground, NOISE_SECONDS)
    kept = loud / quiet if quiet else 0.0
    ground.note = f"{quiet:.1f} steps a second before, {loud:.1f} beside it: {kept:.0%} kept"
    if kept < ground.objectives.neighbour_share:
        raise DrillError(f"the training kept {kept:.0%} of its pace, of {ground.objectives.neighbour_share:.0%}")
    ground.observer.note_mended()  # the time of listening is no time of recovery
    return [f"{namespace}/{NOISE}"]


async def _deleted_namespace(ground: Ground) -> list[str]:
    """All of the business's objects in the cluster go; `pulumi up` makes them again, and the job goes on."""
    client, name = ground.observer.client, ground.site.namespace
    await client.delete(Namespace, name)
    ground.observer.note_broken()

    async def gone() -> bool:
        return name not in [found.metadata.name async for found in client.list(Namespace) if found.metadata]

    await ground.observer.until_async(f"end of the namespace {name}", gone, GONE_SECONDS)
    ground.note = f"gone after {time.time() - (ground.observer.broken_at or time.time()):.0f} s"
    await run_command(ground, "up")
    return [name]


async def _pace(ground: Ground, seconds: float) -> float:
    """Steps a second of the job, over so long."""

    def step() -> int:
        beat = ground.observer.world.master
        return beat.progress.step if beat else 0

    before, started = step(), time.monotonic()
    await asyncio.sleep(seconds)
    return (step() - before) / (time.monotonic() - started)


async def _runs(client: Any, name: str) -> bool:
    found = await client.get(KubernetesPod, name)
    return bool(found.status and found.status.phase == "Running")


async def _template(ground: Ground, namespace: str) -> PodSpec:
    """A pod of the servers: its image is there, and its fences are those of the business."""
    try:
        found = await ground.observer.client.get(Deployment, "serving", namespace=namespace)
    except FAILURES as error:
        raise refusal(error) from error
    if found.spec is None or found.spec.template.spec is None:
        raise DrillError(f"the deployment serving of {namespace} has no specification")
    return found.spec.template.spec


def _pod(name: str, like: PodSpec, asked: dict[str, str], *, nowhere: bool = False, burn: bool = False) -> Any:
    """A pod beside the servers that does nothing, or burns; `nowhere`: one that is never placed, but counted."""
    selector = dict(like.nodeSelector or {})
    if nowhere:
        selector["drill"] = "nowhere"
    container = Container(
        name="drill",
        image=like.containers[0].image,
        command=["python3", "-c", BURN if burn else "import time; time.sleep(86400)"],
        resources=ResourceRequirements(requests=dict(asked), limits={"memory": asked["memory"]}),
        securityContext=SecurityContext(
            allowPrivilegeEscalation=False, readOnlyRootFilesystem=True, capabilities=Capabilities(drop=["ALL"])
        ),
    )
    spec = PodSpec(
        containers=[container],
        nodeSelector=selector,
        affinity=Affinity(),
        tolerations=list(like.tolerations or []),
        automountServiceAccountToken=False,
        terminationGracePeriodSeconds=0,
        securityContext=PodSecurityContext(
            runAsNonRoot=True, runAsUser=10001, seccompProfile=SeccompProfile(type="RuntimeDefault")
        ),
    )
    return KubernetesPod(metadata=ObjectMeta(name=name), spec=spec)


async def _remove(client: Any, name: str) -> None:
    try:
        await client.delete(KubernetesPod, name, grace_period=0)
    except FAILURES as error:
        raise refusal(error) from error


def _milli(text: str) -> int:
    return int(text[:-1]) if text.endswith("m") else int(float(text) * 1000)


NEIGHBOURHOOD_DRILLS = (
    Drill("quota", "the quota is filled and a worker killed", "quota", _full_quota),
    Drill("neighbour", "another business takes all it may", "quota", _noisy_neighbour, noticed=False),
)
LAST_DRILLS = (Drill("namespace", "the namespace is deleted", "namespace", _deleted_namespace, noticed=False),)
