"""Lists, watches, and all the ways in which a connection ends; the API server is a fake, time is real but short."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import Status

from controllers.monitor import informer as module
from controllers.monitor.informer import Informer


def thing(name: str, version: str) -> Any:
    return SimpleNamespace(metadata=SimpleNamespace(name=name, resourceVersion=version))


class Listing:
    def __init__(self, items: list[Any], version: str) -> None:
        self.items, self.resourceVersion = items, version

    async def __aiter__(self) -> AsyncIterator[Any]:
        for item in self.items:
            yield item


class Server:
    """Each list and each watch answers as the next of the script says."""

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.asked: list[str] = []

    def everything(self, resource: Any, **scope: Any) -> Any:
        self.asked.append("list")
        answer = self.script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def stream(self, resource: Any, version: str, seconds: int, **scope: Any) -> AsyncIterator[Any]:
        self.asked.append(f"watch from {version}")
        answer = self.script.pop(0) if self.script else []
        for event in answer:
            if isinstance(event, Exception):
                raise event
            yield event
        await asyncio.Event().wait()


async def followed(server: Server, seconds: float = 0.2, **options: Any) -> tuple[list[Any], list[bool]]:
    seen: list[Any] = []
    connections: list[bool] = []
    one = Informer(
        server,
        SimpleNamespace(__name__="Thing"),
        lambda kind, item: seen.append((kind, item.metadata.name)),
        lambda names: seen.append(("LISTED", tuple(sorted(names)))),
        connections.append,
        **options,
    )
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(one.run(), seconds)
    return seen, connections


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT", 0.01)


def gone() -> ApiError:
    return ApiError(status=Status(code=410, message="too old resource version"))


async def test_a_list_is_told_and_then_every_change_from_its_version_on() -> None:
    server = Server(Listing([thing("a", "5")], "7"), [("MODIFIED", thing("a", "8")), ("DELETED", thing("a", "9"))])
    seen, connections = await followed(server)
    assert seen == [("ADDED", "a"), ("LISTED", ("a",)), ("MODIFIED", "a"), ("DELETED", "a")]
    assert server.asked == ["list", "watch from 7"]
    assert connections == [True]


async def test_a_bookmark_is_no_news_but_its_version_counts() -> None:
    events = [("BOOKMARK", thing("", "30")), httpx2.ReadError("cut")]
    server = Server(Listing([], "7"), events, Listing([], "31"))
    seen, _ = await followed(server)
    assert seen == [("LISTED", ()), ("LISTED", ())]


async def test_an_expired_version_is_followed_by_a_list_at_once_and_is_no_disconnection() -> None:
    server = Server(Listing([thing("a", "5")], "7"), [gone()], Listing([], "90"))
    seen, connections = await followed(server)
    assert seen[-1] == ("LISTED", ())
    assert server.asked == ["list", "watch from 7", "list", "watch from 90"]
    assert False not in connections


async def test_what_was_missed_while_the_connection_was_lost_is_found_by_a_list() -> None:
    server = Server(
        Listing([thing("a", "5")], "7"),
        [httpx2.ConnectError("refused")],
        httpx2.ConnectError("refused"),
        Listing([thing("b", "9")], "9"),
    )
    seen, connections = await followed(server)
    assert seen == [("ADDED", "a"), ("LISTED", ("a",)), ("ADDED", "b"), ("LISTED", ("b",))]
    assert connections == [True, False, False, True]


async def test_a_connection_that_is_silent_for_too_long_is_taken_for_dead() -> None:
    server = Server(Listing([], "7"), [], *[Listing([], "8"), []] * 9)
    _, connections = await followed(server, silence_seconds=0.05)
    assert connections[:3] == [True, False, True]
