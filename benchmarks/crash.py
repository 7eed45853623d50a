"""Whether the cloud keeps its word when it is killed.

    python -m benchmarks.crash --calls 10000 --clients 16 --kills 10

Clients put and delete objects and make networks and DNS records in a simulated cloud, which is killed with SIGKILL at
seeded moments and started again. Then every acknowledged write is looked up, contents by their checksum. A call that
was cut off may have happened or not; a call that was answered has. Exit status 1 when anything acknowledged is
missing, or an object is there in half.

What a SIGKILL cannot show is a loss of power: the machine's page cache survives it. There object storage still keeps
what it acknowledged (contents are flushed before their row, SQLite commits with synchronous=FULL), while the other
services may lose the last commits (synchronous=NORMAL: never a torn database, but commits since the last checkpoint).
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import aiohttp

from benchmarks.simulated_cloud import Signed, SimulatedCloud

BUCKET = "crash-bucket"
DOMAIN = "crash.example"
KEYS = 40
"""Objects of a client: few, so that most writes replace or delete what an earlier one left."""
SIZES = (0, 100, 5_000, 70_000, 400_000)
"""Bytes of objects: nothing, small ones, and some that come in over several reads."""
CALL_SECONDS = 20.0
GONE = ""
"""Stands for no object, among an object's possible checksums."""

Reply = tuple[int, bytes]


@dataclass
class Record:
    """What was promised: possible checksums of each object, and the resources that must (or may) exist."""

    objects: dict[str, set[str]] = field(default_factory=dict)
    networks: set[str] = field(default_factory=set)
    deleted_networks: set[str] = field(default_factory=set)
    records: dict[str, str] = field(default_factory=dict)
    acknowledged: int = 0
    cut_off: int = 0
    refused: list[str] = field(default_factory=list)


