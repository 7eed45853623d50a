"""The proxy leads the cloud's host names to the cloud, and nothing anywhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest

from sandbox.cloud import forward_proxy
from sandbox.cloud.forward_proxy import ForwardProxy


@pytest.fixture
async def proxy() -> AsyncIterator[ForwardProxy]:
    """In front of a server that answers each line in capitals."""

    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
        writer.close()

    target = await asyncio.start_server(shout, "127.0.0.1", 0)
    made = ForwardProxy()
    await made.start("127.0.0.1", 0, ("127.0.0.1", int(target.sockets[0].getsockname()[1])))
    yield made
    await made.stop()
    target.close()


async def ask(proxy: ForwardProxy, head: str, *, line: str = "") -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(f"{head}\r\nHost: any\r\n\r\n{line}".encode())
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer.decode()


async def test_a_host_name_of_the_cloud_is_led_to_it(proxy: ForwardProxy) -> None:
    name = "project.cn-hangzhou.log.aliyuncs.com:443"
    answer = await ask(proxy, f"CONNECT {name} HTTP/1.1", line="hello\n")
    assert answer.startswith("HTTP/1.1 200 ")
    assert answer.endswith("\r\n\r\nHELLO\n")


@pytest.mark.parametrize(
    "name", ["example.com:443", "aliyuncs.com.example.com:443", "cn-hangzhou.log.aliyuncs.com:22", "127.0.0.1:1"]
)
async def test_nothing_else_is_reached(proxy: ForwardProxy, name: str) -> None:
    assert (await ask(proxy, f"CONNECT {name} HTTP/1.1")).startswith("HTTP/1.1 403 ")


async def test_other_requests_are_refused(proxy: ForwardProxy) -> None:
    assert (await ask(proxy, "GET http://project.log.aliyuncs.com/ HTTP/1.1")).startswith("HTTP/1.1 405 ")


async def test_another_machine_is_refused(proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pod that came through it would look like the machine, which alone may control the sandbox."""
    monkeypatch.setattr(forward_proxy, "_is_from_this_machine", lambda writer: False)
    answer = await ask(proxy, "CONNECT cn-hangzhou.log.aliyuncs.com:443 HTTP/1.1")
    assert answer.startswith("HTTP/1.1 403 ")


@pytest.mark.parametrize(
    ("peer", "own", "expected"),
    [
        ("172.30.0.1", "172.30.0.1", True),
        ("127.0.0.1", "172.30.0.1", True),
        ("172.30.1.10", "172.30.0.1", False),
        ("10.244.0.7", "172.30.0.1", False),
    ],
)
def test_nodes_and_pods_are_told_from_the_machine(peer: str, own: str, expected: bool) -> None:
    writer = SimpleNamespace(get_extra_info={"peername": (peer, 1), "sockname": (own, 2)}.get)
    assert forward_proxy._is_from_this_machine(writer) is expected  # type: ignore[arg-type]
