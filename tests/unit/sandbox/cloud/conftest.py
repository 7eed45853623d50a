"""An emulated cloud in memory, with clusters that are simulated, and clients that sign as the official SDKs do.

The clients' signatures are written from the published descriptions, independently of the server's.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import itertools
import json
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from benchmarks.in_process_cloud import SimulatedCloud, serve_simulated_cloud
from sandbox.addresses import Addresses
from sandbox.cloud.assembly import Cloud, CloudOptions, assemble
from sandbox.cloud.core.calls import CallLog
from sandbox.cloud.core.clock import ManualClock
from sandbox.cloud.core.store import Store
from sandbox.cloud.core.wire import Request
from sandbox.cloud.cs.backend import SimulatedBackend
from sandbox.settings import SandboxSettings

NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
VERSIONS = {
    "Vpc": "2016-04-28",
    "Ecs": "2014-05-26",
    "Slb": "2014-05-15",
    "Alidns": "2015-01-09",
    "Ram": "2015-05-01",
    "Sts": "2015-04-01",
    "Kms": "2016-01-20",
    "Location": "2015-06-12",
    "BssOpenApi": "2017-12-14",
}
_nonces = itertools.count()


def quote(text: str) -> str:
    return urllib.parse.quote(text, safe="~")


@dataclass(frozen=True)
class Reply:
    """An answer, read as JSON where it is that."""

    status: int
    text: str

    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        document = self.json()
        return str(document.get("Code") or document.get("code") or "")


@dataclass
class RpcClient:
    """Signs RPC calls with signature version 1, as POST with a form body."""

    cloud: Cloud
    access_key_id: str
    access_key_secret: str
    security_token: str = ""
    region: str = "cn-hangzhou"
    clock: ManualClock | None = None

    def __call__(self, service: str, action: str, **parameters: Any) -> dict[str, Any]:
        reply = self.send(service, action, **parameters)
        assert reply.status == 200, reply.text
        return dict(reply.json())

    def send(self, service: str, action: str, **parameters: Any) -> Reply:
        names = {key.replace("__", "."): str(value) for key, value in parameters.items()}
        return self.post(self.signed(service, action, names))

    def signed(self, service: str, action: str, parameters: Mapping[str, str]) -> dict[str, str]:
        moment = self.clock.now() if self.clock is not None else NOW
        values = {
            "AccessKeyId": self.access_key_id,
            "Action": action,
            "Format": "JSON",
            "RegionId": self.region,
            "SignatureMethod": "HMAC-SHA1",
            "SignatureNonce": str(next(_nonces)),
            "SignatureVersion": "1.0",
            "Timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Version": VERSIONS.get(service, service),
            **parameters,
        }
        if self.security_token:
            values["SecurityToken"] = self.security_token
        canonical = "&".join(f"{quote(name)}={quote(values[name])}" for name in sorted(values))
        text = "POST&%2F&" + quote(canonical)
        digest = hmac.new((self.access_key_secret + "&").encode(), text.encode(), hashlib.sha1).digest()
        return values | {"Signature": base64.b64encode(digest).decode()}

    def post(self, values: Mapping[str, str]) -> Reply:
        body = urllib.parse.urlencode(values).encode()
        headers = {"content-type": "application/x-www-form-urlencoded", "host": "127.0.0.1"}
        response = self.cloud.dispatcher.handle(Request("POST", "/", "/", (), headers, body, "127.0.0.1"))
        return Reply(response.status, response.body.decode())


@dataclass
class RoaClient:
    """Signs ROA calls with ACS3-HMAC-SHA256, as the container service's SDK does."""

    cloud: Cloud
    access_key_id: str
    access_key_secret: str
    region: str = "cn-hangzhou"

    def __call__(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        reply = self.send(method, path, body, **query)
        assert reply.status in (200, 204), reply.text
        return reply.json() if reply.text else None

    def send(self, method: str, path: str, body: Any = None, **query: str) -> Reply:
        content = b"" if body is None else json.dumps(body).encode()
        digest = hashlib.sha256(content).hexdigest()
        headers = {
            "host": "cs.cn-hangzhou.aliyuncs.com",
            "x-acs-version": "2015-12-15",
            "x-acs-action": "Any",
            "x-acs-date": NOW.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": str(next(_nonces)),
            "x-acs-content-sha256": digest,
            "x-acs-region-id": self.region,
            "content-type": "application/json; charset=utf-8",
        }
        pairs = sorted(query.items())
        canonical_query = "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs)
        names = sorted(name for name in headers if name.startswith("x-acs-") or name in ("host", "content-type"))
        lines = "".join(f"{name}:{headers[name]}\n" for name in names)
        canonical = f"{method}\n{path}\n{canonical_query}\n{lines}\n{';'.join(names)}\n{digest}"
        text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
        signature = hmac.new(self.access_key_secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        headers["authorization"] = (
            f"ACS3-HMAC-SHA256 Credential={self.access_key_id},SignedHeaders={';'.join(names)},Signature={signature}"
        )
        target = path + ("?" + canonical_query if canonical_query else "")
        request = Request(method, target, path, tuple(pairs), headers, content, headers["host"])
        response = self.cloud.dispatcher.handle(request)
        return Reply(response.status, response.body.decode())


@dataclass
class World:
    """A cloud with its clock, its simulated clusters and signed clients of its root key."""

    cloud: Cloud
    clock: ManualClock
    backends: dict[str, SimulatedBackend] = field(default_factory=dict)

    @property
    def rpc(self) -> RpcClient:
        root = self.cloud.context.accounts.root
        return RpcClient(self.cloud, root.access_key_id, root.access_key_secret)

    @property
    def roa(self) -> RoaClient:
        root = self.cloud.context.accounts.root
        return RoaClient(self.cloud, root.access_key_id, root.access_key_secret)

    def settle(self, region: str = "cn-hangzhou") -> None:
        """Wait for what a region's thread has been given so far."""
        self.cloud.operations.submit(region, "nothing", lambda: None).result(timeout=20)

    def network(self) -> tuple[str, str]:
        """A network with one switch."""
        vpc = self.rpc("Vpc", "CreateVpc", CidrBlock="10.0.0.0/8", VpcName="main")["VpcId"]
        vswitch = self.rpc("Vpc", "CreateVSwitch", VpcId=vpc, ZoneId="cn-hangzhou-h", CidrBlock="10.1.0.0/16")
        return vpc, vswitch["VSwitchId"]

    def cluster(self, **fields: Any) -> tuple[str, str]:
        """A running cluster and its switch."""
        _, vswitch = self.network()
        body = {
            "name": "platform",
            "region_id": "cn-hangzhou",
            "cluster_type": "ManagedKubernetes",
            "vswitch_ids": [vswitch],
            **fields,
        }
        cluster = self.roa("POST", "/clusters", body)["cluster_id"]
        self.settle()
        return cluster, vswitch


def make_world(store: Store, clock: ManualClock, backends: dict[str, SimulatedBackend] | None = None) -> World:
    """A cloud over a store; the same `backends` again are clusters that survived the emulator."""
    kept = {} if backends is None else backends

    def factory(region: str, slot: int) -> SimulatedBackend:
        return kept.setdefault(region, SimulatedBackend(region, slot))

    settings = SandboxSettings("test", Addresses(4), Path("/nonexistent"), Path("/nonexistent"))
    options = CloudOptions(
        endpoint="172.30.64.1", authority=Path("/nonexistent"), simulated=True, lines={"10.9.0.0/16": "oversea"}
    )
    machine_clock = ManualClock(NOW)
    cloud = assemble(settings, store, clock, CallLog(None), factory, options, machine_clock)
    return World(cloud, clock, kept)


@pytest.fixture
def world() -> Iterator[World]:
    made = make_world(Store(None), ManualClock(NOW))
    made.cloud.start()
    yield made
    made.cloud.stop()


@pytest.fixture
def restart(tmp_path: Path) -> Iterator[Any]:
    """Makes a cloud over one file; calling it again ends the one before and makes another over the same file."""
    current: list[World] = []
    backends: dict[str, SimulatedBackend] = {}

    def make() -> World:
        if current:
            current.pop().cloud.stop()
        made = make_world(Store(tmp_path / "cloud.sqlite"), ManualClock(NOW), backends)
        made.cloud.start()
        current.append(made)
        return made

    yield make
    for left in current:
        left.cloud.stop()


@pytest.fixture
def served_cloud(tmp_path: Path) -> Iterator[SimulatedCloud]:
    """A whole cloud with object storage behind a real socket, for the official SDKs."""
    with serve_simulated_cloud(tmp_path) as running:
        yield running
