"""The monitors' probes: real connections from the emulator to the pools' addresses."""

from __future__ import annotations

import asyncio
import datetime
import json
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

from sandbox.cloud.alidns.gtm_model import Health, Monitor, Pool, TrafficManagers
from sandbox.cloud.core.clock import Clock

LOOK_SECONDS = 1.0
"""How often the running emulator looks whether a monitor is due."""

Probe = Callable[[str, Monitor], Awaitable[bool]]


async def probe(address: str, monitor: Monitor) -> bool:
    """Whether an address answers as its monitor asks, within its time limit.

    TCP connects. HTTP and HTTPS get the path, and answer with a status that is not above `code`; certificates are not
    looked at, as the cloud's probes do not. PING sends no packets here (that needs root) and takes the address as up
    when the host answers a TCP connection, also with a refusal.
    """
    extension = json.loads(monitor.extension or "{}")
    try:
        async with asyncio.timeout(monitor.timeout / 1000):
            if monitor.protocol == "PING":
                return await _is_alive(address)
            if monitor.protocol == "TCP":
                await _connect(address, int(extension.get("port", 80)))
                return True
            return await _answers(address, extension, encrypted=monitor.protocol == "HTTPS")
    except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
        return False


async def _connect(address: str, port: int) -> None:
    _, writer = await asyncio.open_connection(address, port)
    writer.close()


async def _is_alive(address: str) -> bool:
    try:
        await _connect(address, 7)
    except ConnectionRefusedError:
        return True
    return True


async def _answers(address: str, extension: dict[str, Any], *, encrypted: bool) -> bool:
    context = ssl.create_default_context() if encrypted else None
    if context is not None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host, path = str(extension.get("host") or address), str(extension.get("path") or "/")
    if any(character in host + path for character in "\r\n "):
        return False
    port = int(extension.get("port") or (443 if encrypted else 80))
    reader, writer = await asyncio.open_connection(
        address, port, ssl=context, server_hostname=host if encrypted else None
    )
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        line = await reader.readuntil(b"\n")
        return int(line.split()[1]) <= int(extension.get("code") or 500)
    except (IndexError, asyncio.LimitOverrunError):
        return False
    finally:
        writer.close()


def judge(before: Health, is_up: bool, evaluations: int) -> Health:
    """What is known after one more result: it turns only after `evaluations` results in a row that say otherwise."""
    if is_up == before.up:
        return Health(up=before.up)
    if before.contrary + 1 >= evaluations:
        return Health(up=is_up)
    return Health(up=before.up, contrary=before.contrary + 1)


class Prober:
    """Probes each pool once an interval of the cloud's clock.

    A clock that is moved over many intervals makes one probe, not many: the network can be asked only how it is now.
    """

    def __init__(self, managers: TrafficManagers, clock: Clock, probe: Probe = probe) -> None:
        self._managers = managers
        self._clock = clock
        self._probe = probe
        self._due: dict[str, datetime.datetime] = {}

    async def run_due(self) -> int:
        """Probe the pools that are due; how many addresses were probed."""
        now, probed = self._clock.now(), 0
        for pool in self._managers.pools.list():
            monitor = pool.monitor
            if monitor is None or not monitor.enabled or self._due.get(pool.identifier, now) > now:
                continue
            self._due[pool.identifier] = now + datetime.timedelta(seconds=monitor.interval)
            probed += await self._run(pool, monitor)
        return probed

    async def run_forever(self) -> None:
        """Probe until cancelled."""
        while True:
            await self.run_due()
            await asyncio.sleep(LOOK_SECONDS)

    async def _run(self, pool: Pool, monitor: Monitor) -> int:
        addresses = [address.value for address in pool.addresses if address.mode == "SMART"]
        results = await asyncio.gather(*(self._probe(address, monitor) for address in addresses))
        for address, is_up in zip(addresses, results, strict=True):
            before = self._managers.health(pool.identifier, address)
            after = judge(before, is_up, monitor.evaluations)
            if after != before:
                self._managers.set_health(pool.identifier, address, after)
                self._managers.changed()
        return len(addresses)
