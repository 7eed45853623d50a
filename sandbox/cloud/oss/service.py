"""Object storage as one HTTP handler: verify, route, authorise, carry out, and answer errors in OSS's own form."""

from __future__ import annotations

import asyncio
import base64
import datetime
import json
import logging
import secrets
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from aiohttp import ClientError, web

from sandbox.cloud.core.accounts import Accounts
from sandbox.cloud.core.authorization import Authorizer
from sandbox.cloud.core.clock import Clock
from sandbox.cloud.core.faults import CallName, InjectedError
from sandbox.cloud.oss import buckets, lifecycle, objects, origins, signatures, totals, xml
from sandbox.cloud.oss.access import Access
from sandbox.cloud.oss.access_log import CALL, TARGET, AccessLog
from sandbox.cloud.oss.addressing import DEFAULT_REGION, Target, resolve
from sandbox.cloud.oss.api.call import Backend, Call, standard_headers
from sandbox.cloud.oss.api.routes import OF_A_VERSION, route
from sandbox.cloud.oss.bodies import Bodies
from sandbox.cloud.oss.database import Database
from sandbox.cloud.oss.errors import InjectedOssError, OssError, invalid_argument
from sandbox.cloud.oss.lifecycle import LifecycleReport
from sandbox.cloud.oss.replication import DEFAULT_LAG, ReplicationReport, Replicator
from sandbox.cloud.oss.totals import Totals

logger = logging.getLogger(__name__)

REPLICATION_LOOK_SECONDS = 1.0
"""How often the running cloud looks whether something is to be replicated."""


class ObjectStorage:
    """All buckets of the emulated cloud, kept in `directory`.

    Changes are replicated `replication_lag` after they were made, but wait while `is_cut` says that regions are apart.
    `machine_time` is what requests' dates are compared with: clients sign with their own clock, which the cloud's
    movable one must not shut out. The server that calls `handle` must not decompress request bodies
    (`auto_decompress=False`), or objects sent with a Content-Encoding could not be stored as they are.
    """

    def __init__(
        self,
        accounts: Accounts,
        authorizer: Authorizer,
        directory: Path,
        clock: Clock,
        machine_time: Callable[[], float] = time.time,
        replication_lag: datetime.timedelta = DEFAULT_LAG,
        is_cut: Callable[[str, str], bool] = lambda region, other: False,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._accounts = accounts
        self._machine_time = machine_time
        bodies = Bodies(directory)
        self._backend = Backend(
            Database(directory / "metadata.sqlite", bodies.remove), bodies, Access(authorizer), clock
        )
        self._replicator = Replicator(self._backend.database, bodies, clock, replication_lag, is_cut)
        self._access_log = AccessLog(self._backend.database, bodies, clock)
        removed = bodies.collect_garbage(self._named_bodies())
        if removed:
            logger.info("object storage removed %d files that an interruption left", removed)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request; never raises for a bad one."""
        request_id, begun, code = secrets.token_hex(12).upper(), time.perf_counter(), ""
        try:
            response = await self._answer(request, request_id)
        except OssError as error:
            if error.code == "NotImplemented":
                logger.warning("object storage: %s %s: %s", request.method, request.raw_path, error.message)
            response, code = _error(request, request_id, error), error.code
        except (ConnectionError, ClientError):
            raise  # the client has gone
        except UnicodeError:
            refusal = invalid_argument("The request holds text that is not valid UTF-8.")
            response, code = _error(request, request_id, refusal), refusal.code
        except (sqlite3.Error, OSError, ValueError) as error:
            logger.exception("object storage failed on %s %s", request.method, request.raw_path)
            reason = f"Object storage's disk or database failed: {error}."
            response, code = _error(request, request_id, OssError("InternalError", reason)), "InternalError"
        self._access_log.record(request, response, request_id, code, time.perf_counter() - begun)
        if not response.prepared:
            call = request.get(CALL)
            response.headers.update(standard_headers(request_id))
            response.headers.update(call.cross_origin_headers() if call is not None else {})
        return response

    def locate(self, request: web.Request) -> CallName:
        """Which call a request is, without carrying it out or verifying it; of one that is malformed, what can be told.

        The region is the endpoint's, or else the signature's, or else the bucket's own.
        """
        method, action, region = request.method, f"{request.method} {request.path}", ""
        with suppress(OssError, UnicodeError):
            target = resolve(request.headers.get("Host", ""), request.raw_path)
            region = target.region or signatures.claimed_region(method, target, request.headers) or ""
            if not region and target.bucket:
                region = buckets.get(self._backend.database.reader, target.bucket).region
            action = route(method, target).name
        return CallName("OSS", action, region or DEFAULT_REGION)

    def refuse(self, request: web.Request, error: InjectedError) -> web.Response:
        """Answer with the error that a fault rule asked for."""
        request_id = secrets.token_hex(12).upper()
        injected = InjectedOssError(error.code, error.message, injected_status=error.http_status)
        response = _error(request, request_id, injected)
        response.headers.update(standard_headers(request_id))
        return response

    def totals(self) -> Totals:
        """How many buckets and objects there are."""
        return totals.count(self._backend.database.reader)

    async def apply_lifecycle(self, now: datetime.datetime | None = None) -> LifecycleReport:
        """Carry out all buckets' lifecycle rules as of `now` (default: the cloud's clock), as the daily run does."""
        return await lifecycle.apply(self._backend.database, now or self._backend.clock.now())

    async def deliver_logs(self) -> int:
        """Write the access logs of the hours that are over; how many objects that made."""
        return await self._access_log.deliver()

    async def replicate(self) -> ReplicationReport:
        """Carry over to other buckets what is due by the cloud's clock."""
        return await self._replicator.run_due()

    async def replicate_forever(self) -> None:
        """Replicate what becomes due, until cancelled."""
        while True:
            try:
                await self.replicate()
            except Exception:  # a failure must not end replication for good
                logger.exception("object storage could not replicate; tried again")
            await asyncio.sleep(REPLICATION_LOOK_SECONDS)

    def close(self) -> None:
        """Finish running work and close the files."""
        self._backend.database.close()
        self._backend.bodies.close()

    async def _answer(self, request: web.Request, request_id: str) -> web.StreamResponse:
        target = resolve(request.headers.get("Host", ""), request.raw_path)
        request[TARGET] = target
        if request.method == "OPTIONS" and target.bucket:
            reader = self._backend.database.reader
            return web.Response(headers=origins.preflight(reader, buckets.get(reader, target.bucket), request.headers))
        identity = signatures.authenticate(self._accounts, request.method, target, request.headers, self._machine_time)
        operation = route(request.method, target)
        region = target.region or identity.region or DEFAULT_REGION
        call = Call(self._backend, request, target, identity.principal, region, request_id, operation)
        request[CALL] = call
        _check_region(call, identity.region)
        if "Authorization" not in request.headers and target.bucket and operation.name != "PutBucket":
            origins.check_referer(self._backend.database.reader, call.bucket, request.headers)
        _authorize(call)
        return await operation.handler(call)

    def _named_bodies(self) -> set[str]:
        reader = self._backend.database.reader
        rows = reader.execute("SELECT segments FROM versions UNION ALL SELECT segments FROM parts")
        return {name for (segments,) in rows for name, _ in json.loads(segments)}


