"""A real API server without nodes on loopback: etcd and kube-apiserver in a temporary folder, ended by pid.

Nothing here needs root or a sandbox. Controllers and kubelets are missing, so tests play them where they matter.
"""

from __future__ import annotations

import base64
import datetime
import ipaddress
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from pulumi.runtime.proto import provider_pb2

from sandbox.errors import SandboxError
from sandbox.pulumi.kubernetes.client import Client
from sandbox.pulumi.kubernetes.kubeconfig import select
from sandbox.pulumi.kubernetes.provider import KubernetesProvider
from sandbox.pulumi.kubernetes.values import decode, encode
from sandbox.toolchain import binary

START_SECONDS = 90.0


def tool(name: str) -> Path:
    """The sandbox's program; skips the tests where it was never obtained."""
    try:
        return binary(name)
    except SandboxError as error:
        pytest.skip(str(error))


def wait_until(check: Callable[[], bool], seconds: float, what: str) -> None:
    """Return once the check holds; fail with `what` after the time."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, f"{what}: not after {seconds} s"
        pause.wait(0.1)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Keys:
    """A certificate authority, and certificates of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.certificate = self._sign("authority", "", self.key, self.key)
        (folder / "authority.pem").write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, group: str) -> tuple[Path, Path]:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        certificate = self._sign(name, group, key, self.key)
        paths = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return paths

    def _sign(self, name: str, group: str, key: rsa.RSAPrivateKey, signer: rsa.RSAPrivateKey) -> x509.Certificate:
        rows = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
        if group:
            rows.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(rows))
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=key is signer, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName(
                    [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
                ),
                critical=False,
            )
        )
        return builder.sign(signer, hashes.SHA256())


@dataclass(frozen=True)
class ApiServer:
    """Where it listens and how to get in."""

    kubeconfig: str
    client: Client


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    folder = tmp_path_factory.mktemp("api-server")
    keys = Keys(folder)
    server, accounts, admin = (
        keys.issue("server", ""),
        keys.issue("accounts", ""),
        keys.issue("admin", "system:masters"),
    )
    port, etcd_port, peer_port = free_port(), free_port(), free_port()
    etcd = f"http://127.0.0.1:{etcd_port}"
    peer = f"http://127.0.0.1:{peer_port}"
    processes = []
    try:
        with (folder / "log").open("w") as log:
            processes.append(
                subprocess.Popen(
                    [
                        *(str(tool("etcd")), "--data-dir", str(folder / "etcd"), "--unsafe-no-fsync"),
                        *("--listen-client-urls", etcd, "--advertise-client-urls", etcd),
                        *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
                        *("--initial-cluster", f"default={peer}"),
                    ],
                    stdout=log,
                    stderr=log,
                )
            )
            processes.append(
                subprocess.Popen(
                    [
                        str(tool("kube-apiserver")),
                        *(f"--etcd-servers={etcd}", f"--secure-port={port}", "--bind-address=127.0.0.1"),
                        *("--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.98.0.0/16"),
                        f"--client-ca-file={folder / 'authority.pem'}",
                        *(f"--tls-cert-file={server[0]}", f"--tls-private-key-file={server[1]}"),
                        *(f"--service-account-key-file={accounts[1]}", "--service-account-issuer=https://test.invalid"),
                        f"--service-account-signing-key-file={accounts[1]}",
                        *("--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount"),
                    ],
                    stdout=log,
                    stderr=log,
                )
            )
        text = kubeconfig(f"https://127.0.0.1:{port}", folder / "authority.pem", *admin)
        client = Client(select(yaml.safe_load(text), None, None))
        wait_until(lambda: _is_ready(port, folder), START_SECONDS, f"the API server is ready (its log: {folder}/log)")
        yield ApiServer(text, client)
        client.close()
    finally:
        # The API server first, and not gently: it would wait for connections, and its data is thrown away.
        for process in reversed(processes):
            process.kill()
            process.wait(20)


def kubeconfig(server: str, authority: Path, certificate: Path, key: Path) -> str:
    encoded = [base64.b64encode(path.read_bytes()).decode() for path in (authority, certificate, key)]
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
            "clusters": [{"name": "test", "cluster": {"server": server, "certificate-authority-data": encoded[0]}}],
            "users": [
                {"name": "admin", "user": {"client-certificate-data": encoded[1], "client-key-data": encoded[2]}}
            ],
        }
    )


def _is_ready(port: int, folder: Path) -> bool:
    content = yaml.safe_load(
        kubeconfig(f"https://127.0.0.1:{port}", folder / "authority.pem", folder / "admin.pem", folder / "admin.key")
    )
    try:
        answer = httpx.get(
            f"https://127.0.0.1:{port}/readyz", verify=select(content, None, None).tls(), timeout=2.0, trust_env=False
        )
    except httpx.TransportError:
        return False
    return answer.status_code == 200


