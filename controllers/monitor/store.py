"""The monitor's memory in a ConfigMap, written only over the version that was read: one writer at a time."""

from __future__ import annotations

import logging
from typing import Any, Protocol

from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap

from controllers.config.monitor import MONITOR_NAME, MonitorSettings
from controllers.errors import ControllerError
from controllers.monitor.incidents import Memory
from controllers.monitor.kubernetes import FAILURES, NOT_FOUND, refusal, status_of

LOG = logging.getLogger("controllers.store")
KEY = "memory.json"
LABELS = {"app.kubernetes.io/name": MONITOR_NAME}


class ConfigMaps(Protocol):
    """What the store needs of a client."""

    async def get(self, res: Any, name: str) -> Any: ...
    async def create(self, obj: Any) -> Any: ...
    async def replace(self, obj: Any) -> Any: ...


def name_of(settings: MonitorSettings) -> str:
    """The ConfigMap's name."""
    return f"{MONITOR_NAME}-{settings.job_name}"


class MemoryStore:
    """Loaded when this replica begins to lead; a save that another leader has overtaken is a ConflictError."""

    def __init__(self, client: ConfigMaps, settings: MonitorSettings) -> None:
        self._client = client
        self._settings = settings
        self._found: Any = None

    async def load(self) -> Memory:
        """What an earlier leader wrote. Raises ClusterError."""
        try:
            self._found = await self._client.get(ConfigMap, name_of(self._settings))
        except FAILURES as error:
            if status_of(error) != NOT_FOUND:
                raise refusal(error) from error
            self._found = None
            return Memory()
        try:
            return Memory.from_json((self._found.data or {}).get(KEY, "{}"))
        except ControllerError as error:
            # Better to begin anew than to stop repairing; what is lost is a count and a few lines of history.
            LOG.error("%s; beginning with an empty one", error)
            return Memory()

    async def save(self, memory: Memory) -> None:
        """Raises ConflictError when another has written since, ClusterError when the API server is away."""
        data = {KEY: memory.to_json()}
        try:
            if self._found is None:
                metadata = ObjectMeta(
                    name=name_of(self._settings), namespace=self._settings.namespace, labels=dict(LABELS)
                )
                self._found = await self._client.create(ConfigMap(metadata=metadata, data=data))
            else:
                self._found.data = data
                self._found = await self._client.replace(self._found)
        except FAILURES as error:
            raise refusal(error) from error