def _check_region(call: Call, signed: str | None) -> None:
    """A bucket answers at its own region's endpoint, to signatures made for that region."""
    if not call.target.bucket or call.operation.name == "PutBucket":
        return
    bucket = call.bucket
    if call.target.region is not None and call.target.region != bucket.region:
        message = "The bucket you are attempting to access must be addressed using the specified endpoint."
        detail = {"Bucket": bucket.name, "Endpoint": f"{bucket.location}.aliyuncs.com"}
        raise OssError("AccessDenied", message, detail)
    if signed is not None and signed != bucket.region:
        message = f"Invalid signing region in Authorization header: {signed}. The bucket is in {bucket.region}."
        raise invalid_argument(message, "Authorization", signed)


def _authorize(call: Call) -> None:
    """Check what the operation as a whole needs; some check more (each key of a batch, the source of a copy)."""
    target, action = call.target, call.operation.action
    if call.version and action in OF_A_VERSION:
        action = f"{action}Version"
    if not target.bucket or call.operation.name == "PutBucket":
        _authorize_in_account(call, action, target)
        return
    if call.operation.name == "DeleteMultipleObjects":
        return
    if not target.key:
        call.authorize(action, call.bucket, None)
        return
    acl = "default"
    if call.principal is None or call.principal.account_id != call.bucket.owner:
        found = objects.find(call.backend.database.reader, call.bucket, target.key, call.version)
        acl = found.acl if found is not None else acl
    call.authorize(action, call.bucket, target.key, acl)


def _authorize_in_account(call: Call, action: str, target: Target) -> None:
    if call.principal is None:
        raise OssError("AccessDenied", "Anonymous access is forbidden for this operation.")
    resource = f"acs:oss:*:{call.principal.account_id}:{target.bucket or '*'}"
    call.backend.access.check_in_account(call.principal, action, resource, call.context())


def _error(request: web.Request, request_id: str, error: OssError) -> web.Response:
    if error.status == 304:
        return web.Response(status=304, headers=error.headers)
    fields = {"Code": error.code, "Message": error.message, "RequestId": request_id}
    fields |= {"HostId": request.headers.get("Host", "")} | dict(error.detail)
    body = xml.document(xml.wrap("Error", [xml.tag(name, value) for name, value in fields.items()]))
    response = web.Response(status=error.status, body=body, content_type="application/xml", headers=error.headers)
    if request.method == "HEAD":
        response.headers["x-oss-err"] = base64.b64encode(body).decode()
    return response