class Crash:
    """One run."""

    def __init__(self, cloud: SimulatedCloud, calls: int, seed: int) -> None:
        self._cloud = cloud
        self._calls = calls
        self._seed = seed
        self._up = asyncio.Event()
        self._up.set()
        self._next_kill = calls * 2
        self._kill_now = asyncio.Event()
        self.record = Record()
        self.restarts: list[float] = []

    async def run(self, clients: int, kills: int) -> list[str]:
        """Write, kill and restart, then check; what is wrong."""
        connector = aiohttp.TCPConnector(limit=clients, ssl=False)
        timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            for prepared in (
                self._cloud.oss("PUT", BUCKET),
                self._cloud.rpc("Alidns", "AddDomain", DomainName=DOMAIN),
            ):
                status, body = await self._send(session, prepared)
                if status != 200:
                    raise RuntimeError(f"the cloud refused to prepare the run: {body[:500]!r}")
            killer = asyncio.create_task(self._kill(kills))
            try:
                await asyncio.gather(*(self._client(session, number) for number in range(clients)))
                await killer
            finally:
                killer.cancel()
            return [*self.record.refused, *(await self._check(session))]

    async def _kill(self, kills: int) -> None:
        chance = random.Random(self._seed)  # noqa: S311 (repeatable, not secret)
        moments = sorted(chance.sample(range(self._calls // 20, self._calls * 19 // 20), kills))
        for moment in moments:
            self._next_kill = moment
            await self._kill_now.wait()
            self._next_kill = self._calls * 2
            self._kill_now.clear()
            await asyncio.sleep(chance.random() * 0.02)
            self._up.clear()
            self._cloud.kill()
            self.restarts.append(await asyncio.to_thread(self._cloud.start))
            self._up.set()

    async def _client(self, session: aiohttp.ClientSession, number: int) -> None:
        chance = random.Random(f"{self._seed}-{number}")  # noqa: S311
        while self.record.acknowledged < self._calls:
            await self._up.wait()
            draw = chance.random()
            if draw < 0.5:
                await self._put(session, chance, number)
            elif draw < 0.65:
                await self._delete(session, chance, number)
            elif draw < 0.85:
                await self._add_record(session, chance, number)
            elif draw < 0.95:
                await self._create_network(session)
            else:
                await self._delete_network(session, number)

    async def _put(self, session: aiohttp.ClientSession, chance: random.Random, number: int) -> None:
        key = f"{number}/{chance.randrange(KEYS)}"
        content = chance.randbytes(chance.choice(SIZES))
        await self._change(session, key, checksum(content), self._cloud.oss("PUT", BUCKET, key, body=content))

    async def _delete(self, session: aiohttp.ClientSession, chance: random.Random, number: int) -> None:
        key = f"{number}/{chance.randrange(KEYS)}"
        await self._change(session, key, GONE, self._cloud.oss("DELETE", BUCKET, key))

    async def _change(self, session: aiohttp.ClientSession, key: str, new: str, request: Signed) -> None:
        possible = self.record.objects.setdefault(key, {GONE})
        possible.add(new)
        if await self._acknowledged(session, request) is not None:
            self.record.objects[key] = {new}

    async def _add_record(self, session: aiohttp.ClientSession, chance: random.Random, number: int) -> None:
        name, value = f"{number}-{chance.randrange(2**48):x}", f"10.{number}.0.{chance.randrange(256)}"
        request = self._cloud.rpc("Alidns", "AddDomainRecord", DomainName=DOMAIN, RR=name, Type="A", Value=value)
        if await self._acknowledged(session, request) is not None:
            self.record.records[name] = value

    async def _create_network(self, session: aiohttp.ClientSession) -> None:
        body = await self._acknowledged(session, self._cloud.rpc("Vpc", "CreateVpc", CidrBlock="10.0.0.0/8"))
        if body is not None:
            self.record.networks.add(json.loads(body)["VpcId"])

    async def _delete_network(self, session: aiohttp.ClientSession, number: int) -> None:
        if not self.record.networks:
            return
        chosen = sorted(self.record.networks)[number % len(self.record.networks)]
        self.record.networks.discard(chosen)  # cut off, it may exist or not; and no other client takes it
        if await self._acknowledged(session, self._cloud.rpc("Vpc", "DeleteVpc", VpcId=chosen)) is not None:
            self.record.deleted_networks.add(chosen)

    async def _acknowledged(self, session: aiohttp.ClientSession, request: Signed) -> bytes | None:
        """The answer's body; None where the call was cut off."""
        try:
            status, body = await self._send(session, request)
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            self.record.cut_off += 1
            await asyncio.sleep(0.01)
            return None
        if status not in (200, 204):
            self.record.refused.append(f"refused: {request.method} {request.path}: {status} {body[:300]!r}")
            return None
        self.record.acknowledged += 1
        if self.record.acknowledged >= self._next_kill:
            self._kill_now.set()
        return body

    async def _send(self, session: aiohttp.ClientSession, request: Signed) -> Reply:
        options = {"headers": dict(request.headers), "data": request.body, "skip_auto_headers": ("Content-Type",)}
        async with session.request(request.method, self._cloud.url + request.path, **options) as answer:  # type: ignore[arg-type]
            return answer.status, await answer.read()

    async def _check(self, session: aiohttp.ClientSession) -> list[str]:
        return [
            *await self._check_objects(session),
            *await self._check_networks(session),
            *await self._check_dns(session),
        ]

    async def _check_objects(self, session: aiohttp.ClientSession) -> list[str]:
        wrong: list[str] = []
        listed = await self._listed(session)
        for key in listed.keys() - self.record.objects.keys():
            wrong.append(f"object {key} was never written")
        for key, possible in self.record.objects.items():
            status, content = await self._send(session, self._cloud.oss("GET", BUCKET, key))
            found = checksum(content) if status == 200 else GONE
            if found not in possible:
                wrong.append(
                    f"object {key} ({status}, {len(content)} bytes) is none of {len(possible)} possible contents"
                )
            if (status == 200) != (key in listed):
                wrong.append(f"object {key} is {'not ' if status == 200 else ''}listed, but its read answers {status}")
            elif status == 200 and listed[key] != (found, len(content)):
                wrong.append(f"object {key} is listed as {listed[key]}; its content is {(found, len(content))}")
        return wrong

    async def _listed(self, session: aiohttp.ClientSession) -> dict[str, tuple[str, int]]:
        found: dict[str, tuple[str, int]] = {}
        query = "list-type=2&max-keys=1000"
        status, body = await self._send(session, self._cloud.oss("GET", BUCKET, query=query))
        root = ElementTree.fromstring(body)  # noqa: S314 (our own server's answer)
        if status != 200 or root.findtext("IsTruncated") != "false":
            raise RuntimeError(f"the objects could not be listed at once: {status}")
        for element in root.findall("Contents"):
            etag = (element.findtext("ETag") or "").strip('"')
            found[element.findtext("Key") or ""] = (etag, int(element.findtext("Size") or 0))
        return found

    async def _check_networks(self, session: aiohttp.ClientSession) -> list[str]:
        present: set[str] = set()
        while True:
            page = self._cloud.rpc("Vpc", "DescribeVpcs", PageSize="50", PageNumber=str(len(present) // 50 + 1))
            _, body = await self._send(session, page)
            document = json.loads(body)
            present |= {vpc["VpcId"] for vpc in document["Vpcs"]["Vpc"]}
            if len(present) >= document["TotalCount"]:
                break
        lost = [f"network {one} is lost" for one in self.record.networks - present]
        return lost + [f"network {one} is back" for one in self.record.deleted_networks & present]

    async def _check_dns(self, session: aiohttp.ClientSession) -> list[str]:
        present: dict[str, str] = {}
        while True:
            number = str(len(present) // 500 + 1)
            page = self._cloud.rpc(
                "Alidns", "DescribeDomainRecords", DomainName=DOMAIN, PageSize="500", PageNumber=number
            )
            _, body = await self._send(session, page)
            document = json.loads(body)
            present |= {one["RR"]: one["Value"] for one in document["DomainRecords"]["Record"]}
            if len(present) >= document["TotalCount"]:
                break
        return [f"record {rr} is lost" for rr, value in self.record.records.items() if present.get(rr) != value]


def checksum(content: bytes) -> str:
    """As object storage's ETag: MD5 in upper case."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest().upper()


def main(arguments: Sequence[str]) -> int:
    """Run the command; 0 when nothing is lost, 1 else."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crash", description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=10_000, help="calls to be acknowledged (default: %(default)s)")
    parser.add_argument("--clients", type=int, default=16, help="clients at once (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=10, help="how often to kill the cloud (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="chooses the moments and the calls (default: %(default)s)")
    options = parser.parse_args(arguments)
    state = Path(tempfile.mkdtemp(prefix="sandbox-crash-"))
    cloud = SimulatedCloud(state)
    begun = time.monotonic()
    try:
        cloud.start()
        run = Crash(cloud, options.calls, options.seed)
        wrong = asyncio.run(run.run(options.clients, options.kills))
    finally:
        cloud.stop()
        shutil.rmtree(state, ignore_errors=True)
    record = run.record
    print(f"calls acknowledged        {record.acknowledged:>8}")
    print(f"calls cut off             {record.cut_off:>8}")
    print(f"kills with SIGKILL        {len(run.restarts):>8}")
    if run.restarts:
        print(f"longest restart           {max(run.restarts):>8.2f} s")
    checked = len(record.objects) + len(record.networks) + len(record.deleted_networks) + len(record.records)
    print(f"objects and resources checked {checked:>4}")
    print(f"seconds                   {time.monotonic() - begun:>8.1f}")
    print(f"lost, torn or wrong       {len(wrong):>8}")
    for line in wrong[:20]:
        print(f"  {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
