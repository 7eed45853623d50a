"""Kubernetes Events of the traffic controller, where people look first."""

from __future__ import annotations

import asyncio
import datetime
import logging
import os

from lightkube.models.core_v1 import EventSource, ObjectReference
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Event

from controllers.config.traffic import TRAFFIC_NAME
from controllers.monitor.kubernetes import FAILURES, Kubernetes, refusal

LOG = logging.getLogger("controllers.traffic")
SECONDS = 2.0


class Events:
    """Best effort: an API server that is away holds no switch up for longer than `SECONDS`."""

    def __init__(self, client: Kubernetes, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    @classmethod
    def in_cluster(cls, namespace: str) -> Events | None:
        """None outside of a pod: a person who runs the controller reads its log."""
        return cls(Kubernetes(namespace), namespace) if "KUBERNETES_SERVICE_HOST" in os.environ else None

    async def tell(self, text: str) -> None:
        """One switch."""
        now = datetime.datetime.now(datetime.UTC)
        event = Event(
            metadata=ObjectMeta(generateName=f"{TRAFFIC_NAME}.", namespace=self._namespace),
            involvedObject=ObjectReference(
                apiVersion="apps/v1", kind="Deployment", name=TRAFFIC_NAME, namespace=self._namespace
            ),
            reason="RecordSwitched",
            message=text[:1000],
            type="Warning",
            source=EventSource(component=TRAFFIC_NAME),
            firstTimestamp=now,
            lastTimestamp=now,
            count=1,
        )
        try:
            async with asyncio.timeout(SECONDS):
                await self._client.create(event)
        except FAILURES as error:
            LOG.warning("event not written: %s", refusal(error))

    async def close(self) -> None:
        await self._client.close()
