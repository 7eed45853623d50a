"""A pod of serving's priority that asks for as much as a worker of the training has, where workers run."""

from __future__ import annotations

from typing import Any

from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Pod as KubernetesPod

from controllers.drill.two_regions import SERVING_NAME
from controllers.errors import DrillError
from controllers.monitor.kubernetes import FAILURES, NOT_FOUND, refusal, status_of

NAME = "drill-urgent"


class Urgent:
    """Makes it, and takes it away again. It ends by itself after so many seconds, should nobody do that."""

    def __init__(self, client: Any, seconds: float) -> None:
        self._client = client
        self._seconds = seconds

    async def create(self, worker: str) -> None:
        """Like a worker's pod. Raises DrillError where the cluster refuses it, with the way out."""
        try:
            like = (await self._client.get(KubernetesPod, worker)).spec
            servers = (await self._client.get(Deployment, SERVING_NAME)).spec.template.spec
        except FAILURES as error:
            raise refusal(error) from error
        try:
            await self._client.create(pod(like, servers.priorityClassName, self._seconds))
        except FAILURES as error:
            raise DrillError(
                f"the pod {NAME} was refused: {refusal(error)}; the stack file's quota (gpu, cpu, memory_gibibytes, "
                "pods) must have room for one worker more than training.maximum_workers"
            ) from error

    async def remove(self) -> None:
        """Whether it is there or not. Raises ClusterError."""
        try:
            await self._client.delete(KubernetesPod, NAME)
        except FAILURES as error:
            if status_of(error) != NOT_FOUND:
                raise refusal(error) from error


def pod(like: PodSpec, priority: str | None, seconds: float) -> KubernetesPod:
    """Where a worker may run, as whom and with as much, but of another priority; it only sleeps."""
    worker = like.containers[0]
    container = Container(
        name="drill",
        image=worker.image,
        imagePullPolicy=worker.imagePullPolicy,
        command=["sleep", f"{seconds:.0f}"],
        resources=worker.resources,
        securityContext=worker.securityContext,
    )
    spec = PodSpec(
        containers=[container],
        nodeSelector=like.nodeSelector,
        tolerations=like.tolerations,
        imagePullSecrets=like.imagePullSecrets,
        priorityClassName=priority,
        restartPolicy="Never",
        automountServiceAccountToken=False,
        enableServiceLinks=False,
        terminationGracePeriodSeconds=1,
        securityContext=like.securityContext,
    )
    return KubernetesPod(metadata=ObjectMeta(name=NAME), spec=spec)
