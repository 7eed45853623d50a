"""The real Alibaba Cloud Terraform provider (behind the bridge), and an emulator of its own for it on loopback.

The emulator runs as its own process with simulated clusters, so neither root nor regions are needed; real regions are
covered by other modules.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import grpc
from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from sandbox import toolchain

PRODUCTS = ("VPC", "ECS", "SLB", "CS", "ALIDNS", "RAM", "STS", "OSS", "LOCATION", "BSSOPENAPI")
START_SECONDS = 30
CALL_SECONDS = 150
OPERATION_SECONDS = 120
"""For which the provider tries, so that it says why it gave up before the call itself ends."""
MEBIBYTE = 1024 * 1024
CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", 400 * MEBIBYTE),
    # The engine takes headers up to 16 MiB; Python's own limit of 8 KiB is less than a whole error of the provider has.
    ("grpc.max_metadata_size", 16 * MEBIBYTE),
    ("grpc.absolute_max_metadata_size", 16 * MEBIBYTE),
]
Properties = dict[str, Any]
Result = TypeVar("Result")


class EmulatorProcess:
    """`python -m sandbox.cloud` on loopback, with a state of its own."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.cache = folder / "cache"
        self._process: subprocess.Popen[str] | None = None
        self.endpoint = ""
        self.proxy = ""

    def start(self) -> None:
        environment = {
            **os.environ,
            "SANDBOX_STATE": str(self.state),
            "SANDBOX_INDEX": "4",
            "LANGUAGE_MODEL_CLUSTERS_CACHE": str(self.cache),
        }
        command = [sys.executable, "-m", "sandbox.cloud", "--simulated", "--address", "127.0.0.1"]
        ports = [self.endpoint.rpartition(":")[2] or "0", "0", self.proxy.rpartition(":")[2] or "0"]
        for option, port in zip(("--port", "--dns-port", "--proxy-port"), ports, strict=True):
            command += [option, port]
        self._process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("listening on https://"), line
        self.endpoint = line.split("https://")[1].split(",")[0]
        self.proxy = f"http://127.0.0.1:{line.rsplit(' ', 1)[1].strip()}"

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(START_SECONDS)
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None

    def credentials(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.state / "credentials.json").read_text())
        return found

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.state / "logs" / "cloud.log").read_text().splitlines()]


@dataclass
class Resource:
    """A resource that the provider manages: what was asked for, and what it became."""

    token: str
    identifier: str
    inputs: Properties
    state: Properties


