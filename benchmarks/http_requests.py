"""HTTP requests as bytes, so that they can be wrong in ways that no HTTP library would send."""

from __future__ import annotations

import base64
import http.client
import random
import socket
from dataclasses import dataclass, replace

ANSWER_SECONDS = 20.0
BROKEN_ANSWER_SECONDS = 0.3
"""For what is no whole request: a server may rightly wait for the rest."""

LARGEST_ANSWER = 64 * 1024
ERROR_HEADER = "x-oss-err"
"""Where object storage puts the error's body, encoded, when the answer can have none."""

NO_ANSWER = 0
"""The status noted where the server closed the connection, or said nothing in time."""


@dataclass(frozen=True)
class RawRequest:
    """A request before it is put on the wire. `target` and header values may hold anything."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def encoded(self) -> bytes:
        """The bytes to send, with the length of the body."""
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{name}: {value}" for name, value in self.headers)]
        lines += [f"Content-Length: {len(self.body)}", "Connection: close", "", ""]
        return "\r\n".join(lines).encode("utf-8", "surrogatepass") + self.body


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes


def exchange(address: tuple[str, int], content: bytes, seconds: float = ANSWER_SECONDS) -> Answer:
    """Send bytes on a connection of its own, and read one answer. The server may wait for more: `seconds` ends that."""
    try:
        with socket.create_connection(address, timeout=seconds) as connection:
            connection.sendall(content)
            method = content.split(b" ", 1)[0].decode("latin-1")
            response = http.client.HTTPResponse(connection, method=method)
            response.begin()
            body = response.read(LARGEST_ANSWER) or base64.b64decode(response.getheader(ERROR_HEADER, ""))
            return Answer(response.status, body)
    except (OSError, http.client.HTTPException):
        return Answer(NO_ANSWER, b"")


def with_headers_changed(request: RawRequest, generator: random.Random) -> RawRequest:
    """Drop, repeat, empty or garble one header."""
    if not request.headers:
        return request
    headers = list(request.headers)
    place = generator.randrange(len(headers))
    name, value = headers[place]
    changes: list[list[tuple[str, str]]] = [
        [],
        [(name, value), (name, value)],
        [(name, "")],
        [(name, value[: generator.randrange(len(value) + 1)])],
        [(name, value + generator.choice(["\t", ",", ";", "é", "%00", "=" * 9]))],
        [(name, "x" * 5000)],
        [(name, value[::-1])],
    ]
    headers[place : place + 1] = generator.choice(changes)
    return replace(request, headers=tuple(headers))


def with_body_changed(request: RawRequest, generator: random.Random) -> RawRequest:
    """Cut the body, repeat a part of it, or overwrite some bytes."""
    body = bytearray(request.body)
    if not body:
        return replace(request, body=generator.randbytes(generator.randrange(1, 64)))
    start = generator.randrange(len(body))
    end = min(len(body), start + generator.randrange(1, 16))
    kind = generator.randrange(4)
    if kind == 0:
        del body[start:]
    elif kind == 1:
        body[start:end] = generator.randbytes(end - start)
    elif kind == 2:
        body[start:start] = body[start:end] * generator.randrange(1, 200)
    else:
        del body[start:end]
    return replace(request, body=bytes(body))


def with_target_changed(request: RawRequest, generator: random.Random) -> RawRequest:
    """Put something that does not belong there into the path or query."""
    place = generator.randrange(len(request.target) + 1)
    wrong = generator.choice(
        ["%", "%zz", "%ff", "%00", "..", "//", "?", "&", "=", "#", ";", "+", "%2e%2e%2f", "a" * 3000]
    )
    target = request.target[:place] + wrong + request.target[place:]
    return replace(request, target=target if target.startswith("/") else "/" + target)


def with_bytes_changed(content: bytes, generator: random.Random) -> bytes:
    """Break the framing itself: flipped bytes, a cut, or a line too many."""
    changed = bytearray(content)
    kind = generator.randrange(4)
    if kind == 0:
        for _ in range(generator.randrange(1, 6)):
            changed[generator.randrange(len(changed))] = generator.randrange(256)
    elif kind == 1:
        del changed[generator.randrange(1, len(changed)) :]
    elif kind == 2:
        place = changed.find(b"\r\n") + 2
        lines = [
            b"Transfer-Encoding: chunked\r\n",
            b"Content-Length: -1\r\n",
            b": \r\n",
            b"\x00\r\n",
            b"Expect: 100-continue\r\n",
        ]
        changed[place:place] = generator.choice(lines)
    else:
        changed[0:0] = generator.randbytes(generator.randrange(1, 8))
    return bytes(changed)
