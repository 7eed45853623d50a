"""A sandbox of the tests' own, beside a person's: emptied before, removed after, and looked for afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from sandbox import lifecycle
from sandbox.progress import Progress
from sandbox.settings import SandboxSettings


@pytest.fixture(scope="session")
def settings() -> SandboxSettings:
    os.environ.setdefault("SANDBOX_NAME", "test")
    os.environ.setdefault("SANDBOX_INDEX", "1")
    return SandboxSettings.from_environment()


@pytest.fixture(scope="session")
def progress() -> Progress:
    return Progress()


@pytest.fixture(scope="module")
def empty_sandbox(settings: SandboxSettings, progress: Progress) -> Iterator[SandboxSettings]:
    """No state and no trace on the host, before and after; what the machine lacks is said first."""
    lifecycle.require_healthy_machine(settings)
    lifecycle.stop(settings, progress, purge=True)
    yield settings
    lifecycle.stop(settings, progress, purge=True)
