"""Hooks around a backup: in which order, what a failure does, and that those after it run whatever happened."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import ValidationError

from controllers.backup import commands
from controllers.backup.hooks import MARK, EndedError, HookError, around, ending_by_error, run_hook
from controllers.config.backup import Hook, Hooks
from tests.unit.controllers.backup.scene import Scene

TOLD = {"business": "qa", "namespace": "qa", "region": "cn-hangzhou"}
FAILING = (sys.executable, "-c", "import sys; print('no lock'); sys.exit(3)")


def hook(name: str, *, required: bool = True) -> Hook:
    return Hook(name=name, command=("true",), required=required)


class Ran:
    """Notes which hooks ran; those of `failing` fail."""

    def __init__(self, *failing: str) -> None:
        self.names: list[str] = []
        self.told: list[Mapping[str, Any]] = []
        self.failing = failing

    def __call__(self, one: Hook, told: Mapping[str, Any]) -> None:
        self.names.append(one.name)
        self.told.append(told)
        if one.name in self.failing:
            raise HookError(f"hook {one.name} failed")


PAUSE_AND_GO_ON = Hooks(before=(hook("pause"), hook("flush")), after=(hook("go-on"), hook("tell")))


def test_hooks_run_in_order_around_the_backup_and_are_told_what_came_of_it(scene: Scene) -> None:
    ran = Ran()
    with around(PAUSE_AND_GO_ON, scene.repository.bucket, TOLD, ran) as surrounded:
        assert ran.names == ["pause", "flush"]
        assert scene.repository.bucket.find(MARK) is not None
        surrounded.backup = "20260301T120000Z"
    assert ran.names == ["pause", "flush", "go-on", "tell"]
    assert ran.told[0] == {**TOLD, "when": "before"}
    assert ran.told[3] == {**TOLD, "when": "after", "backup": "20260301T120000Z", "succeeded": True, "error": ""}
    assert scene.repository.bucket.find(MARK) is None


def test_those_after_run_also_when_the_backup_fails_and_its_failure_is_what_is_told(scene: Scene) -> None:
    ran = Ran("tell")
    with pytest.raises(OSError, match="bucket is away"), around(PAUSE_AND_GO_ON, scene.repository.bucket, TOLD, ran):
        raise OSError("bucket is away")
    assert ran.names[2:] == ["go-on", "tell"]
    assert ran.told[2]["succeeded"] is False
    assert ran.told[2]["error"] == "bucket is away"


def test_a_required_one_before_keeps_the_backup_from_being_made_and_those_after_still_run(scene: Scene) -> None:
    ran = Ran("pause")
    with pytest.raises(HookError, match="pause"), around(PAUSE_AND_GO_ON, scene.repository.bucket, TOLD, ran):
        raise AssertionError("the backup was made")
    assert ran.names == ["pause", "go-on", "tell"]


def test_one_that_is_not_required_keeps_nothing_from_being_done(scene: Scene) -> None:
    ran = Ran("pause", "go-on")
    hooks = Hooks(before=(hook("pause", required=False),), after=(hook("go-on", required=False),))
    with around(hooks, scene.repository.bucket, TOLD, ran) as surrounded:
        pass
    surrounded.raise_for_problems()
    assert ran.names == ["pause", "go-on"]


def test_a_required_one_after_fails_the_job_only_once_all_is_done(scene: Scene) -> None:
    ran = Ran("go-on")
    with around(PAUSE_AND_GO_ON, scene.repository.bucket, TOLD, ran) as surrounded:
        pass
    assert ran.names[2:] == ["go-on", "tell"]
    with pytest.raises(HookError, match="go-on"):
        surrounded.raise_for_problems()


def test_after_a_kill_the_next_backup_first_runs_those_that_the_killed_one_owes(scene: Scene) -> None:
    scene.repository.bucket.put(MARK, b"half wri")
    ran = Ran()
    with around(PAUSE_AND_GO_ON, scene.repository.bucket, TOLD, ran):
        pass
    assert ran.names == ["go-on", "tell", "pause", "flush", "go-on", "tell"]
    assert ran.told[0]["error"] == "killed"


def test_without_hooks_nothing_is_written(scene: Scene) -> None:
    before = scene.repository.bucket.list()
    with around(Hooks(), scene.repository.bucket, TOLD):
        assert scene.repository.bucket.list() == before


def test_a_backup_that_is_told_to_end_still_runs_what_comes_after(scene: Scene) -> None:
    ran = Ran()
    with pytest.raises(EndedError), ending_by_error(), around(PAUSE_AND_GO_ON, scene.repository.bucket, TOLD, ran):
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(5)
    assert ran.names[2:] == ["go-on", "tell"]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_the_whole_command_runs_them_and_proves_the_backup_whatever_those_after_say(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = Hooks(before=(Hook(name="fine", command=("true",)),), after=(Hook(name="go-on", command=FAILING),))
    settings = scene.settings.model_copy(update={"hooks": hooks, "objects": False})
    with pytest.raises(HookError, match=r"go-on ended with 3: no lock"):
        commands.run(settings)
    (backup,) = scene.repository.summaries()
    assert backup.proven_at
    assert scene.repository.bucket.find(MARK) is None


# ---- one hook


def test_a_command_is_told_in_variables_and_its_failure_shows_what_it_said(capfd: pytest.CaptureFixture[str]) -> None:
    code = "import os, sys; sys.exit(os.environ['BACKUP_WHEN'] + ' ' + os.environ['BACKUP_NAMESPACE'])"
    with pytest.raises(HookError, match=r"hook show ended with 1: before qa"):
        run_hook(Hook(name="show", command=(sys.executable, "-c", code)), {**TOLD, "when": "before"})


def test_a_command_that_takes_too_long_is_ended() -> None:
    slow = Hook(name="slow", command=(sys.executable, "-c", "import time; time.sleep(60)"), timeout_seconds=0.2)
    with pytest.raises(HookError, match=r"took over 0.2 s"):
        run_hook(slow, {**TOLD, "when": "before"})


def test_a_program_that_is_not_in_the_image_is_told_in_a_line() -> None:
    with pytest.raises(HookError, match="is it in the image"):
        run_hook(Hook(name="none", command=("no-such-program",)), {**TOLD, "when": "before"})


@pytest.fixture
def listener() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that answers 204, and 503 below /busy; what it was sent."""
    sent: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            busy = self.path == "/busy"
            self.send_response(503 if busy else 204)
            self.end_headers()
            self.wfile.write(b"still writing" if busy else b"")

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", sent
        finally:
            server.shutdown()
            thread.join()


def test_a_call_is_told_in_its_body(listener: tuple[str, list[dict[str, Any]]]) -> None:
    address, sent = listener
    run_hook(Hook(name="pause", url=f"{address}/pause"), {**TOLD, "when": "before"})
    assert sent == [{**TOLD, "hook": "pause", "when": "before"}]


def test_a_call_that_is_refused_or_not_answered_is_a_failure(listener: tuple[str, list[dict[str, Any]]]) -> None:
    address, _ = listener
    with pytest.raises(HookError, match=r"/busy answered 503: still writing"):
        run_hook(Hook(name="pause", url=f"{address}/busy"), {**TOLD, "when": "before"})
    with pytest.raises(HookError, match="refused"):
        run_hook(Hook(name="pause", url="http://127.0.0.1:9/"), {**TOLD, "when": "before"})


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"url": "http://x/", "command": ["true"]},
        {"url": "ftp://x/"},
        {"url": "file:///etc/passwd"},
        {"command": ["true"], "timeout_seconds": 0},
    ],
)
def test_a_hook_is_one_call_or_one_command_within_bounds(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Hook(name="one", **given)
