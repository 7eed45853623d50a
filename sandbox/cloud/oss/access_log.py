"""Access logs: a line a request to a bucket that has logging on, delivered as objects of an hour each.

https://help.aliyun.com/zh/oss/user-guide/logging. As in the cloud, delivery is not promised for every single request:
the lines of the last moment before a crash may be missing. Those that are stored survive it.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import re
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from urllib.parse import quote

from aiohttp import web

from sandbox.cloud.core.clock import Clock
from sandbox.cloud.oss import buckets, objects, xml
from sandbox.cloud.oss.addressing import Target
from sandbox.cloud.oss.api.call import Call
from sandbox.cloud.oss.bodies import Bodies
from sandbox.cloud.oss.database import Database, Transaction
from sandbox.cloud.oss.errors import OssError
from sandbox.cloud.oss.model import Bucket, Draft
from sandbox.cloud.oss.times import milliseconds

logger = logging.getLogger(__name__)

HOUR = 3600 * 1000
"""Milliseconds of the time that a log object covers."""
PAGE = 1000
"""Lines read at once while a log object is written."""
BEIJING = datetime.timezone(datetime.timedelta(hours=8))
"""Logs and their names are in this time, wherever the bucket is."""
TARGET = web.RequestKey("target", Target)
"""Where a request keeps what it addresses, once that is known."""
CALL = web.RequestKey("call", Call)
"""Where a request keeps its call, once it is verified."""
_KEY_ID = re.compile(r"OSS ([^:\s]+):|Credential=([^/,\s]+)/")


class AccessLog:
    """Collects lines and delivers them."""

    def __init__(self, database: Database, bodies: Bodies, clock: Clock) -> None:
        self._database = database
        self._bodies = bodies
        self._clock = clock
        self._pending: set[asyncio.Task[None]] = set()

    def record(
        self,
        request: web.Request,
        response: web.StreamResponse,
        request_id: str,
        error_code: str,
        elapsed: float,
    ) -> None:
        """Note a request that was answered; nothing where its bucket keeps no log. `elapsed` is in seconds."""
        target = request.get(TARGET)
        if target is None or not target.bucket:
            return
        bucket = buckets.find(self._database.reader, target.bucket)
        if bucket is None or not _destination(self._database.reader, bucket)[0]:
            return
        now = self._clock.now()
        line = _line(request, response, bucket, target, request_id, error_code, elapsed, now)
        # Not waited for: the client's answer does not depend on it.
        task = asyncio.create_task(self._store(bucket.id, milliseconds(now), line))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def deliver(self) -> int:
        """Write the lines of the hours that are over into the buckets that are to have them; how many objects."""
        while self._pending:
            await asyncio.gather(*self._pending)
        end = milliseconds(self._clock.now()) // HOUR * HOUR
        reader = self._database.reader
        hours = reader.execute(
            "SELECT bucket, at / ? AS hour, max(id) AS last FROM access_log WHERE at < ? GROUP BY bucket, hour "
            "ORDER BY hour",
            (HOUR, end),
        ).fetchall()
        delivered = 0
        for row in hours:
            source = buckets.get_by_id(reader, row["bucket"])
            try:
                await self._deliver(source, row["hour"] * HOUR, row["last"])
                delivered += 1
            except OssError as error:
                logger.warning("the access log of bucket %s is not delivered: %s", source.name, error.message)
                await self._database.write(_forget(source, row["hour"] * HOUR, row["last"]))
        return delivered

    async def _deliver(self, source: Bucket, start: int, last: int) -> None:
        name, prefix = _destination(self._database.reader, source)
        target = buckets.get(self._database.reader, name)
        moment = datetime.datetime.fromtimestamp(start / 1000, BEIJING)
        key = f"{prefix}{source.name}{moment:%Y-%m-%d-%H-%M-%S}-{secrets.token_hex(2)}"
        body = await self._bodies.store(self._lines(source, start, last))
        draft = Draft(
            key,
            size=body.size,
            etag=body.md5,
            crc64=body.crc64,
            headers={"Content-Type": "text/plain"},
            segments=body.segments,
            storage_class=target.storage_class,
        )
        forget = _forget(source, start, last)

        def place(transaction: Transaction) -> None:
            objects.put(transaction, target.name, draft, milliseconds(self._clock.now()))
            forget(transaction)

        await self._database.write(place, [segment.name for segment in body.segments])

    async def _lines(self, source: Bucket, start: int, last: int) -> AsyncIterator[bytes]:
        after = 0
        while True:
            rows: Sequence[sqlite3.Row] = self._database.reader.execute(
                "SELECT id, line FROM access_log WHERE bucket = ? AND at >= ? AND at < ? AND id > ? AND id <= ? "
                "ORDER BY id LIMIT ?",
                (source.id, start, start + HOUR, after, last, PAGE),
            ).fetchall()
            if not rows:
                return
            after = rows[-1]["id"]
            yield "".join(row["line"] for row in rows).encode("utf-8", "replace")

    async def _store(self, bucket: int, at: int, line: str) -> None:
        text = line.encode("utf-8", "replace").decode()  # headers may hold any bytes

        def insert(transaction: Transaction) -> None:
            transaction.execute("INSERT INTO access_log (bucket, at, line) VALUES (?, ?, ?)", (bucket, at, text))

        try:
            await self._database.write(insert)
        except sqlite3.Error as error:  # the bucket was deleted meanwhile
            logger.info("a line of an access log is left out: %s", error)


def _forget(source: Bucket, start: int, last: int) -> Callable[[Transaction], None]:
    def forget(transaction: Transaction) -> None:
        transaction.execute(
            "DELETE FROM access_log WHERE bucket = ? AND at >= ? AND at < ? AND id <= ?",
            (source.id, start, start + HOUR, last),
        )

    return forget


def _destination(source: buckets.Source, bucket: Bucket) -> tuple[str, str]:
    """The bucket that gets the log and its objects' prefix; empty where there is no logging."""
    content = buckets.configuration(source, bucket, "logging")
    if content is None:
        return "", ""
    root = xml.parse(content.encode(), "BucketLoggingStatus")
    return xml.text(root, "LoggingEnabled/TargetBucket"), xml.text(root, "LoggingEnabled/TargetPrefix")


