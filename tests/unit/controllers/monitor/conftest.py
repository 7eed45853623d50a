"""A job that runs, for every test of the monitor."""

from __future__ import annotations

import pytest

from tests.unit.controllers.monitor.scene import Scene


@pytest.fixture
def scene() -> Scene:
    return Scene().running_job()
