"""Plugins that a killed engine left behind are ended; those of a living engine, or of nobody's, are not."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.resume.leftovers import BACKEND, end_leftovers

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a process that looks like a plugin of the backend `tmp_path`."""
    monkeypatch.setenv(BACKEND, f"file://{tmp_path}")
    program = tmp_path / "pulumi-resource-example"
    program.symlink_to("/bin/sleep")
    started: list[subprocess.Popen[bytes]] = []

    def run(address: str, backend: str | None = None) -> subprocess.Popen[bytes]:
        environment = {**os.environ, **({BACKEND: backend} if backend else {})}
        # `sleep` would not take an address: the shell sleeps, and is called as the plugin is.
        process = subprocess.Popen(
            [str(program), "-c", "read line", address], executable="/bin/sh", env=environment, stdin=subprocess.PIPE
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait(10)
        if process.stdin is not None:
            process.stdin.close()


@pytest.fixture
def engine() -> Iterator[str]:
    """The address of an engine that lives."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def dead() -> str:
    """An address where nobody listens any more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def test_only_plugins_of_this_backends_dead_engines_are_ended(start: Start, engine: str, dead: str) -> None:
    leftover = start(dead)
    others = [start(engine), start("by hand"), start(dead, backend="file:///elsewhere")]
    assert end_leftovers() == [leftover.pid]
    leftover.wait(10)
    assert [process.poll() for process in others] == [None, None, None]
