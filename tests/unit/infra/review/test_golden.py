"""Whole comments, from events that the real engine and providers gave: tests/golden/review.

`edit`: a third node, another epoch, a pod more, a shorter retention. `loss`: another organization, protection off. The
recordings keep what the review reads. Meant otherwise? `UPDATE_GOLDEN=1 python -m pytest tests/unit/infra`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infra.review import prices
from infra.review.comment import Review, comment
from infra.review.plan import preview_of
from infra.review.scope import Scope
from infra.review.verdict import objections

GOLDEN = Path(__file__).resolve().parents[3] / "golden" / "review"
TABLE = """
hours_a_month: 730
instances:
  - {type: ecs.gn6i-c4g1.xlarge, region: cn-hangzhou, price: 10, kind: quoted, date: 2026-01-02, source: made for this}
services: []
by_use: ["alicloud:oss/bucket:Bucket"]
free: ["alicloud:oss/*", "alicloud:ram/*", "alicloud:vpc/*", "alicloud:dns/*"]
"""


@pytest.mark.parametrize(
    ("case", "stacks", "mergeable"), [("edit", ("qa",), True), ("loss", ("platform", "qa"), False)]
)
def test_a_recorded_change_has_its_reviewed_comment(
    case: str, stacks: tuple[str, ...], mergeable: bool, tmp_path: Path
) -> None:
    table = tmp_path / "prices.yaml"
    table.write_text(TABLE)
    previews = tuple(
        preview_of(stack, (GOLDEN / f"{case}.{stack}.jsonl").read_text("utf-8").splitlines()) for stack in stacks
    )
    reasons = tuple(objections(previews, ()))
    text = comment(Review(Scope("0123456789", "abcdef0123", stacks, ()), previews, reasons, prices.load(table)))
    golden = GOLDEN / f"{case}.md"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8"), "meant? UPDATE_GOLDEN=1 python -m pytest tests/unit/infra"
    assert (not reasons) == mergeable
