"""Who of the replicas acts: the holder of a Lease, by the rules of Kubernetes' own controllers.

A holder is believed until its Lease has not changed for `lease_seconds`, by the clock of the one who looks: clocks need
not agree. A holder that could not renew for `renew_seconds` stops acting before that. What a late action of an old
leader could still do is fenced besides: the memory is written before acting, and only over the version that was read.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from lightkube.models.coordination_v1 import LeaseSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.coordination_v1 import Lease

from controllers.config.monitor import LeaderElectionSettings
from controllers.monitor.kubernetes import CONFLICT, FAILURES, NOT_FOUND, refusal, status_of

LOG = logging.getLogger("controllers.election")


class Leases(Protocol):
    """What the election needs of a client."""

    async def get(self, res: Any, name: str) -> Any: ...
    async def create(self, obj: Any) -> Any: ...
    async def replace(self, obj: Any) -> Any: ...


@dataclass
class Election:
    """`leading` says whether this replica may act now."""

    client: Leases
    settings: LeaderElectionSettings
    namespace: str
    identity: str
    clock: Callable[[], float]
    on_change: Callable[[bool], None]
    holder: str = ""
    _seen: tuple[str, str] = ("", "")
    _seen_at: float = 0.0
    _renewed_at: float = float("-inf")
    _was_leading: bool = False

    @property
    def leading(self) -> bool:
        return self.clock() - self._renewed_at < self.settings.renew_seconds

    async def run(self) -> None:
        """Try to get the Lease, and keep it, for ever."""
        while True:
            started = self.clock()
            try:
                async with asyncio.timeout(self.settings.renew_seconds / 2):
                    held = await self._attempt()
                if held:
                    self._renewed_at = started
            except FAILURES as error:
                if status_of(error) != CONFLICT:
                    LOG.warning("lease: %s", refusal(error))
            self._tell()
            await asyncio.sleep(self.settings.retry_seconds)

    async def release(self) -> None:
        """Give the Lease up, so that the other replica need not wait."""
        if not self.leading:
            return
        self._renewed_at = float("-inf")
        lease = await self.client.get(Lease, self.settings.lease)
        if lease.spec and lease.spec.holderIdentity == self.identity:
            lease.spec.holderIdentity = ""
            await self.client.replace(lease)

    def _tell(self) -> None:
        leading = self.leading
        if leading != self._was_leading:
            self._was_leading = leading
            LOG.info("%s", "leading" if leading else f"standing by for {self.holder or 'nobody'}")
            self.on_change(leading)

    async def _attempt(self) -> bool:
        try:
            lease = await self.client.get(Lease, self.settings.lease)
        except FAILURES as error:
            if status_of(error) != NOT_FOUND:
                raise
            metadata = ObjectMeta(name=self.settings.lease, namespace=self.namespace)
            await self.client.create(Lease(metadata=metadata, spec=self._spec(0)))
            self.holder = self.identity
            return True
        spec = lease.spec or LeaseSpec()
        self.holder = spec.holderIdentity or ""
        state = (self.holder, str(spec.renewTime))
        if state != self._seen:
            self._seen, self._seen_at = state, self.clock()
        free = not self.holder or self.clock() - self._seen_at >= self.settings.lease_seconds
        if self.holder != self.identity and not free:
            return False
        taken = self.holder != self.identity
        lease.spec = self._spec((spec.leaseTransitions or 0) + taken, None if taken else spec.acquireTime)
        await self.client.replace(lease)
        self.holder = self.identity
        return True

    def _spec(self, transitions: int, acquired: Any = None) -> LeaseSpec:
        now = datetime.datetime.now(datetime.UTC)
        return LeaseSpec(
            holderIdentity=self.identity,
            leaseDurationSeconds=int(self.settings.lease_seconds),
            acquireTime=acquired or now,
            renewTime=now,
            leaseTransitions=transitions,
        )
