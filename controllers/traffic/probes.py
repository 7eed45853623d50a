"""Asks each region's entry from outside, as a user would: over its public address, and over the name."""

from __future__ import annotations

import asyncio
import logging
import socket

import httpx2

from controllers.config.traffic import TrafficSettings

LOG = logging.getLogger("controllers.traffic")


class Probes:
    """HTTP requests that say whether a region answers users. Each has its own connection, as a new user has."""

    def __init__(self, settings: TrafficSettings) -> None:
        self._settings = settings
        self._host = f"{settings.record}.{settings.zone}"
        self._seconds = settings.timings.probe_timeout_seconds
        # One client, as making one costs 20 ms of CPU for TLS that is not used; but no connection is kept.
        self._client = httpx2.AsyncClient(
            trust_env=False,
            verify=False,
            limits=httpx2.Limits(max_keepalive_connections=0),
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def ask(self, address: str) -> bool:
        """Whether the entry at an address answers 2xx in time."""
        shown = f"[{address}]" if ":" in address else address
        url = f"http://{shown}:{self._settings.probe_port}{self._settings.probe_path}"
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._client.get(url, headers={"Host": self._host, "Connection": "close"})
        except (httpx2.HTTPError, OSError, TimeoutError) as error:
            LOG.debug("%s: %s", url, error or type(error).__name__)
            return False
        return answer.is_success

    async def ask_all(self) -> dict[str, bool]:
        """Every region's entry, at once."""
        regions = self._settings.regions
        answers = await asyncio.gather(*(self.ask(region.address) for region in regions))
        return {region.name: answer for region, answer in zip(regions, answers, strict=True)}

    async def through_dns(self) -> tuple[list[str], bool]:
        """The addresses that this region's resolver gives for the name now, and whether all of them answer."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._seconds):
                found = await loop.getaddrinfo(self._host, self._settings.probe_port, family=socket.AF_INET)
        except (OSError, TimeoutError) as error:
            LOG.debug("%s: %s", self._host, error or type(error).__name__)
            return [], False
        addresses = sorted({str(entry[4][0]) for entry in found})
        answers = await asyncio.gather(*(self.ask(address) for address in addresses))
        return addresses, bool(answers) and all(answers)