def _line(
    request: web.Request,
    response: web.StreamResponse,
    bucket: Bucket,
    target: Target,
    request_id: str,
    error_code: str,
    elapsed: float,
    now: datetime.datetime,
) -> str:
    """The fields in their documented order, separated by spaces; a hyphen for what does not apply."""
    call = request.get(CALL)
    principal = call.principal if call is not None else None
    operation = call.operation.name if call is not None else "-"
    sent = 0 if request.method == "HEAD" else response.content_length or 0
    size = {"PutObject": request.content_length, "GetObject": response.content_length}.get(operation)
    found = _KEY_ID.search(request.headers.get("Authorization", ""))
    key_id = (found[1] or found[2]) if found else target.get("OSSAccessKeyId")
    milliseconds_taken = str(round(elapsed * 1000))
    fields = [
        request.remote or "-",  # Remote IP
        "-",  # Reserved
        "-",  # Reserved
        f"[{now.astimezone(BEIJING):%d/%b/%Y:%H:%M:%S %z}]",
        f'"{request.method} {request.raw_path} HTTP/{request.version.major}.{request.version.minor}"',
        str(response.status),
        str(sent),
        milliseconds_taken,  # RequestTime
        _quoted(request.headers.get("Referer")),
        _quoted(request.headers.get("User-Agent")),
        _quoted(request.headers.get("Host")),
        _quoted(request_id),
        _quoted("true"),  # LoggingFlag
        _quoted(principal.account_id if principal is not None else None),
        _quoted(operation),
        _quoted(bucket.name),
        _quoted(quote(target.key) or None),
        str(size) if size is not None and response.status < 300 else "-",
        milliseconds_taken,  # Server Cost Time
        _quoted(error_code or None),
        str(request.content_length or 0),  # Request Length
        _quoted(bucket.owner),
        "-",  # Delta DataSize: the size before is not looked up for a log
        "-",  # Sync Request: neither from a CDN nor from replication
        _quoted(bucket.storage_class.lower()),
        "-",  # TargetStorageClass
        "-",  # Transmission Acceleration Access Point
        _quoted(key_id or None),
    ]
    return " ".join(fields) + "\n"


def _quoted(value: str | None) -> str:
    text = "-" if value is None else value.replace('"', "%22").replace("\n", " ").replace("\r", " ")
    return f'"{text}"'
