"""Whose turn it is to train: of all regions that have a launcher for a business's job, one trains it.

The launcher holds a lease in object storage (`trainer.storage.lease`) and renews it; the job's master looks at it, and
ends when it is not renewed. So a job whose launcher was stopped, or whose region was cut off, has ended before another
region's begins; and what it still writes lies below its own term, where nobody looks once there is a later one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from trainer.config import LeaseSettings, TrainingJob
from trainer.errors import TrainerError
from trainer.storage.lease import Lease, Log, Watch

LOG = logging.getLogger("trainer.turn")
RENEWALS = 6
"""Of a lease's time: four may fail in a row before the holder stops."""
WAITING_SECONDS = 5.0
"""How often who does not hold it asks for it."""


class Turn(Protocol):
    """What the launcher asks; `AlwaysOurs` where there is but one region."""

    @property
    def held(self) -> bool:
        """Whether this region may train now."""

    @property
    def term(self) -> int:
        """The fencing token."""

    @property
    def detail(self) -> str:
        """Why not, in words."""


class AlwaysOurs:
    """One region: nobody to agree with."""

    held = True
    term = 0
    detail = ""


class LeasedTurn:
    """Takes and renews the lease in a thread of its own, until stopped. It is never given up: whoever comes back in the
    same region goes on, and another waits until it has run out."""

    def __init__(self, lease: Lease, seconds: float) -> None:
        self._lease = lease
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self.detail = "the lease was not asked for yet"

    @property
    def held(self) -> bool:
        return self._lease.held

    @property
    def term(self) -> int:
        return self._lease.term

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Renew no more."""
        self._stop.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._stop.is_set():
            self._try()
            self._stop.wait(self._seconds / RENEWALS if self.held else min(WAITING_SECONDS, self._seconds / RENEWALS))

    def _try(self) -> None:
        before, had = self.detail, self.term
        try:
            if self._lease.acquire():
                self.detail = ""
                if self.term != had:
                    LOG.info("this region trains; term %d", self.term)
            else:
                self.detail = f"{self._lease.holder()} holds the lease"
        except TrainerError as error:
            self.detail = f"the lease can't be renewed: {error}"
        if self.detail and self.detail != before:
            LOG.warning("%s", self.detail)


def turn_of(job: TrainingJob) -> LeasedTurn | None:
    """The job's turn, not started yet; None where it has no lease. The holder's name is the region's."""
    settings = job.lease
    if settings is None:
        return None
    return LeasedTurn(Lease(_open(settings, job), settings.key, job.region, settings.seconds), settings.seconds)


def watch(job: TrainingJob, term: int, ended: threading.Event, lost: Callable[[], None]) -> None:
    """For the job's master: look at the lease now and then, in a thread, until the job has ended. `lost` is called once
    if the lease is ours no more, or was not renewed. Nothing where there is no lease."""
    settings = job.lease
    if settings is not None:
        look = Watch(_open(settings, job), settings.key, job.region, term, settings.seconds)
        start(look, settings.seconds, ended, lost)


def start(look: Watch, seconds: float, ended: threading.Event, lost: Callable[[], None]) -> None:
    """As `watch`, with what looks."""

    def keep_looking() -> None:
        while not ended.wait(min(WAITING_SECONDS, seconds / RENEWALS)):
            if not look.look():
                LOG.error("another region may train this job now, or its launcher is gone: the job ends here")
                lost()
                return

    threading.Thread(target=keep_looking, name="lease", daemon=True).start()


def _open(settings: LeaseSettings, job: TrainingJob) -> Log:
    from trainer.storage.oss import OssStore  # noqa: PLC0415 - a directory needs no SDK

    return OssStore(settings.bucket, "", settings.region, here=job.region)
