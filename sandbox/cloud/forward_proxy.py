"""A forward proxy (HTTP CONNECT) that leads every host name of the cloud to the cloud's own port.

On the host nobody resolves names under aliyuncs.com to the emulator, and the log service puts the project in front of
its endpoint's name. A client on the host that takes a proxy reaches the cloud under its real names without a change to
the machine's resolver. It leads nowhere else, so it opens no way out; and only the machine itself may use it, because
through it a pod would look like the machine, which alone may control the sandbox.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from contextlib import suppress

CLOUD_HOST = re.compile(r"(?:[a-z0-9_-]+\.)+aliyuncs\.com:443", re.IGNORECASE)
REQUEST = re.compile(rb"CONNECT ([^ \r\n]+) HTTP/1\.[01]\r?\n")
LONGEST_HEAD = 16 * 1024
"""Bytes of a request with its headers."""
HEAD_SECONDS = 10.0
CHUNK = 64 * 1024


class ForwardProxy:
    """Serves on one port; `port` tells which."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._target = ("", 0)
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self, address: str, port: int, target: tuple[str, int]) -> None:
        """Bind; `target` is where the cloud listens. With port 0 the system chooses."""
        self._target = target
        self._server = await asyncio.start_server(self._serve, address, port, limit=LONGEST_HEAD)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the port and all that goes through it."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            refusal = await self._answer(reader, writer)
            if refusal:
                writer.write(refusal.encode())
                await writer.drain()
        except (ConnectionError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client has gone, or never said what it wants
        except asyncio.CancelledError:
            pass  # by `stop`; the stream's own callback takes no cancelled task
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        """Connect and carry, until one side ends; the text of an answer where that is refused."""
        async with asyncio.timeout(HEAD_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
        if not _is_from_this_machine(writer):
            return _refusal(403, "Forbidden", "Only the sandbox's own machine may use this proxy.")
        match = REQUEST.match(head)
        if match is None:
            return _refusal(405, "Method Not Allowed", "This proxy takes CONNECT only.")
        wanted = match[1].decode("ascii", "replace")
        if CLOUD_HOST.fullmatch(wanted) is None and wanted != f"{self._target[0]}:{self._target[1]}":
            return _refusal(403, "Forbidden", f"{wanted} is not a host of the cloud; this proxy leads nowhere else.")
        there, back = await asyncio.open_connection(*self._target)
        try:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await writer.drain()
            await asyncio.gather(_carry(reader, back), _carry(there, writer))
        finally:
            back.close()
        return ""


def _is_from_this_machine(writer: asyncio.StreamWriter) -> bool:
    """Whether the client has the proxy's own address or a loopback one, which no pod or node of a region has."""
    peer, own = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
    return bool(peer and own and (peer[0] == own[0] or ipaddress.ip_address(peer[0]).is_loopback))


async def _carry(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await source.read(CHUNK):
            to.write(data)
            await to.drain()
    with suppress(ConnectionError, OSError, RuntimeError):
        to.write_eof() if to.can_write_eof() else to.close()


def _refusal(status: int, reason: str, text: str) -> str:
    return f"HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\n\r\n{text}"
