"""Two controllers, the emulated DNS service through the official SDK, and servers of two regions on loopback.

What the core decides is tested in test_core; real regions and resolvers are in the drill.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from controllers.config.traffic import TrafficRegionSettings, TrafficSettings, TrafficTimings
from controllers.errors import SettingsError
from controllers.traffic.model import Note, Record, Switch
from controllers.traffic.run import Controller, check
from controllers.traffic.zone import AlidnsZone, ZoneError
from sandbox.addresses import Addresses
from sandbox.cloud.assembly import Cloud, CloudOptions, assemble
from sandbox.cloud.core.calls import CallLog
from sandbox.cloud.core.clock import CloudClock
from sandbox.cloud.core.store import Store
from sandbox.cloud.cs.backend import SimulatedBackend
from sandbox.cloud.server import CloudServer
from sandbox.settings import SandboxSettings

ADDRESSES = {"cn-hangzhou": "127.0.0.2", "cn-beijing": "127.0.0.3"}
QUICK = TrafficTimings(
    probe_seconds=0.05, probe_timeout_seconds=10, answer_seconds=0.3, ask_again_seconds=1, healthy_seconds=0.5
)


class Place:
    """The DNS service with a zone as the program declares it, and the regions' servers."""

    def __init__(self, port: int, cloud_port: int) -> None:
        self.port = port
        self.cloud_port = cloud_port
        self.servers: dict[str, web.TCPSite] = {}

    def settings(self, region: str) -> TrafficSettings:
        found = TrafficSettings(
            business="qa",
            namespace="qa",
            region=region,
            zone="example.com",
            record="qa",
            regions=tuple(TrafficRegionSettings(name=name, address=address) for name, address in ADDRESSES.items()),
            lines={"default": ("cn-hangzhou", "cn-beijing"), "unicom": ("cn-beijing", "cn-hangzhou")},
            probe_port=self.port,
            timings=QUICK,
            alidns_endpoint=f"http://127.0.0.1:{self.cloud_port}",
        )
        return found.model_copy(update={"port": 0})  # any free one

    def zone(self, region: str) -> AlidnsZone:
        return AlidnsZone(self.settings(region))

    def answered(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {"default": [], "unicom": []}
        for record in self.zone("cn-hangzhou").read().records:
            if record.enabled:
                found[record.line].append(record.region)
        return found

    async def until(self, what: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not await asyncio.to_thread(what):
            assert time.monotonic() < deadline, await asyncio.to_thread(self.answered)
            await asyncio.sleep(0.02)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    nowhere = Path("/nonexistent")
    settings = SandboxSettings("test", Addresses(9), nowhere, nowhere)
    options = CloudOptions(endpoint="127.0.0.1", authority=nowhere, simulated=True)
    store = Store(None)
    made = assemble(settings, store, CloudClock(store), CallLog(None), SimulatedBackend, options)
    made.start()
    yield made
    made.stop()


@pytest.fixture
async def place(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    server = CloudServer(cloud, None)
    await server.start("127.0.0.1", 0, 0, None)
    root = cloud.context.accounts.root
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", root.access_key_id)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", root.access_key_secret)
    monkeypatch.delenv("ALIBABA_CLOUD_SECURITY_TOKEN", raising=False)
    # On a busy machine an answer may come later than a controller waits: a switch would be made, and not counted.
    monkeypatch.setattr("controllers.traffic.zone.TIMEOUT_MILLISECONDS", 60_000)

    async def ready(request: web.Request) -> web.Response:
        return web.Response(text=request.headers["Host"])

    application = web.Application()
    application.router.add_get("/readyz", ready)
    runner = web.AppRunner(application)
    await runner.setup()
    first = web.TCPSite(runner, "127.0.0.2", 0)
    await first.start()
    made = Place(runner.addresses[0][1], server.port)
    second = web.TCPSite(runner, "127.0.0.3", made.port)
    await second.start()
    made.servers = {"cn-hangzhou": first, "cn-beijing": second}
    await asyncio.to_thread(declare, made)
    yield made
    await runner.cleanup()
    await server.stop()


def declare(place: Place) -> None:
    """Zone and records, as `pulumi up` does: what stands by is disabled."""
    from alibabacloud_alidns20150109 import models

    zone = place.zone("cn-hangzhou")
    call: Any = zone._call
    call("add_domain_with_options", models.AddDomainRequest(domain_name="example.com"))
    for line, order in place.settings("cn-hangzhou").lines.items():
        for number, region in enumerate(order):
            request = models.AddDomainRecordRequest(
                domain_name="example.com", rr="qa", type="A", value=ADDRESSES[region], line=line, ttl=600
            )
            identifier = call("add_domain_record_with_options", request).record_id
            if number:
                status = models.SetDomainRecordStatusRequest(record_id=identifier, status="Disable")
                call("set_domain_record_status_with_options", status)


async def test_a_dead_region_is_left_and_taken_back_and_each_switch_is_counted(place: Place) -> None:
    controllers = [Controller(place.settings(region), place.zone(region)) for region in ADDRESSES]
    stop = asyncio.Event()
    running = [asyncio.create_task(controller.run(stop)) for controller in controllers]
    normal = {"default": ["cn-hangzhou"], "unicom": ["cn-beijing"]}
    try:
        await place.until(lambda: not any(controller._ready() for controller in controllers))
        assert await asyncio.to_thread(place.answered) == normal
        await place.servers["cn-hangzhou"].stop()
        await place.until(lambda: place.answered() == {"default": ["cn-beijing"], "unicom": ["cn-beijing"]})
        again = web.TCPSite(place.servers["cn-hangzhou"]._runner, "127.0.0.2", place.port)
        await again.start()
        await place.until(lambda: place.answered() == normal)
    finally:
        stop.set()
        await asyncio.gather(*running)
    counts = {
        (sample.labels["region"], sample.labels["to"]): sample.value
        for controller in controllers
        for metric in controller.metrics.switches.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.value
    }
    assert set(counts) == {(region, to) for region in ADDRESSES for to in ("enabled", "disabled")}


async def test_a_controller_without_the_dns_service_is_not_ready_and_goes_on(place: Place) -> None:
    settings = place.settings("cn-hangzhou").model_copy(update={"alidns_endpoint": "http://127.0.0.1:1"})
    controller = Controller(settings, AlidnsZone(settings))
    await controller.turn()
    await controller._probes.close()
    assert "the DNS service, zone example.com" in controller._ready()
    assert controller._alive() == ""


def test_what_the_dns_service_refuses_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "y")
    zone = Place(1, 1).zone("cn-hangzhou")
    switch = Switch(Record("1", "cn-hangzhou", "default", True), False, "")
    for action in (zone.read, lambda: zone.write(Note()), lambda: zone.switch(switch)):
        with pytest.raises(ZoneError, match=r"^the DNS service, zone example\.com: [^\n]+$"):
            action()


def test_settings_whose_names_do_not_fit_are_refused() -> None:
    settings = Place(1, 1).settings("cn-hangzhou")
    check(settings, "file")
    with pytest.raises(SettingsError, match=r"lines\.default names"):
        check(settings.model_copy(update={"lines": {"default": ("cn-shanghai",)}}), "file")
    with pytest.raises(SettingsError, match="not one of regions"):
        check(settings.model_copy(update={"region": "cn-shanghai"}), "file")
