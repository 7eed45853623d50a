"""Object storage's metadata in SQLite: one writer thread that commits in groups, one reader for the event loop.

Acknowledged writes are on the disk (`synchronous=FULL`). Jobs that wait together share one commit, each under its own
savepoint, so that many clients don't each pay for a flush.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from sandbox.cloud.oss.schema import SCHEMA

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
MAXIMUM_GROUP = 64
"""Jobs that share one commit at most, so that none waits long."""


@dataclass
class Transaction:
    """What a write job works with: the connection, and the bodies that nobody needs once it is committed."""

    connection: sqlite3.Connection
    discarded: list[str] = field(default_factory=list)

    def execute(self, statement: str, parameters: Iterable[Any] = ()) -> sqlite3.Cursor:
        """Run a statement."""
        return self.connection.execute(statement, tuple(parameters))

    def discard(self, names: Iterable[str]) -> None:
        """Delete these segments' files after the commit."""
        self.discarded.extend(names)


@dataclass
class _Job(Generic[Result]):
    work: Callable[[Transaction], Result]
    adopts: tuple[str, ...]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Result]
    result: Result | None = None
    error: BaseException | None = None

    def settle(self) -> None:
        """Tell the waiting coroutine; one that was cancelled meanwhile is not told."""
        if self.loop.is_closed():
            return
        self.loop.call_soon_threadsafe(self._settle_in_loop)

    def _settle_in_loop(self) -> None:
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)  # type: ignore[arg-type]


class Database:
    """The metadata of all buckets; `remove_bodies` deletes segments' files that have lost their row."""

    def __init__(self, path: Path, remove_bodies: Callable[[Iterable[str]], None]) -> None:
        self._path = path
        self._remove_bodies = remove_bodies
        self._queue: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        writer = connect(path)
        writer.executescript(SCHEMA)
        path.chmod(0o600)
        self.reader = connect(path)
        self.reader.execute("PRAGMA query_only=ON")
        self._thread = threading.Thread(target=self._run, args=(writer,), name="object-metadata", daemon=True)
        self._thread.start()

    async def write(self, work: Callable[[Transaction], Result], adopts: Iterable[str] = ()) -> Result:
        """Run a job and return once it is committed.

        `adopts` are new segments that the job gives a row; they are deleted when the job fails.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._queue.put(_Job(work, tuple(adopts), loop, future))
        return await future

    def close(self) -> None:
        """Finish the waiting jobs and close."""
        self._queue.put(None)
        self._thread.join(timeout=30)
        self.reader.close()

    def _run(self, connection: sqlite3.Connection) -> None:
        open_for_jobs = True
        while open_for_jobs:
            jobs: list[_Job[Any]] = []
            item = self._queue.get()
            while item is not None:
                jobs.append(item)
                if len(jobs) == MAXIMUM_GROUP or self._queue.empty():
                    break
                item = self._queue.get()
            open_for_jobs = item is not None
            if jobs:
                self._commit(connection, jobs)
        connection.close()

    def _commit(self, connection: sqlite3.Connection, jobs: list[_Job[Any]]) -> None:
        discarded: list[str] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            for job in jobs:
                discarded += _attempt(connection, job)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            discarded = []
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            for job in jobs:
                job.error = job.error or error
        for job in jobs:
            if job.error is not None:
                discarded += job.adopts
            job.settle()
        try:
            self._remove_bodies(discarded)
        except OSError:
            logger.exception("object storage could not delete unneeded bodies; the next start does")


def _attempt(connection: sqlite3.Connection, job: _Job[Any]) -> list[str]:
    """Run one job under a savepoint; the segments that it discarded. Its own error stays with it."""
    transaction = Transaction(connection)
    connection.execute("SAVEPOINT job")
    try:
        job.result = job.work(transaction)
    except Exception as error:  # handed to the coroutine that waits for this job
        job.error = error
        connection.execute("ROLLBACK TO job")
        transaction.discarded = []
    connection.execute("RELEASE job")
    return transaction.discarded


def connect(path: Path) -> sqlite3.Connection:
    """A connection with the settings that durability and concurrency need."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    return connection
