"""What is printed of a region's loss; the loss itself is in tests/unit/controllers/drill/test_region.py."""

from __future__ import annotations

import pytest

from benchmarks.region_loss import table
from controllers.drill.region import Outcome


@pytest.mark.parametrize(("met", "word"), [(True, "met"), (False, "missed")])
def test_each_run_is_a_row_that_says_whether_the_objective_was_met(met: bool, word: str) -> None:
    row = table(Outcome(30, 40, 5, 0, 1000), "cn-hangzhou", 20, met).splitlines()[-1]
    assert row == (
        f"| region | the servers behind cn-hangzhou die | 30.0 s | 40.0 s | 20 s | 5 of 1,000 | 0 | {word} |"
    )
