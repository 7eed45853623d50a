"""Puts the parts together: probes and the zone feed the core, its notes and switches go to the DNS service."""

from __future__ import annotations

import asyncio
import datetime
import json
import logging
import signal
import time
from typing import Protocol

from controllers.config.traffic import TrafficSettings
from controllers.errors import SettingsError
from controllers.monitor.server import serve
from controllers.settings import read_settings
from controllers.traffic.core import Core
from controllers.traffic.events import Events
from controllers.traffic.metrics import Metrics
from controllers.traffic.model import Note, Plan, Switch, Zone
from controllers.traffic.probes import Probes
from controllers.traffic.zone import AlidnsZone, ZoneError

LOG = logging.getLogger("controllers.traffic")
ROUNDS = 3
"""A note is written and read back at once; a third round is only for what came meanwhile."""
THROUGH_DNS_SECONDS = 5.0
STUCK_SECONDS = 30.0


class ZoneClient(Protocol):
    """What the controller needs of the DNS service."""

    def read(self) -> Zone: ...
    def write(self, note: Note) -> None: ...
    def switch(self, switch: Switch) -> None: ...


class Controller:
    """One region's controller."""

    def __init__(self, settings: TrafficSettings, zone: ZoneClient, events: Events | None = None) -> None:
        self.settings = settings
        self.core = Core(settings)
        self.metrics = Metrics()
        self._zone = zone
        self._events = events
        self._probes = Probes(settings)
        self._turned_at = time.monotonic()
        self._zone_problem = "the zone was not read yet"

    async def run(self, stop: asyncio.Event) -> None:
        """Until told to stop."""
        server = serve(self.settings.port, self.metrics.registry, self._alive, self._ready)
        looking = asyncio.create_task(self._look_through_dns())
        try:
            while not stop.is_set():
                started = time.monotonic()
                await self.turn()
                left = self.settings.timings.probe_seconds - (time.monotonic() - started)
                try:
                    await asyncio.wait_for(stop.wait(), max(0.0, left))
                except TimeoutError:
                    continue
        finally:
            looking.cancel()
            await self._probes.close()
            server.shutdown()
            server.server_close()

    async def turn(self) -> None:
        """Probe, then read, then decide and act. A region that is dead holds a probe up for its whole timeout: what was
        read before that would be a second old, and an answer that did not come would be missed a second later."""
        for region, answered in (await self._probes.ask_all()).items():
            self._see(region, answered)
        zone = await self._read()
        for round_number in range(ROUNDS):
            if zone is None:
                break
            if round_number:
                zone = await self._read()
            plan = self.core.decide(time.monotonic()) if zone is not None else Plan()
            if plan.note is None or not await self._write(plan.note):
                await self._switch(plan)
                break
        if zone is not None:
            self.metrics.show(self.core, zone, time.monotonic())
        self._turned_at = time.monotonic()

    def _see(self, region: str, answered: bool) -> None:
        was, failing = self.core.is_well(region), self.core.is_failing(region)
        self.core.probed(region, answered, time.monotonic())
        if answered and not was:
            LOG.info("%s answers", region)
        elif self.core.is_failing(region) and not failing:
            LOG.warning("%s does not answer", region)

    async def _read(self) -> Zone | None:
        started = time.monotonic()
        try:
            zone = await asyncio.to_thread(self._zone.read)
        except ZoneError as error:
            self._failed(error)
            return None
        self._zone_problem = ""
        self.metrics.zone_read_at.set_to_current_time()
        self.core.read(zone, started, time.monotonic())
        return zone

    async def _write(self, note: Note) -> bool:
        try:
            await asyncio.to_thread(self._zone.write, note)
        except ZoneError as error:
            self._failed(error)
            return False
        self.core.wrote(note, time.monotonic())
        LOG.info("note: %s", note.text())
        return True

    async def _switch(self, plan: Plan) -> None:
        """In order; what disables only after the zone was read once more and still says the same."""
        wanted = plan.switches
        if any(not switch.enable for switch in wanted):
            for switch in wanted:
                if switch.enable and not await self._do(switch):
                    return
            if await self._read() is None:
                return
            wanted = self.core.decide(time.monotonic()).switches
            wanted = tuple(switch for switch in wanted if not switch.enable) if _only_disables(wanted) else ()
        for switch in wanted:
            if not await self._do(switch):
                return

    async def _do(self, switch: Switch) -> bool:
        try:
            await asyncio.to_thread(self._zone.switch, switch)
        except ZoneError as error:
            self._failed(error)
            return False
        line, region = switch.record.line, switch.record.region
        to = "enabled" if switch.enable else "disabled"
        since = [health.failing_since for health in self.core.health.values() if health.failing_since is not None]
        seconds = round(time.monotonic() - min(since), 2) if since else None
        self.metrics.switches.labels(line, region, to).inc()
        if seconds is not None:
            self.metrics.delay.observe(seconds)
        entry = {
            "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
            "line": line,
            "region": region,
            "to": to,
            "reason": switch.reason,
            "seconds_after_first_failure": seconds,
        }
        LOG.warning("switch %s", json.dumps(entry))
        if self._events is not None:
            await self._events.tell(f"{to} {region}'s record of line {line}: {switch.reason}")
        return True

    def _failed(self, error: ZoneError) -> None:
        self.metrics.failures.inc()
        if str(error) != self._zone_problem:
            LOG.warning("%s", error)
        self._zone_problem = str(error)

    async def _look_through_dns(self) -> None:
        before: tuple[list[str], bool] | None = None
        while True:
            found = await self._probes.through_dns()
            self.metrics.through_dns.set(found[1])
            if found != before:
                LOG.info("through DNS: %s: %s", ", ".join(found[0]) or "no address", "well" if found[1] else "not well")
            before = found
            await asyncio.sleep(THROUGH_DNS_SECONDS)

    def _alive(self) -> str:
        quiet = time.monotonic() - self._turned_at
        return f"nothing was decided for {quiet:.0f} s" if quiet > STUCK_SECONDS else ""

    def _ready(self) -> str:
        return self._zone_problem or self._alive()


def _only_disables(switches: tuple[Switch, ...]) -> bool:
    """Of a line whose record is still to be enabled nothing may be disabled; the next turn enables it."""
    return not any(switch.enable for switch in switches)


def check(settings: TrafficSettings, path: str) -> None:
    """Raises SettingsError where names do not fit together."""
    names = [region.name for region in settings.regions]
    if settings.region not in names:
        raise SettingsError(f"{path}: region {settings.region!r} is not one of regions ({', '.join(names)})")
    for line, order in settings.lines.items():
        unknown = [name for name in order if name not in names]
        if unknown or not order:
            raise SettingsError(f"{path}: lines.{line} names {unknown or 'nobody'}; regions are {', '.join(names)}")


def run(path: str) -> None:
    """The command `traffic`: in a pod, or in a person's shell."""
    settings = read_settings(path, TrafficSettings)
    check(settings, path)
    LOG.info("settings: %s", json.dumps(settings.model_dump(mode="json")))

    async def start() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        events = Events.in_cluster(settings.namespace)
        try:
            await Controller(settings, AlidnsZone(settings), events).run(stop)
        finally:
            if events is not None:
                await events.close()

    asyncio.run(start())
