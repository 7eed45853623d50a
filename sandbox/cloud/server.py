"""The sockets: one HTTPS server for every service, and the DNS server beside it."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import socket
import ssl
import struct
import time
from dataclasses import replace
from typing import Protocol
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import unescape

from aiohttp import web

from sandbox.cloud.assembly import Cloud
from sandbox.cloud.control.endpoints import PREFIX as CONTROL_PREFIX
from sandbox.cloud.control.endpoints import Control
from sandbox.cloud.core.calls import CallRecord
from sandbox.cloud.core.clock import iso
from sandbox.cloud.core.faults import CallName, InjectedError, Strike
from sandbox.cloud.core.log_protocol import is_log_call
from sandbox.cloud.core.wire import Request
from sandbox.cloud.http_logging import server_logger
from sandbox.cloud.identity_webhook.api import PATH as WEBHOOK_PATH
from sandbox.cloud.oss.totals import Totals
from sandbox.cloud.registry.addressing import is_registry_call

LARGEST_API_BODY = 16 * 1024 * 1024
"""Bytes that a body of the RPC and ROA styles may have; object storage has its own limit, and streams."""

PROBING = frozenset(
    {"NoSuchKey", "NotModified", "PreconditionFailed", "BLOB_UNKNOWN", "MANIFEST_UNKNOWN", "UNAUTHORIZED"}
)
"""Errors with which clients learn whether something is there, or where to log in; they would crowd the others out of
the log."""

ERROR_FIELDS = re.compile(r"<Code>(?P<code>[^<]*)</Code>.*?<Message>(?P<message>[^<]*)</Message>", re.DOTALL)
LONGEST_LINE = 64 * 1024
"""Bytes of a request line or header: newer SDKs send a policy's text, of 6144 characters unencoded, in the query."""

SHUTDOWN_SECONDS = 5.0
CLUSTER_PATHS = ("/clusters", "/k8s/")
RECOVERY_SECONDS = 50.0
"""How long calls to the container service wait, after a restart, for the clusters to be back. Clients that read a
kubeconfig then find an API server behind it. Shorter than the 60 s after which the usual clients give up."""

ROA_OR_RPC_AUTHORIZATION = ("acs ", "ACS3-")
OBJECT_STORAGE_PARAMETERS = {"ossaccesskeyid", "x-oss-signature", "x-oss-credential", "x-oss-signature-version"}


