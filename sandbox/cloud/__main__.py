"""`python -m sandbox.cloud`: run the emulated cloud until it is told to end."""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import os
import signal
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sandbox import replacement
from sandbox.certificates import certificate_authority, server_certificate
from sandbox.cloud.assembly import Cloud, CloudOptions, assemble
from sandbox.cloud.core.calls import CallLog
from sandbox.cloud.core.clock import CloudClock
from sandbox.cloud.core.store import Store
from sandbox.cloud.core.throttling import DEFAULT_CALLS_PER_MINUTE
from sandbox.cloud.cs.backend import BackendFactory, ClusterBackend, SimulatedBackend
from sandbox.cloud.cs.node_limits import checked_real_nodes, real_nodes_for
from sandbox.cloud.forward_proxy import ForwardProxy
from sandbox.cloud.oss.service import ObjectStorage
from sandbox.cloud.server import CloudServer
from sandbox.errors import SandboxError
from sandbox.locking import exclusive
from sandbox.ports import CloudPorts
from sandbox.settings import SandboxSettings

HTTPS_PORT = 443
REAL_NODES_VARIABLE = "SANDBOX_MAXIMUM_NODES"
LIFECYCLE_INTERVAL = datetime.timedelta(days=1)
"""Object storage carries its lifecycle rules out once a day."""
REPLICATION_INTERVAL = datetime.timedelta(hours=1)
"""Steps in which objects are replicated while the clock is moved; else it happens within seconds."""

LOG_INTERVAL = datetime.timedelta(hours=1)
"""Buckets' access logs are delivered once an hour."""


@dataclass(frozen=True)
class Arguments:
    """The command line."""

    address: str | None
    port: int | None
    dns_port: int | None
    proxy_port: int | None
    simulated: bool
    maximum_nodes: int | None
    calls_per_minute: int


def parse(arguments: Sequence[str]) -> Arguments:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.cloud",
        description="Serve the emulated Alibaba Cloud: HTTPS for every service, and DNS.",
    )
    parser.add_argument("--address", help="where to listen (default: the sandbox's cloud address, which is made)")
    parser.add_argument("--port", type=int, help="HTTPS port (default: the sandbox's); 0 lets the system choose")
    parser.add_argument("--dns-port", type=int, help="DNS port, UDP and TCP (default: the sandbox's); 0 as above")
    parser.add_argument(
        "--proxy-port",
        type=int,
        help="port of the proxy that leads the cloud's host names to it (default: the sandbox's, or 0 with --port 0)",
    )
    parser.add_argument(
        "--simulated", action="store_true", help="clusters and nodes exist in memory only; needs no root"
    )
    parser.add_argument(
        "--maximum-nodes",
        type=int,
        help=f"real nodes a region may have (default: ${REAL_NODES_VARIABLE}, or one a 3 GiB of memory, 4 to 16)",
    )
    parser.add_argument(
        "--calls-per-minute",
        type=int,
        default=DEFAULT_CALLS_PER_MINUTE,
        help="how often a caller may call one action before it is throttled (default: %(default)s)",
    )
    found = parser.parse_args(arguments)
    proxy_port = 0 if found.proxy_port is None and found.port == 0 else found.proxy_port
    return Arguments(
        address=found.address,
        port=found.port,
        dns_port=found.dns_port,
        proxy_port=proxy_port,
        simulated=found.simulated,
        maximum_nodes=found.maximum_nodes,
        calls_per_minute=found.calls_per_minute,
    )


def backend_factory(settings: SandboxSettings, *, simulated: bool) -> BackendFactory:
    """Real regions, with root or without, or clusters in memory."""
    if simulated:
        return SimulatedBackend
    # The simulated cloud must run without what a region needs.
    from sandbox.region import open_region  # noqa: PLC0415

    def make(region: str, slot: int) -> ClusterBackend:
        return open_region(region, slot, settings)

    return make


def real_nodes(given: int | None) -> int:
    """How many real nodes a region may have, from the command line, the environment or this machine's memory.

    Raises:
        ValueError: when what is given is no such number.
    """
    if given is not None:
        return checked_real_nodes(given, "--maximum-nodes")
    if REAL_NODES_VARIABLE in os.environ:
        return checked_real_nodes(os.environ[REAL_NODES_VARIABLE], REAL_NODES_VARIABLE)
    return real_nodes_for(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def listening_ports(settings: SandboxSettings, given: Arguments) -> CloudPorts:
    """The sandbox's ports, save those that the command line names."""
    ports = settings.cloud_ports
    return CloudPorts(
        ports.https if given.port is None else given.port,
        ports.dns if given.dns_port is None else given.dns_port,
        ports.proxy if given.proxy_port is None else given.proxy_port,
    )


def read_lines(settings: SandboxSettings) -> dict[str, str]:
    """Networks and their lines from `lines.json` in the state, when there is one."""
    path = settings.state / "lines.json"
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text())
        return {str(network): str(line) for network, line in found.items()}
    except (ValueError, AttributeError) as error:
        raise SandboxError(
            f'{path} must be an object of networks and lines, {{"10.1.0.0/16": "oversea"}}: {error}'
        ) from None