class Provider:
    """The provider plugin, spoken to in the engine's own protocol."""

    def __init__(self, emulator: EmulatorProcess, secret: str = "", region: str = "cn-hangzhou") -> None:
        credentials = emulator.credentials()
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        environment |= {f"{product}_ENDPOINT": emulator.endpoint for product in PRODUCTS}
        environment |= {
            "SSL_CERT_FILE": str(emulator.cache / "ca" / "ca.pem"),
            "ALICLOUD_ACCESS_KEY": credentials["access_key_id"],
            "ALICLOUD_SECRET_KEY": secret or credentials["access_key_secret"],
            "ALIBABA_CLOUD_ACCOUNT_ID": credentials["account_id"],
            "HTTPS_PROXY": emulator.proxy,
            "NO_PROXY": f"127.0.0.1,{emulator.endpoint}",
        }
        self._process = subprocess.Popen(
            [str(toolchain.binary("pulumi-resource-alicloud"))],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        port = int(self._process.stdout.readline())
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=CHANNEL_OPTIONS)
        self._stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        variables = {"alicloud:config:region": region}
        request = provider_pb2.ConfigureRequest(variables=variables, args=_struct({"region": region}))
        self._stub.Configure(request, timeout=CALL_SECONDS)

    def close(self) -> None:
        self._channel.close()
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def invoke(self, token: str, **arguments: Any) -> Properties:
        request = provider_pb2.InvokeRequest(tok=token, args=_struct(arguments))
        response = self._stub.Invoke(request, timeout=CALL_SECONDS)
        assert not response.failures
        return _dictionary(getattr(response, "return"))

    def create(self, token: str, inputs: Properties) -> Resource:
        checked = self._check(token, inputs, {})
        request = provider_pb2.CreateRequest(urn=_urn(token), properties=_struct(checked), timeout=OPERATION_SECONDS)
        made = self._stub.Create(request, timeout=CALL_SECONDS)
        resource = Resource(token, made.id, checked, _dictionary(made.properties))
        self.expect_no_difference(resource)
        return resource

    def update(self, resource: Resource, changes: Properties) -> None:
        """Change inputs in place; the changed ones must be seen as changes, and none as a replacement."""
        wanted = {name: value for name, value in (resource.inputs | changes).items() if name != "__defaults"}
        checked = self._check(resource.token, wanted, resource.inputs)
        difference = self._diff(resource, checked)
        assert set(changes) <= set(difference.diffs)
        assert not difference.replaces
        request = provider_pb2.UpdateRequest(
            id=resource.identifier,
            urn=_urn(resource.token),
            olds=_struct(resource.state),
            news=_struct(checked),
            old_inputs=_struct(resource.inputs),
            timeout=OPERATION_SECONDS,
        )
        updated = self._stub.Update(request, timeout=CALL_SECONDS)
        resource.inputs, resource.state = checked, _dictionary(updated.properties)
        self.expect_no_difference(resource)

    def expect_no_difference(self, resource: Resource) -> None:
        """After a read, nothing may differ from what was asked for."""
        found = self.read(resource.token, resource.identifier, resource.state, resource.inputs)
        assert found is not None
        resource.state = found
        difference = self._diff(resource, resource.inputs)
        assert difference.changes == provider_pb2.DiffResponse.DIFF_NONE, list(difference.detailedDiff)

    def read(
        self, token: str, identifier: str, state: Properties | None = None, inputs: Properties | None = None
    ) -> Properties | None:
        """What there is under an identifier; with the identifier alone, as `pulumi import` reads."""
        request = provider_pb2.ReadRequest(
            id=identifier, urn=_urn(token), properties=_struct(state or {}), inputs=_struct(inputs or {})
        )
        response = self._stub.Read(request, timeout=CALL_SECONDS)
        return _dictionary(response.properties) if response.id else None

    def delete(self, resource: Resource) -> None:
        request = provider_pb2.DeleteRequest(
            id=resource.identifier,
            urn=_urn(resource.token),
            properties=_struct(resource.state),
            timeout=OPERATION_SECONDS,
        )
        self._stub.Delete(request, timeout=CALL_SECONDS)

    def live(self, token: str, inputs: Properties, changes: Properties, imported: Properties) -> Resource:
        """Create, update, and read by identifier alone, which must give `imported`."""
        resource = self.create(token, inputs)
        self.update(resource, changes)
        found = self.read(token, resource.identifier)
        assert found is not None
        assert imported.items() <= found.items()
        return resource

    def die(self, resource: Resource) -> None:
        """Delete, and be gone for a later read."""
        self.delete(resource)
        assert self.read(resource.token, resource.identifier, resource.state, resource.inputs) is None

    def _check(self, token: str, news: Properties, olds: Properties) -> Properties:
        request = provider_pb2.CheckRequest(
            urn=_urn(token), olds=_struct(olds), news=_struct(news), randomSeed=b"0" * 32
        )
        response = self._stub.Check(request, timeout=CALL_SECONDS)
        assert not response.failures, response.failures
        return _dictionary(response.inputs)

    def _diff(self, resource: Resource, news: Properties) -> provider_pb2.DiffResponse:
        request = provider_pb2.DiffRequest(
            id=resource.identifier,
            urn=_urn(resource.token),
            olds=_struct(resource.state),
            news=_struct(news),
            old_inputs=_struct(resource.inputs),
        )
        return self._stub.Diff(request, timeout=CALL_SECONDS)


def at_once(actions: Iterable[Callable[[], Result]]) -> list[Result]:
    """Make calls beside each other: most of many calls is the provider's fixed wait before its first look."""
    with ThreadPoolExecutor() as callers:
        return [call.result() for call in [callers.submit(action) for action in actions]]


def _urn(token: str) -> str:
    return f"urn:pulumi:test::test::{token}::resource"


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(dict(values), struct_pb2.Struct())


def _dictionary(values: struct_pb2.Struct) -> Properties:
    return dict(json_format.MessageToDict(values))
