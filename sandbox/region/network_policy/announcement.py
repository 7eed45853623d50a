"""A node's pod network tells of each new pod before its containers start, and waits until its rules hold.

One JSON document a line each way over a Unix socket: `{"namespace", "name", "uid", "address"}`, answered by `{}` or
`{"error"}`. So there is no moment at which a pod runs without its rules.
"""

from __future__ import annotations

import contextlib
import json
import socketserver
import threading
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

LONGEST_LINE = 4096
CONNECTION_SECONDS = 10.0


@dataclass(frozen=True)
class Announcement:
    """A pod that is about to start."""

    namespace: str
    name: str
    identifier: str
    address: IPv4Address


def parse_announcement(line: str) -> Announcement:
    """Raises ValueError when something is missing or is not what it should be."""
    try:
        document = json.loads(line)
        return Announcement(
            str(document["namespace"]), str(document["name"]), str(document["uid"]), IPv4Address(document["address"])
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"an announcement needs namespace, name, uid and address: {error!r}") from error


class AnnouncementServer:
    """Listens on a socket, one thread a caller."""

    def __init__(self, path: Path, admit: Callable[[Announcement], str]) -> None:
        """Listen.

        Args:
            path: of the socket; replaced when it is there.
            admit: returns when the pod's rules hold ("") or with the reason why they do not.
        """

        class Handler(socketserver.StreamRequestHandler):
            timeout = CONNECTION_SECONDS

            def handle(self) -> None:
                with contextlib.suppress(OSError):  # the caller gave up
                    try:
                        answer = admit(parse_announcement(self.rfile.readline(LONGEST_LINE).decode()))
                    except ValueError as error:
                        answer = str(error)
                    self.wfile.write(json.dumps({"error": answer} if answer else {}).encode() + b"\n")

        path.unlink(missing_ok=True)
        self._server = socketserver.ThreadingUnixStreamServer(str(path), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(3600.0,), daemon=True, name="announcements").start()

    def close(self) -> None:
        """Stop listening."""
        self._server.server_close()
