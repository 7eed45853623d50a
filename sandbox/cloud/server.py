"""The sockets: one HTTPS server for every service, and the DNS server beside it."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import json
import ssl
import time
from dataclasses import asdict
from typing import Protocol
from urllib.parse import parse_qsl, unquote

from aiohttp import web

from sandbox.cloud.assembly import Cloud
from sandbox.cloud.core.clock import SystemClock, iso
from sandbox.cloud.core.wire import Request
from sandbox.cloud.http_logging import server_logger
from sandbox.cloud.identity_webhook.api import PATH as WEBHOOK_PATH

STATUS_PATH = "/_sandbox/status"
CLOCK_PATH = "/_sandbox/clock"
LARGEST_API_BODY = 16 * 1024 * 1024
"""Bytes that a body of the RPC and ROA styles may have; object storage has its own limit, and streams."""

LONGEST_LINE = 64 * 1024
"""Bytes of a request line or header: newer SDKs send a policy's text, of 6144 characters unencoded, in the query."""

SHUTDOWN_SECONDS = 5.0
CLUSTER_PATHS = ("/clusters", "/k8s/")
RECOVERY_SECONDS = 50.0
"""How long calls to the container service wait, after a restart, for the clusters to be back. Clients that read a
kubeconfig then find an API server behind it. Shorter than the 60 s after which the usual clients give up."""

SHOWN_CALLS = 50
ROA_OR_RPC_AUTHORIZATION = ("acs ", "ACS3-")
OBJECT_STORAGE_PARAMETERS = {"ossaccesskeyid", "x-oss-signature", "x-oss-credential", "x-oss-signature-version"}


class ObjectStore(Protocol):
    """Object storage, which reads and writes the HTTP streams by itself."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""


class CloudServer:
    """Serves a cloud on an address."""

    def __init__(self, cloud: Cloud, objects: ObjectStore | None) -> None:
        self._cloud = cloud
        self._objects = objects
        self._runner: web.AppRunner | None = None
        self._started = time.time()
        self.port = 0

    async def start(self, address: str, port: int, dns_port: int, certificate: ssl.SSLContext | None) -> None:
        """Bind both servers. With port 0 the system chooses; `port` and the DNS server's `port` tell which."""
        application = web.Application(client_max_size=LARGEST_API_BODY)
        application.router.add_route("*", "/{path:.*}", self.handle)
        self._runner = web.AppRunner(
            application,
            access_log=None,
            auto_decompress=False,
            shutdown_timeout=SHUTDOWN_SECONDS,
            logger=server_logger(),
            max_line_size=LONGEST_LINE,
            max_field_size=LONGEST_LINE,
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, address, port, ssl_context=certificate, reuse_address=True)
        await site.start()
        self.port = int(self._runner.addresses[0][1])
        await self._cloud.dns.start(address, dns_port)

    async def stop(self) -> None:
        """Close the sockets after the requests that run."""
        await self._cloud.dns.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Send a request to whom it is for."""
        if request.path == STATUS_PATH:
            return web.json_response(self.status(), dumps=lambda value: json.dumps(value, default=str, indent=1))
        if request.path == CLOCK_PATH:
            return await self._clock(request)
        if request.path.startswith(WEBHOOK_PATH + "/"):
            cluster_id = request.path.removeprefix(WEBHOOK_PATH + "/")
            body = await request.read()
            return web.json_response(await asyncio.to_thread(self._cloud.webhook.review, cluster_id, body))
        if not is_for_the_apis(request):
            if self._objects is None:
                return web.Response(status=501, text="This emulator was started without object storage.")
            return await self._objects.handle(request)
        if request.path.startswith(CLUSTER_PATHS) and not self._cloud.operations.is_recovered():
            await asyncio.to_thread(self._cloud.operations.is_recovered, RECOVERY_SECONDS)
        response = self._cloud.dispatcher.handle(await _plain(request))
        headers = {"x-acs-request-id": response.request_id, "Content-Type": response.content_type}
        return web.Response(status=response.status, body=response.body, headers=headers)

    async def _clock(self, request: web.Request) -> web.Response:
        """Tell the cloud's time (GET), or move it forward (POST {"advance_seconds": 7776000})."""
        if not is_from_this_machine(request):
            return _refusal(403, "The cloud's clock is moved from the sandbox's own machine only.")
        runs = 0
        if request.method == "POST":
            if request.content_type != "application/json":  # so that no page in a browser can forge it
                return _refusal(415, "Send a JSON object with Content-Type application/json.")
            try:
                runs = await self._cloud.schedule.advance(_duration(await request.read()))
            except ValueError as error:
                return _refusal(400, str(error))
        elif request.method != "GET":
            return _refusal(405, f"{request.method} is not allowed here; use GET or POST.")
        return web.json_response({**self._time(), "runs": runs})

    def _time(self) -> dict[str, object]:
        due = self._cloud.schedule.due_times()
        return {
            "now": iso(self._cloud.context.clock.now()),
            "machine": iso(SystemClock().now()),
            "next_runs": {name: iso(moment) for name, moment in due.items()},
        }

    def status(self) -> dict[str, object]:
        """What the status endpoint answers."""
        log = self._cloud.context.log
        return {
            "state": "running" if self._cloud.operations.is_recovered() else "recovering",
            "seconds": round(time.time() - self._started, 1),
            **self._cloud.status(),
            "clock": self._time(),
            "unknown_actions": dict(log.unknown),
            "ignored_parameters": dict(log.ignored),
            "last_calls": [asdict(call) for call in list(log.latest)[-SHOWN_CALLS:]],
            "last_errors": [asdict(call) for call in log.errors],
        }


