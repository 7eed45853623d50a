"""CPU time a request of the emulated cloud beside moto's, the widely used emulator of another cloud.

    pip install -r benchmarks/requirements.txt
    python -m benchmarks.emulator

Both servers run on this machine, each alone, with the same clients and comparable calls: a network made and described,
an object written, read and listed. A ratio under 1 is better than moto. What is compared is not quite equal, to our
disadvantage: our figures hold TLS, the check of each request's signature and a durable write, none of which moto does.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import aiohttp

from benchmarks.simulated_cloud import Signed, SimulatedCloud

BUCKET = "speed-bucket"
BODY = b"x" * 10_000
LISTED = 100
"""Objects in the bucket that is listed, in one answer."""
FEW = 10
"""Networks that there are when networks are described."""
WARM_UP = 50
START_SECONDS = 60.0
START_GOAL_SECONDS = 1.0


class Emulator(Protocol):
    """A server under test and the requests that it takes."""

    name: str

    def start(self) -> None:
        """Start the process; return at once or when it listens."""

    def stop(self) -> None:
        """End the process."""

    @property
    def pid(self) -> int:
        """The process whose CPU time counts."""

    @property
    def url(self) -> str:
        """Where it listens."""

    def create_network(self) -> Signed:
        """Make a network."""

    def describe_networks(self, identifier: str) -> Signed:
        """Describe one network, or (empty) all."""

    def object(self, method: str, key: str = "", query: str = "", body: bytes = b"") -> Signed:
        """An operation on the bucket or on an object."""


class Ours:
    """The simulated cloud of this repository."""

    name = "sandbox"

    def __init__(self, state: Path) -> None:
        self._cloud = SimulatedCloud(state)

    def start(self) -> None:
        self._cloud.start()

    def stop(self) -> None:
        self._cloud.stop()

    @property
    def pid(self) -> int:
        return self._cloud.pid

    @property
    def url(self) -> str:
        return self._cloud.url

    def create_network(self) -> Signed:
        return self._cloud.rpc("Vpc", "CreateVpc", CidrBlock="10.0.0.0/8", VpcName="speed")

    def describe_networks(self, identifier: str) -> Signed:
        chosen = {"VpcId": identifier} if identifier else {"PageSize": "50"}
        return self._cloud.rpc("Vpc", "DescribeVpcs", **chosen)

    def object(self, method: str, key: str = "", query: str = "", body: bytes = b"") -> Signed:
        return self._cloud.oss(method, BUCKET, key, query, body)


class Moto:
    """moto's server, started with the interpreter in which it is installed."""

    name = "moto"

    def __init__(self, interpreter: str) -> None:
        self._interpreter = interpreter
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    def start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._process = subprocess.Popen(
            [self._interpreter, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self._port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=START_SECONDS)

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("moto is not running")
        return self._process.pid

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def create_network(self) -> Signed:
        return self._query(Action="CreateVpc", CidrBlock="10.0.0.0/16")

    def describe_networks(self, identifier: str) -> Signed:
        return self._query(Action="DescribeVpcs", **({"VpcId.1": identifier} if identifier else {}))

    def object(self, method: str, key: str = "", query: str = "", body: bytes = b"") -> Signed:
        path = f"/{BUCKET}/{key}" if key else f"/{BUCKET}"
        return Signed(method, f"{path}?{query}" if query else path, _scope("s3"), body)

    @staticmethod
    def _query(**parameters: str) -> Signed:
        values = {**parameters, "Version": "2016-11-15"}
        body = "&".join(f"{name}={value}" for name, value in values.items()).encode()
        return Signed("POST", "/", {**_scope("ec2"), "Content-Type": "application/x-www-form-urlencoded"}, body)


def _scope(service: str) -> dict[str, str]:
    """By this header moto knows which service is meant; it checks no signature."""
    credential = f"benchmark/20260101/us-east-1/{service}/aws4_request"
    signature = "SignedHeaders=host;x-amz-date, Signature=00"
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, {signature}"}


@dataclass(frozen=True)
class Figures:
    """Microseconds of CPU a request, by what was asked, and the seconds from start to first answer."""

    microseconds: dict[str, float]
    start_seconds: float


class Session:
    """Clients of one emulator."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession, clients: int, count: int) -> None:
        self._emulator = emulator
        self._session = session
        self._clients = clients
        self._count = count

    async def first_answer(self) -> None:
        """Ask until somebody answers."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                async with self._session.get(self._emulator.url):
                    return
            except aiohttp.ClientConnectionError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.005)

    async def send(self, request: Signed) -> bytes:
        """One request. Raises RuntimeError when it is refused."""
        async with self._session.request(
            request.method,
            self._emulator.url + request.path,
            headers=dict(request.headers),
            data=request.body,
            skip_auto_headers=("Content-Type",),
        ) as answer:
            body = await answer.read()
            if answer.status not in (200, 204):
                raise RuntimeError(f"{self._emulator.name}: {request.method} {request.path}: {answer.status} {body!r}")
            return body

    async def many(self, make: Callable[[int], Signed], count: int) -> None:
        """Requests from all clients, each waiting for its answer before it sends the next."""
        numbers: Iterator[int] = iter(range(count))

        async def client() -> None:
            for number in numbers:
                await self.send(make(number))

        await asyncio.gather(*(client() for _ in range(self._clients)))

    async def measured(self, make: Callable[[int], Signed]) -> float:
        """Microseconds of the server's CPU time a request."""
        await self.many(make, WARM_UP)
        before = cpu_seconds(self._emulator.pid)
        await self.many(make, self._count)
        return (cpu_seconds(self._emulator.pid) - before) / self._count * 1e6

    async def all(self) -> dict[str, float]:
        """Every figure."""
        emulator, found = self._emulator, dict[str, float]()
        await self.send(emulator.object("PUT"))
        for number in range(LISTED):
            await self.send(emulator.object("PUT", f"listed/{number:03}", body=b"x"))
        for _ in range(FEW):
            body = await self.send(emulator.create_network())
        name = _identifier(body)
        found[f"describe {FEW} networks"] = await self.measured(lambda number: emulator.describe_networks(""))
        found["create network"] = await self.measured(lambda number: emulator.create_network())
        found["describe one network of many"] = await self.measured(lambda number: emulator.describe_networks(name))
        query = "list-type=2&prefix=listed/"
        found[f"list {LISTED} objects"] = await self.measured(lambda number: emulator.object("GET", query=query))
        found["put object"] = await self.measured(lambda number: emulator.object("PUT", f"{number}", body=BODY))
        found["get object"] = await self.measured(lambda number: emulator.object("GET", f"{number % WARM_UP}"))
        return found


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(emulator: Emulator, clients: int, count: int) -> Figures:
    """Start an emulator, measure it, end it."""
    connector = aiohttp.TCPConnector(limit=clients, ssl=False)
    async with aiohttp.ClientSession(connector=connector) as session:
        used = Session(emulator, session, clients, count)
        begun = time.monotonic()
        await asyncio.to_thread(emulator.start)
        try:
            await used.first_answer()
            started = time.monotonic() - begun
            return Figures(await used.all(), started)
        finally:
            await asyncio.to_thread(emulator.stop)


