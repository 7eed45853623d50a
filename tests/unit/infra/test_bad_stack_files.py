"""A sample of the benchmark of bad stack files: all refused with their place, and no right one."""

from __future__ import annotations

from pathlib import Path

from benchmarks.bad_stack_files import run


def test_bad_stack_files_are_refused_with_their_key_and_right_ones_are_not(tmp_path: Path) -> None:
    campaign = run(30, 3, tmp_path)
    assert campaign.failures == []
    assert sum(campaign.tried.values()) == 60
    assert {name for name in campaign.tried if name.startswith("wrong")} == {
        f"wrong: {kind}" for kind in ("type", "range", "spelling", "across")
    }
