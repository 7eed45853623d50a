"""The price table: dated, sourced, whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.instances import INSTANCE_TYPES
from infra.review import costs, prices
from infra.review.errors import ReviewError
from infra.review.quantities import NODE_POOL
from policies.dry_run import plan_of

ROOT = Path(__file__).resolve().parents[4]

ROW = "{type: t, region: r, price: 1, kind: quoted, date: 2026-01-01, source: the price page}"
WHOLE = "hours_a_month: 730\nby_use: []\nservices: []\ninstances: [%s]\n"


def test_every_row_names_a_type_that_a_pool_may_use_and_none_stands_twice() -> None:
    table = prices.load()
    assert {row.type for row in table.instances} <= set(INSTANCE_TYPES)
    places = [(row.type, row.region) for row in table.instances]
    assert len(places) == len(set(places)) >= 3


def test_everything_that_the_stacks_make_is_priced_free_or_billed_by_use() -> None:
    table = prices.load()
    stacks = sorted(path.name.split(".")[1] for path in (ROOT / "stacks").glob("Pulumi.*.yaml"))
    made = {item.type for stack in stacks for item in plan_of(stack).resources if item.type.startswith("alicloud:")}
    assert len(made) >= 8
    known = {*table.by_use, *(row.type for row in table.services), NODE_POOL}
    assert [token for token in sorted(made) if token not in known and not table.is_free(token)] == []


def test_another_regions_price_is_an_estimate_and_an_unknown_one_is_none() -> None:
    table = prices.load()
    here, there = (table.instance("ecs.gn6i-c4g1.xlarge", region) for region in ("cn-shanghai", "cn-beijing"))
    assert here is not None
    assert there is not None
    assert (here.estimate, there.estimate) == (False, True)
    assert here.hourly == there.hourly
    assert table.instance("ecs.gn9x.large", "cn-shanghai") is None


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (ROW.replace("price: 1", "price: -1"), "instances.0.price"),
        (ROW.replace("quoted", "guessed"), "instances.0.kind"),
        (ROW.replace("date: 2026-01-01, ", ""), "instances.0.date"),
        (ROW.replace("the price page", "me"), "instances.0.source"),
        ("[", "cannot be read"),
    ],
)
def test_a_faulty_table_is_one_line_with_the_place(tmp_path: Path, row: str, says: str) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(WHOLE % row)
    with pytest.raises(ReviewError, match=says) as caught:
        prices.load(path)
    assert "\n" not in str(caught.value)


def test_a_sound_table_is_read(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(WHOLE % ROW)
    assert prices.load(path).instance("t", "r") == prices.Price(1.0, False)


def test_the_page_of_costs_is_current_and_says_what_has_no_price() -> None:
    page = (ROOT / costs.PAGE).read_text(encoding="utf-8")
    assert page == costs.page(), "run: python -m infra.review.costs"
    (row,) = [line for line in page.splitlines() if line.startswith("| qa | cn-hangzhou | training |")]
    most = int(row.split("|")[5].split()[-1])
    assert row.endswith(f"| ≈ 0 to {most * 11.84 * 730:,.0f} |")  # CNY an hour, quoted for another region
    (row,) = [line for line in page.splitlines() if line.startswith("| qa | cn-hangzhou | serving |")]
    assert row.endswith("| ? |")