@pytest.fixture
def namespace(api_server: ApiServer) -> str:
    """An own namespace; it is left there, since no controller would empty it."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    as_manager(api_server, "test", f"/api/v1/namespaces/{name}", body)
    return name


class Refused(Exception):  # noqa: N818 - what the engine sees, not an error of the test
    """The status that a call of the provider ended with."""

    def __init__(self, code: grpc.StatusCode, message: str, trailing: dict[str, Any]) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.trailing = trailing


class Context:
    """What gRPC gives a method, as far as the provider uses it."""

    def __init__(self) -> None:
        self.trailing: dict[str, Any] = {}

    def set_trailing_metadata(self, rows: tuple[tuple[str, Any], ...]) -> None:
        self.trailing = dict(rows)

    def abort(self, code: grpc.StatusCode, message: str) -> None:
        raise Refused(code, message, self.trailing)


class Engine:
    """Plays the engine: keeps what the state would, calls the provider in process."""

    def __init__(self, provider: KubernetesProvider, namespace: str) -> None:
        self.provider = provider
        self.namespace = namespace

    def check(self, token: str, inputs: dict[str, Any], old: dict[str, Any] | None = None, name: str = "web") -> Any:
        request = provider_pb2.CheckRequest(
            urn=f"urn:pulumi:qa::p::{token}::{name}",
            olds=encode(old or {}),
            news=encode(inputs),
            randomSeed=b"seed",
            name=name,
            type=token,
        )
        return self.provider.Check(request, Context())

    def inputs(self, token: str, inputs: dict[str, Any], old: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = self.check(token, inputs, old)
        assert not answer.failures
        return decode(answer.inputs)

    def create(
        self, token: str, inputs: dict[str, Any], *, preview: bool = False, timeout: float = 0
    ) -> tuple[str, dict[str, Any]]:
        request = provider_pb2.CreateRequest(
            urn=f"urn:pulumi:qa::p::{token}::web",
            properties=encode(inputs),
            timeout=timeout,
            preview=preview,
            name="web",
            type=token,
        )
        answer = self.provider.Create(request, Context())
        return answer.id, decode(answer.properties)

    def diff(
        self,
        token: str,
        resource_id: str,
        old: dict[str, Any],
        new: dict[str, Any],
        old_outputs: dict[str, Any] | None = None,
    ) -> Any:
        request = provider_pb2.DiffRequest(
            id=resource_id,
            urn=f"urn:pulumi:qa::p::{token}::web",
            olds=encode(old_outputs or old),
            old_inputs=encode(old),
            news=encode(new),
            name="web",
            type=token,
        )
        return self.provider.Diff(request, Context())

    def update(
        self,
        token: str,
        resource_id: str,
        old: dict[str, Any],
        new: dict[str, Any],
        *,
        preview: bool = False,
        ignored: tuple[str, ...] = (),
        timeout: float = 0,
    ) -> dict[str, Any]:
        request = provider_pb2.UpdateRequest(
            id=resource_id,
            urn=f"urn:pulumi:qa::p::{token}::web",
            olds=encode(old),
            old_inputs=encode(old),
            news=encode(new),
            preview=preview,
            ignoreChanges=list(ignored),
            timeout=timeout,
            name="web",
            type=token,
        )
        return decode(self.provider.Update(request, Context()).properties)

    def read(
        self, token: str, resource_id: str, inputs: dict[str, Any] | None = None, old: dict[str, Any] | None = None
    ) -> Any:
        request = provider_pb2.ReadRequest(
            id=resource_id,
            urn=f"urn:pulumi:qa::p::{token}::web",
            properties=encode(old or {}),
            inputs=encode(inputs or {}),
            name="web",
            type=token,
        )
        return self.provider.Read(request, Context())

    def delete(self, token: str, resource_id: str, inputs: dict[str, Any], timeout: float = 10) -> None:
        request = provider_pb2.DeleteRequest(
            id=resource_id,
            urn=f"urn:pulumi:qa::p::{token}::web",
            properties=encode(inputs),
            old_inputs=encode(inputs),
            timeout=timeout,
            name="web",
            type=token,
        )
        self.provider.Delete(request, Context())


@pytest.fixture
def engine(api_server: ApiServer, namespace: str) -> Iterator[Engine]:
    provider = KubernetesProvider("4.34.2", "127.0.0.1:1")
    arguments = {"kubeconfig": api_server.kubeconfig, "namespace": namespace}
    provider.Configure(provider_pb2.ConfigureRequest(args=encode(arguments)), Context())
    yield Engine(provider, namespace)
    provider.close()


def as_manager(api_server: ApiServer, manager: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """What another field manager applies."""
    return api_server.client.request(
        "PATCH", path, {"fieldManager": manager, "force": "true"}, body, "application/apply-patch+yaml"
    )


def set_status(api_server: ApiServer, path: str, status: dict[str, Any]) -> None:
    """What a controller writes."""
    api_server.client.request("PATCH", f"{path}/status", {}, {"status": status}, "application/merge-patch+json")


@pytest.fixture
def play(api_server: ApiServer) -> Callable[..., Any]:
    """The API server's client, `as_manager` and `set_status`, for tests that play another party."""

    class Play:
        client = api_server.client

        @staticmethod
        def manager(manager: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
            return as_manager(api_server, manager, path, body)

        @staticmethod
        def status(path: str, status: dict[str, Any]) -> None:
            set_status(api_server, path, status)

    return Play  # type: ignore[return-value]
