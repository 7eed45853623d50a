"""The control endpoints, only for callers on the sandbox's own machine: status, clock, faults, calls; the status page.

All but the page is JSON:

GET    /_sandbox/               the page, for a browser
GET    /_sandbox/status
GET    /_sandbox/clock
POST   /_sandbox/clock          {"advance_seconds": 7776000}
GET    /_sandbox/faults
POST   /_sandbox/faults         {"service": "Vpc", "error": {"code": "ServiceUnavailable"}}
DELETE /_sandbox/faults         all of them
DELETE /_sandbox/faults/NAME
GET    /_sandbox/calls          ?errors=1 and ?limit=N
POST   /_sandbox/images         {"archive": "/tmp/image.tar", "reference": "registry-vpc.../NAMESPACE/NAME:TAG"}
GET    /_sandbox/nodes
PUT    /_sandbox/nodes          {"region": "cn-hangzhou", "real_nodes": 0}
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from aiohttp import web
from pydantic import ValidationError

from sandbox.cloud.assembly import Cloud
from sandbox.cloud.control import overview
from sandbox.cloud.control.inventory import Inventory
from sandbox.cloud.control.nodes import describe_nodes, set_real_nodes
from sandbox.cloud.control.page import StatusPage
from sandbox.cloud.core.calls import LATEST_CALLS
from sandbox.cloud.core.clock import SystemClock, iso
from sandbox.cloud.core.faults import Fault, FaultRule
from sandbox.cloud.core.regions import REGIONS
from sandbox.cloud.oss.totals import Totals
from sandbox.cloud.registry.errors import RegistryError

PREFIX = "/_sandbox/"
SHOWN_CALLS = 50
TOTALS_FACTOR = 20.0
"""How many times as long as counting object storage took its totals are used again."""
NOT_KEPT = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Refusal(Exception):  # noqa: N818 (it is answered, not a defect)
    """A request that is not carried out, with the status and the reason that it is answered with."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Control:
    """Answers the control endpoints of one cloud; `count_objects` is asked for object storage's totals."""

    def __init__(self, cloud: Cloud, count_objects: Callable[[], Totals]) -> None:
        self._cloud = cloud
        self._faults = cloud.context.faults
        self._inventory = Inventory(cloud)
        self._page = StatusPage()
        self._started = time.time()
        self._count_objects = count_objects
        self._totals, self._count_again = Totals(), 0.0

    async def close(self) -> None:
        """End what runs beside the calls."""
        await self._inventory.close()

    async def handle(self, request: web.Request) -> web.Response:
        """Answer a request under /_sandbox/."""
        try:
            if not is_from_this_machine(request):
                raise Refusal(403, "The sandbox is controlled from its own machine only.")
            if request.method not in ("GET", "HEAD") and request.content_type != "application/json":
                # No page in a browser can send this to another site unasked.
                raise Refusal(415, "Send Content-Type application/json with what changes something.")
            if request.method in ("GET", "HEAD") and self._page.has(request.path.removeprefix(PREFIX)):
                return self._page.answer(request.path.removeprefix(PREFIX))
            return web.json_response(await self._answer(request), dumps=_json, headers=NOT_KEPT)
        except Refusal as refusal:
            return web.json_response({"message": refusal.reason}, status=refusal.status)

    async def _answer(self, request: web.Request) -> object:
        path, _, name = request.path.removeprefix(PREFIX).partition("/")
        match request.method, path, unquote(name):
            case "GET" | "HEAD", "status", "":
                return await self.status()
            case "GET" | "HEAD", "clock", "":
                return {**self._time(), "runs": 0}
            case "POST", "clock", "":
                return await self._advance(_object(await request.read()))
            case "GET" | "HEAD", "faults", "":
                return {"faults": [shown(fault) for fault in self._faults.list()]}
            case "POST", "faults", "":
                return shown(self._faults.add(_rule(_object(await request.read()))))
            case "DELETE", "faults", "":
                return {"removed": self._faults.clear()}
            case "DELETE", "faults", fault:
                return self._remove(fault)
            case "GET" | "HEAD", "calls", "":
                return self._calls(request)
            case "POST", "images", "":
                return await self._push(_object(await request.read()))
            case "GET" | "HEAD", "nodes", "":
                return describe_nodes(self._cloud)
            case "PUT", "nodes", "":
                return _checked(set_real_nodes, self._cloud, _object(await request.read()))
        if path in ("status", "clock", "faults", "calls", "images", "nodes") and (not name or path == "faults"):
            raise Refusal(405, f"{request.method} is not allowed on {request.path}.")
        known = "the page, status, clock, faults, calls, images and nodes"
        raise Refusal(
            404,
            f"There is no {request.path}; there are {known} under {PREFIX}.",
        )

    async def status(self) -> dict[str, object]:
        """What goes on: regions, resources, recent calls, faults, the clock. Never waits long for a region."""
        log = self._cloud.context.log
        readings = await self._inventory.look()
        objects = self._object_totals()
        return {
            "state": "running" if self._cloud.operations.is_recovered() else "recovering",
            "seconds": round(time.time() - self._started, 1),
            **self._cloud.status(),
            "regions": overview.regions(self._cloud, readings, objects.buckets),
            "resources_by_service": overview.resources_by_service(self._cloud, objects),
            "object_bytes": objects.bytes,
            "clock": self._time(),
            "faults": [shown(fault) for fault in self._faults.list()],
            "unknown_actions": dict(log.unknown),
            "ignored_parameters": dict(log.ignored),
            "last_calls": [asdict(call) for call in list(log.latest)[-SHOWN_CALLS:]],
            "last_errors": [asdict(call) for call in log.errors],
        }

    def _object_totals(self) -> Totals:
        begun = time.monotonic()
        if begun >= self._count_again:
            self._totals = self._count_objects()
            ended = time.monotonic()
            self._count_again = ended + TOTALS_FACTOR * (ended - begun)
        return self._totals

    def _time(self) -> dict[str, object]:
        due = self._cloud.schedule.due_times()
        return {
            "now": iso(self._cloud.context.clock.now()),
            "machine": iso(SystemClock().now()),
            "next_runs": {name: iso(moment) for name, moment in due.items()},
        }

    async def _advance(self, body: dict[str, Any]) -> dict[str, object]:
        try:
            runs = await self._cloud.schedule.advance(_duration(body))
        except ValueError as error:
            raise Refusal(400, str(error)) from None
        return {**self._time(), "runs": runs}

    async def _push(self, body: dict[str, Any]) -> dict[str, object]:
        archive, reference = body.get("archive"), body.get("reference")
        if not isinstance(archive, str) or not isinstance(reference, str) or not Path(archive).is_absolute():
            raise Refusal(400, "Give archive, an absolute path, and reference.")
        if self._cloud.registry is None:
            raise Refusal(501, "This emulator was started without a registry.")
        try:
            return asdict(await self._cloud.registry.load(Path(archive), reference))
        except RegistryError as error:
            raise Refusal(error.status, f"{error.message}.") from None

    def _remove(self, name: str) -> dict[str, object]:
        if not self._faults.remove(name):
            known = ", ".join(fault.name for fault in self._faults.list()) or "none"
            raise Refusal(404, f"There is no fault {name!r}; there are: {known}.")
        return {"removed": 1}

    def _calls(self, request: web.Request) -> dict[str, object]:
        limit = request.query.get("limit", str(SHOWN_CALLS))
        if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit) <= LATEST_CALLS:
            raise Refusal(400, f"limit is {limit!r}; give a whole number from 1 to {LATEST_CALLS}.")
        log = self._cloud.context.log
        calls = log.errors if request.query.get("errors") in ("1", "true") else log.latest
        return {"calls": [asdict(call) for call in list(calls)[-int(limit) :]]}


