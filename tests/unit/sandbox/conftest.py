"""A sandbox's settings in a temporary place."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.addresses import Addresses
from sandbox.settings import SandboxSettings


@pytest.fixture
def settings(tmp_path: Path) -> SandboxSettings:
    return SandboxSettings("unit", Addresses(9), tmp_path / "state", tmp_path / "cache")
