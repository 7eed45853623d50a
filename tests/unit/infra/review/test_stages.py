"""What to apply after a merge, in which regions' order."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.review.stages import main, regions_of
from infra.settings import load_stack

ROOT = Path(__file__).resolve().parents[4]


def test_regions_come_in_the_platforms_own_order() -> None:
    platform = load_stack(ROOT / "stacks", "platform").platform
    assert regions_of(ROOT / "stacks") == [region.name for region in platform.regions]


def test_an_unknown_base_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert main(["--base", "main"]) == 2
    assert capsys.readouterr().err.startswith("error: ")
