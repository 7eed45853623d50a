"""The lock between processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.locking import exclusive
from sandbox.paths import REPOSITORY

HOLDER = """
import sys
from pathlib import Path
from sandbox.locking import exclusive
with exclusive(Path(sys.argv[1]), "deploying"):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_holder_is_refused_at_once_with_the_firsts_process_id(tmp_path: Path) -> None:
    with hold(tmp_path / "lock") as holder:
        with (
            pytest.raises(SandboxError, match=rf"\(id {holder.pid}\) is deploying; wait"),
            exclusive(tmp_path / "lock", "deploying"),
        ):
            pass
        holder.communicate()


def test_the_lock_of_a_killed_holder_is_free(tmp_path: Path) -> None:
    with hold(tmp_path / "lock") as holder:
        holder.kill()
        holder.wait(timeout=10)
        with exclusive(tmp_path / "lock", "deploying"):
            pass