def tls_context(settings: SandboxSettings) -> ssl.SSLContext:
    """The server's certificate, ready for use."""
    certificate, key = server_certificate(settings)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context


def build(settings: SandboxSettings, arguments: Arguments, address: str) -> tuple[Cloud, ObjectStorage]:
    """The cloud and its object storage, over the state on disk."""
    store = Store(settings.state / "cloud.sqlite")
    clock = CloudClock(store)
    port = listening_ports(settings, arguments).https
    endpoint = address if port == HTTPS_PORT else f"{address}:{port}"
    options = CloudOptions(
        endpoint=endpoint,
        authority=certificate_authority(settings.cache).certificate_path,
        maximum_nodes=real_nodes(arguments.maximum_nodes),
        can_have_real_nodes=not settings.rootless,
        simulated=arguments.simulated,
        calls_per_minute=arguments.calls_per_minute,
        lines=read_lines(settings),
        images=settings.state / "registry",
    )
    cloud = assemble(
        settings,
        store,
        clock,
        CallLog(settings.state / "logs" / "cloud.log"),
        backend_factory(settings, simulated=arguments.simulated),
        options,
    )
    objects = ObjectStorage(
        cloud.context.accounts,
        cloud.authorizer,
        settings.state / "objects",
        clock,
        is_cut=partial(cloud.context.is_cut, "OSS"),
    )
    return cloud, objects


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    temporary = path.with_suffix(path.suffix + f".{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    temporary.replace(path)


def write_credentials(settings: SandboxSettings, cloud: Cloud) -> None:
    """The account's root key, for those who call the cloud."""
    root = cloud.context.accounts.root
    document = {
        "account_id": cloud.context.accounts.account_id,
        "access_key_id": root.access_key_id,
        "access_key_secret": root.access_key_secret,
    }
    write_private(settings.state / "credentials.json", json.dumps(document, indent=1) + "\n")


async def serve(settings: SandboxSettings, arguments: Arguments, address: str) -> None:
    """Run until SIGTERM or SIGINT; regions keep running after."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    cloud, objects = build(settings, arguments, address)
    cloud.schedule.every("object lifecycle rules", LIFECYCLE_INTERVAL, objects.apply_lifecycle)
    cloud.schedule.every("object replication", REPLICATION_INTERVAL, objects.replicate)
    cloud.schedule.every("object access logs", LOG_INTERVAL, objects.deliver_logs)
    server, proxy = CloudServer(cloud, objects), ForwardProxy()
    try:
        ports = listening_ports(settings, arguments)
        await server.start(address, ports.https, ports.dns, tls_context(settings))
        await proxy.start(address, ports.proxy, (address, server.port))
        write_credentials(settings, cloud)
        write_private(settings.state / "cloud.pid", f"{os.getpid()}\n")
        cloud.context.log.event("info", "listening", address=address, port=server.port, dns_port=cloud.dns.port)
        beside = f"DNS on port {cloud.dns.port}, proxy on port {proxy.port}"
        print(f"listening on https://{address}:{server.port}, {beside}", flush=True)
        cloud.start()
        running = [
            asyncio.create_task(work)
            for work in (
                cloud.schedule.run_forever(),
                objects.replicate_forever(),
                cloud.prober.run_forever(),
                cloud.log_delivery.run_forever(),
            )
        ]
        await ended.wait()
        for task in running:
            task.cancel()
    finally:
        await proxy.stop()
        await server.stop()
        await asyncio.to_thread(cloud.stop)
        objects.close()
        (settings.state / "cloud.pid").unlink(missing_ok=True)


def main(arguments: Sequence[str]) -> int:
    """Run the command; 0 after a clean end, 1 with one line on standard error when it cannot run."""
    parsed = parse(arguments)
    try:
        settings = SandboxSettings.from_environment()
        settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        address = parsed.address
        if address is None and settings.rootless:
            address = str(settings.cloud_address)
        elif address is None:
            from sandbox.region.network import ensure_cloud_interface  # noqa: PLC0415 (needs root; loopback doesn't)

            ensure_cloud_interface(settings.addresses)
            address = str(settings.addresses.cloud)
        with exclusive(settings.state / "cloud.lock", "serving this sandbox's cloud"):
            replacement.finish(settings)  # of a restore or reset that was interrupted
            asyncio.run(serve(settings, parsed, address))
    except (SandboxError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: the cloud cannot be served: {error}; is its port in use, or root needed?", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
