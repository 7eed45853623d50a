"""The process: `python -m sandbox.region.network_policy`, one a region, beside its control plane."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path

from sandbox.region.network_policy.announcement import AnnouncementServer
from sandbox.region.network_policy.controller import Controller, dns_fixture
from sandbox.region.network_policy.enforcement import Enforcer
from sandbox.region.network_policy.state import RegionState
from sandbox.region.network_policy.watch import ApiServer


def report(line: str) -> None:
    """A line of the log."""
    print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f} {line}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--server", required=True, help="the API server's address, https://ADDRESS:PORT")
    parser.add_argument("--authority", required=True, help="file of the certificate that signed the server's")
    parser.add_argument("--certificate", required=True, help="file of our own certificate")
    parser.add_argument("--key", required=True, help="file of its key")
    parser.add_argument("--dns", required=True, type=IPv4Address, help="the address of the region's DNS server")
    parser.add_argument("--namespaces", required=True, type=Path, help="directory of the pinned network namespaces")
    parser.add_argument("--prefix", required=True, help="what a node's namespace has before the node's name")
    parser.add_argument("--socket", required=True, type=Path, help="where nodes announce pods")
    given = parser.parse_args(arguments)
    state = RegionState(given.socket.with_name("announcements.json"), (dns_fixture(given.dns),))
    server = ApiServer(given.server, given.authority, given.certificate, given.key)
    controller = Controller(server, state, Enforcer(given.namespaces, given.prefix), report)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: controller.stop())
    given.socket.parent.mkdir(parents=True, exist_ok=True)
    announcements = AnnouncementServer(given.socket, controller.admit)
    controller.run()
    announcements.close()


if __name__ == "__main__":
    main()
