from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.controllers.backup.scene import Scene
from tests.unit.controllers.conftest import MakeBucket


@pytest.fixture
def scene(make_bucket: MakeBucket, tmp_path: Path) -> Scene:
    """With two checkpoints."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    made = Scene(make_bucket, scratch)
    made.checkpoint(1)
    made.checkpoint(2)
    return made
