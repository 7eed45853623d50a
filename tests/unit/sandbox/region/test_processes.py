"""Pid files never name another's process, and kills end."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.region import processes
from sandbox.region.api import wait_until
from sandbox.region.errors import RegionError
from sandbox.region.layout import MARKER_VARIABLE
from sandbox.region.processes import Daemon


def sleeper(marker: str) -> subprocess.Popen[bytes]:
    environment = {"PATH": os.environ["PATH"], MARKER_VARIABLE: marker}
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env=environment)


def test_a_pid_file_names_the_process_that_wrote_it(tmp_path: Path) -> None:
    path = tmp_path / "a.pid"
    path.write_text(f"{os.getpid()} {processes.start_time(os.getpid())}")
    assert processes.read_pid_file(path) == os.getpid()


def test_a_daemon_knows_since_when_it_runs(tmp_path: Path) -> None:
    daemon = Daemon("kubelet", [], "owner", tmp_path, tmp_path, "group")
    assert daemon.started() is None
    before = datetime.now(UTC)
    with sleeper("unit-test-age") as child:
        daemon.pid_file.write_text(f"{child.pid} {processes.start_time(child.pid)}")
        started = daemon.started()
        child.kill()
    assert started is not None
    assert abs(started - before) < timedelta(seconds=5)


def test_a_pid_that_was_given_to_another_process_is_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "a.pid"
    path.write_text(f"{os.getpid()} 1")
    assert processes.read_pid_file(path) is None


@pytest.mark.parametrize("content", ["", "x", "1", "1 2 3", "999999999 5"])
def test_a_damaged_pid_file_names_nothing(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.pid"
    path.write_text(content)
    assert processes.read_pid_file(path) is None
    assert processes.read_pid_file(tmp_path / "absent") is None


def test_processes_are_found_by_their_marker_alone_and_killed() -> None:
    with sleeper("unit-test/a") as first, sleeper("unit-test-other") as second:

        def find() -> set[int]:
            return processes.owned_processes(lambda owner: owner.startswith("unit-test/"))

        wait_until(lambda: find() == {first.pid}, 10, lambda: f"found {find()}")
        processes.kill_all(find, "the test")
        assert first.wait(timeout=10) == -9
        assert second.poll() is None
        second.kill()


def test_a_zombie_counts_as_dead() -> None:
    with sleeper("unit-test-zombie") as child:
        child.kill()
        wait_until(lambda: processes.start_time(child.pid) is None, 10, lambda: "still alive")
        assert child.wait(timeout=10) == -9


def test_what_does_not_die_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "DEATH_SECONDS", 0.0)
    with pytest.raises(RegionError, match=r"processes \[999999999\] of the test do not die"):
        processes.kill_all(lambda: {999999999}, "the test")


def test_last_words_say_what_to_do_when_that_is_known(tmp_path: Path) -> None:
    daemon = Daemon("kubelet", [], "owner", tmp_path, tmp_path, "group")
    assert "no log" in daemon.last_words()
    daemon.log_file.write_text("a\n" * 100 + "inotify_init: too many open files\n")
    assert "max_user_instances" in daemon.last_words()
    assert len(daemon.last_words().splitlines()) <= 9


def test_inotify_instances_are_counted_but_for_those_of_processes_left_out() -> None:
    library = ctypes.CDLL(None)
    descriptors = [library.inotify_init() for _ in range(3)]
    try:
        assert min(descriptors) > 0
        others = processes.inotify_instances(leaving_out={os.getpid()})
        assert processes.inotify_instances() >= others + 3
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
