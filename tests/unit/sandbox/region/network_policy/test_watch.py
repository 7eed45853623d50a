"""Lists and watches go on whatever the server does. A real server is in tests/sandbox/test_network_policy.py."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.region.network_policy import watch
from sandbox.region.network_policy.watch import ApiError, ApiServer, Listener, follow


class Script(ApiServer):
    """Answers of a server in their order; after the last the follower is stopped."""

    def __init__(self, lists: list[Any], watches: list[Any], stopped: threading.Event) -> None:
        self.asked: list[str] = []
        self._lists, self._watches, self._stopped = lists, watches, stopped

    def get(self, path: str) -> Any:
        self.asked.append(path)
        answer = self._lists.pop(0)
        if isinstance(answer, ApiError):
            raise answer
        return answer

    def watch(self, path: str, resource_version: str) -> Iterator[Any]:
        self.asked.append(f"watch from {resource_version}")
        for event in self._watches.pop(0):
            if isinstance(event, ApiError):
                raise event
            yield event
        if not self._watches:
            self._stopped.set()


def page(*names: str, version: str = "1", token: str = "") -> dict[str, Any]:
    metadata = {"resourceVersion": version, **({"continue": token} if token else {})}
    return {"metadata": metadata, "items": [{"metadata": {"name": name}} for name in names]}


def event(kind: str, name: str, version: str) -> dict[str, Any]:
    return {"type": kind, "object": {"metadata": {"name": name, "resourceVersion": version}}}


def followed(lists: list[Any], watches: list[Any]) -> tuple[list[str], list[str], list[str]]:
    """(what was asked, what the listener heard, what was reported)."""
    stopped = threading.Event()
    script = Script(lists, watches, stopped)
    heard: list[str] = []
    reported: list[str] = []
    listener = Listener(
        lambda items: heard.append(f"all {[item['metadata']['name'] for item in items]}"),
        lambda body: heard.append(f"changed {body['metadata']['name']}"),
        lambda body: heard.append(f"deleted {body['metadata']['name']}"),
    )
    follow(script, "/pods", listener, stopped, reported.append)
    return script.asked, heard, reported


def test_a_list_in_pages_is_one_and_events_follow_from_its_version() -> None:
    asked, heard, _ = followed(
        [page("a", token="more"), page("b", version="7")],
        [[event("ADDED", "c", "8"), event("BOOKMARK", "", "9"), event("DELETED", "a", "10")]],
    )
    assert asked == ["/pods?limit=500", "/pods?limit=500&continue=more", "watch from 7"]
    assert heard == ["all ['a', 'b']", "changed c", "deleted a"]


def test_a_watch_that_ends_goes_on_from_the_last_version_also_a_bookmarks() -> None:
    asked, heard, _ = followed([page()], [[event("BOOKMARK", "", "9")], [event("MODIFIED", "a", "10")], []])
    assert asked[1:] == ["watch from 1", "watch from 9", "watch from 10"]
    assert heard == ["all []", "changed a"]


@pytest.mark.parametrize(
    "refusal", [ApiError("too old", 410), {"type": "ERROR", "object": {"code": 410, "message": "too old"}}]
)
def test_a_version_that_is_forgotten_leads_to_a_new_list(refusal: Any) -> None:
    asked, heard, _ = followed([page("a"), page("b", version="5")], [[refusal], []])
    assert asked[-2:] == ["/pods?limit=500", "watch from 5"]
    assert heard == ["all ['a']", "all ['b']"]


def test_a_server_that_is_away_is_asked_again_from_where_we_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "FIRST_PAUSE", 0.0)
    away = ApiError("connection refused")
    asked, _, reported = followed([away, page(version="3")], [[away], []])
    assert asked == ["/pods?limit=500", "/pods?limit=500", "watch from 3", "watch from 3"]
    assert reported == ["connection refused"] * 2
