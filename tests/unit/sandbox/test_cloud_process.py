"""Two sandboxes in one place of the address plan are refused before one sweeps the other away."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox import cloud_process
from sandbox.addresses import Addresses
from sandbox.errors import SandboxError
from sandbox.settings import SandboxSettings

INDEX = 15
WAITING = "import sys; print('up', flush=True); sys.stdin.read()"


@pytest.fixture
def settings(tmp_path: Path) -> SandboxSettings:
    """In a place that no real sandbox of this machine has."""
    return SandboxSettings("unit", Addresses(INDEX), tmp_path / "state", tmp_path / "cache")


@contextmanager
def cloud_of(settings: SandboxSettings, state: str, *more: str) -> Iterator[None]:
    """A process that looks like the cloud of a sandbox in the same place."""
    identity = {
        "SANDBOX_NAME": "other",
        "SANDBOX_INDEX": str(settings.addresses.index),
        "SANDBOX_STATE": state,
    }
    command = [sys.executable, "-c", WAITING, "sandbox.cloud", *more]
    with subprocess.Popen(
        command, env={**os.environ, **identity}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield


def test_another_sandbox_in_the_same_place_is_named_and_refused(settings: SandboxSettings) -> None:
    with (
        cloud_of(settings, "/elsewhere"),
        pytest.raises(SandboxError, match=r"'other' \(process \d+\) runs with SANDBOX_INDEX="),
    ):
        cloud_process.require_own_index(settings)


def test_ones_own_cloud_and_simulated_ones_do_not_matter(settings: SandboxSettings) -> None:
    with cloud_of(settings, str(settings.state)), cloud_of(settings, "/elsewhere", "--simulated"):
        cloud_process.require_own_index(settings)