def is_for_the_apis(request: web.Request) -> bool:
    """Whether a request is of the RPC or ROA style; everything else is object storage's."""
    authorization = request.headers.get("Authorization", "")
    if authorization.startswith(("OSS ", "OSS4-")):
        return False
    if authorization.startswith(ROA_OR_RPC_AUTHORIZATION) or "x-acs-action" in request.headers:
        return True
    if "x-acs-version" in request.headers:
        return True
    names = {name.lower() for name in request.query}
    if names & OBJECT_STORAGE_PARAMETERS:
        return False
    label = request.host.split(":")[0].split(".aliyuncs.com")[0].rsplit(".", 1)[-1]
    if label.startswith("oss-"):
        return False
    if "action" in names:
        return True
    form = request.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")
    return request.method == "POST" and request.path == "/" and form


def is_from_this_machine(request: web.Request) -> bool:
    """Whether the caller has the server's own address or a loopback one, which no pod or node of a region has."""
    if request.transport is None:
        return False
    peer, own = request.transport.get_extra_info("peername"), request.transport.get_extra_info("sockname")
    if not peer or not own:
        return False
    return bool(peer[0] == own[0] or ipaddress.ip_address(peer[0]).is_loopback)


def _duration(body: bytes) -> datetime.timedelta:
    """What to move the clock by. Raises ValueError, with the form that is wanted."""
    wanted = 'the body must be {"advance_seconds": N}, N a number of seconds from 0'
    try:
        seconds = json.loads(body)["advance_seconds"]
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise ValueError(wanted)
        return datetime.timedelta(seconds=seconds)
    except (ValueError, KeyError, TypeError, OverflowError):
        raise ValueError(wanted) from None


def _refusal(status: int, message: str) -> web.Response:
    return web.json_response({"message": message}, status=status)


async def _plain(request: web.Request) -> Request:
    target = request.raw_path
    path, _, query = target.partition("?")
    return Request(
        method=request.method,
        target=target,
        path=unquote(path),
        query=tuple(parse_qsl(query, keep_blank_values=True)),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.read(),
        host=request.host.split(":")[0],
    )