def _identifier(body: bytes) -> str:
    """The network's id in an answer of either emulator."""
    found = re.search(rb"vpc-[0-9a-z]{8,}", body)
    if found is None:
        raise RuntimeError(f"no network in the answer {body[:500]!r}")
    return found[0].decode()


@contextmanager
def temporary_state() -> Iterator[Path]:
    """A folder that is removed after."""
    state = Path(tempfile.mkdtemp(prefix="sandbox-speed-"))
    try:
        yield state
    finally:
        shutil.rmtree(state, ignore_errors=True)


def main(arguments: Sequence[str]) -> int:
    """Run the command; 0 when every ratio is under 1 and the start under a second, 1 else."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.emulator", description="CPU a request beside moto's.")
    parser.add_argument("--clients", type=int, default=8, help="clients at once (default: %(default)s)")
    parser.add_argument("--requests", type=int, default=500, help="requests a figure (default: %(default)s)")
    parser.add_argument("--moto-python", default=sys.executable, help="interpreter that has moto (default: this one)")
    options = parser.parse_args(arguments)
    probe = subprocess.run([options.moto_python, "-c", "import moto.server"], capture_output=True, check=False)
    if probe.returncode:
        print("error: moto is missing; pip install -r benchmarks/requirements.txt", file=sys.stderr)
        return 1
    with temporary_state() as state:
        once = SimulatedCloud(state / "once")  # so that Python has compiled the sources, as pip did for moto
        once.start()
        once.stop()
        ours = asyncio.run(measure(Ours(state / "measured"), options.clients, options.requests))
    theirs = asyncio.run(measure(Moto(options.moto_python), options.clients, options.requests))
    print(f"{'microseconds of CPU a request':<34} {'sandbox':>9} {'moto':>9} {'ratio':>7}")
    for name, value in ours.microseconds.items():
        print(f"{name:<34} {value:>9.0f} {theirs.microseconds[name]:>9.0f} {value / theirs.microseconds[name]:>7.2f}")
    start, other = ours.start_seconds, theirs.start_seconds
    print(f"{'seconds from start to first answer':<34} {start:>9.2f} {other:>9.2f} {start / other:>7.2f}")
    slower = [name for name, value in ours.microseconds.items() if value > theirs.microseconds[name]]
    return 1 if slower or start > START_GOAL_SECONDS else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