class Streaming(Protocol):
    """Object storage or the registry, which read and write the HTTP streams by themselves."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""

    def locate(self, request: web.Request) -> CallName:
        """Which call a request is."""

    def refuse(self, request: web.Request, error: InjectedError) -> web.StreamResponse:
        """Answer with an error that a fault rule asked for."""


class ObjectStore(Streaming, Protocol):
    """Object storage."""

    def totals(self) -> Totals:
        """How many buckets and objects there are."""


class CloudServer:
    """Serves a cloud on an address."""

    def __init__(self, cloud: Cloud, objects: ObjectStore | None) -> None:
        self._cloud = cloud
        self._objects = objects
        self._runner: web.AppRunner | None = None
        self._control = Control(cloud, objects.totals if objects is not None else Totals)
        self._faults = cloud.context.faults
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
        await self._control.close()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Send a request to whom it is for."""
        if request.path.startswith(CONTROL_PREFIX):
            if request.path.startswith(WEBHOOK_PATH + "/"):
                cluster_id = request.path.removeprefix(WEBHOOK_PATH + "/")
                body = await request.read()
                return web.json_response(await asyncio.to_thread(self._cloud.webhook.review, cluster_id, body))
            return await self._control.handle(request)
        if self._cloud.registry is not None and is_registry_call(request.host.split(":")[0], request.path):
            return await self._handle_streams(request, self._cloud.registry)
        if not is_for_the_apis(request):
            if self._objects is None:
                return web.Response(status=501, text="This emulator was started without object storage.")
            return await self._handle_streams(request, self._objects)
        plain = await _plain(request)
        strike = await self._strike(self._cloud.dispatcher.locate(plain), request) if self._faults.are_any else None
        if strike is not None and strike.reset:
            return cut(request)
        if request.path.startswith(CLUSTER_PATHS) and not self._cloud.operations.is_recovered():
            await asyncio.to_thread(self._cloud.operations.is_recovered, RECOVERY_SECONDS)
        response = self._cloud.dispatcher.handle(plain, strike)
        headers = {"x-acs-request-id": response.request_id, "Content-Type": response.content_type, **response.headers}
        return web.Response(status=response.status, body=response.body, headers=headers)

    async def _handle_streams(self, request: web.Request, objects: Streaming) -> web.StreamResponse:
        """A call to object storage or the registry. Of those carried out, only the failed are noted, for speed."""
        strike = await self._strike(objects.locate(request), request) if self._faults.are_any else None
        if strike is not None and strike.reset:
            return cut(request)
        begun = time.perf_counter()
        if strike is not None and strike.error is not None:
            response: web.StreamResponse = objects.refuse(request, strike.error)
        else:
            response = await objects.handle(request)
        if response.status >= 400 or strike is not None:
            code, message = error_of(response)
            if code not in PROBING:
                elapsed = time.perf_counter() - begun
                self._note(objects.locate(request), response.status, code, message, strike, elapsed)
        return response

    async def _strike(self, call: CallName, request: web.Request) -> Strike | None:
        """The fault that a call meets, after its latency; None for none."""
        strike = self._faults.strike(replace(call, caller=request.remote or ""))
        if strike is not None and strike.latency_seconds:
            await asyncio.sleep(strike.latency_seconds)
        if strike is not None and strike.reset:
            self._note(call, 0, "ConnectionReset", "A fault rule cut the connection.", strike, 0)
        return strike

    def _note(
        self, call: CallName, status: int, code: str, message: str, strike: Strike | None, seconds: float
    ) -> None:
        """Write a call down that the dispatcher did not see."""
        if strike is not None:
            seconds += strike.latency_seconds
        self._cloud.context.log.record(
            CallRecord(
                time=iso(self._cloud.context.clock.now()),
                service=call.service,
                action=call.action,
                region=call.region,
                status=status,
                code=code,
                milliseconds=round(seconds * 1000, 2),
                ignored=(),
                principal="",
                request_id="",
                message=message,
                faults=strike.faults if strike is not None else (),
            )
        )


def error_of(response: web.StreamResponse) -> tuple[str, str]:
    """Code and message of an answer of object storage or the registry; empty where it is none of their errors."""
    body = response.body if isinstance(response, web.Response) else None
    if response.content_type == "application/json" and isinstance(body, bytes):
        errors = json.loads(body).get("errors") or [{}]
        return str(errors[0].get("code", "")), str(errors[0].get("message", ""))
    if "x-oss-err" in response.headers:
        body = base64.b64decode(response.headers["x-oss-err"])
    if response.status < 400 or not isinstance(body, bytes):
        return "", ""
    found = ERROR_FIELDS.search(body.decode(errors="replace"))
    return (unescape(found["code"]), unescape(found["message"])) if found else ("", "")


def cut(request: web.Request) -> web.Response:
    """End a request's connection with a TCP reset, as one sees it when an endpoint goes away; nothing is answered."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()


def is_for_the_apis(request: web.Request) -> bool:
    """Whether a request is of the RPC or ROA style; everything else is object storage's."""
    authorization = request.headers.get("Authorization", "")
    if authorization.startswith(("OSS ", "OSS4-")):
        return False
    if authorization.startswith(ROA_OR_RPC_AUTHORIZATION) or "x-acs-action" in request.headers:
        return True
    if is_log_call(request.headers, request.host.split(":")[0]):
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