def shown(fault: Fault) -> dict[str, object]:
    """A fault as the endpoints show it: its rule, and how often it matched and struck."""
    rule = fault.rule.model_dump(exclude_none=True)
    return {**rule, "matched": fault.matched, "struck": fault.struck, "spent": fault.spent}


def is_from_this_machine(request: web.Request) -> bool:
    """Whether the caller has the server's own address or a loopback one, which no pod or node of a region has."""
    if request.transport is None:
        return False
    peer, own = request.transport.get_extra_info("peername"), request.transport.get_extra_info("sockname")
    if not peer or not own:
        return False
    return bool(peer[0] == own[0] or ipaddress.ip_address(peer[0]).is_loopback)


def _object(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except ValueError as error:
        raise Refusal(400, f"The body is not JSON: {error}.") from None
    if not isinstance(content, dict):
        raise Refusal(400, "The body must be a JSON object.")
    return content


def _checked(
    act: Callable[[Cloud, dict[str, Any]], dict[str, Any]], cloud: Cloud, body: dict[str, Any]
) -> dict[str, Any]:
    try:
        return act(cloud, body)
    except ValueError as error:
        raise Refusal(400, str(error)) from None


def _rule(body: dict[str, Any]) -> FaultRule:
    try:
        rule = FaultRule.model_validate(body)
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(part) for part in found['loc']) or 'rule'}: {found['msg']}" for found in error.errors()
        ]
        raise Refusal(400, "; ".join(faults)) from None
    if "*" not in rule.region and "?" not in rule.region and "[" not in rule.region and rule.region not in REGIONS:
        raise Refusal(400, f"There is no region {rule.region!r}; there are: {', '.join(REGIONS)}.")
    return rule


def _duration(body: dict[str, Any]) -> datetime.timedelta:
    """What to move the clock by. Raises ValueError, with the form that is wanted."""
    wanted = 'the body must be {"advance_seconds": N}, N a number of seconds from 0'
    seconds = body.get("advance_seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise ValueError(wanted)
    try:
        return datetime.timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        raise ValueError(wanted) from None


def _json(value: object) -> str:
    return json.dumps(value, default=str, indent=1)
