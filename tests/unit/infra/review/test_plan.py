"""A preview read from the engine's events, and what it holds before and after."""

from __future__ import annotations

import pytest

from infra.review import prices
from infra.review.plan import preview_of
from infra.review.properties import differences, parts, shown
from infra.review.quantities import amount, holdings, pool_size
from infra.review.verdict import objections
from tests.unit.infra.review.events import BUCKET, POOL, QUOTA, error, policy, pool, quota, step

TABLE = prices.load()


def test_operations_are_told_apart_and_the_steps_inside_a_replacement_left_out() -> None:
    lines = [
        step("create", BUCKET, "a", None, {}),
        step("update", BUCKET, "b", {}, {}),
        step("create-replacement", BUCKET, "c", {}, {}),
        step("replace", BUCKET, "c", {}, {}),
        step("delete-replaced", BUCKET, "c", {}, None),
        step("delete", BUCKET, "d", {}, None),
        step("same", BUCKET, "e", {}, {}),
        "a line that the program printed",
        "{not JSON either",
    ]
    preview = preview_of("qa", lines)
    assert [(item.kind, item.name, item.region) for item in preview.steps] == [
        ("create", "a", "cn-hangzhou"), ("change", "b", "cn-hangzhou"), ("replace", "c", "cn-hangzhou"),
        ("delete", "d", "cn-hangzhou"), ("keep", "e", "cn-hangzhou"),
    ]  # fmt: skip
    assert preview.errors == ()


def test_an_error_names_its_resource_and_the_engines_own_closing_words_are_left_out() -> None:
    preview = preview_of("qa", [error("it is not there", "bucket"), error("preview failed")])
    assert preview.errors == ("bucket: it is not there",)
    assert preview_of("qa", [error("preview failed")]).errors[0].startswith("the engine gave no reason")
    broken = [policy("data-is-protected", "mandatory", "data", "protect it"), error("preview failed")]
    assert preview_of("qa", broken).errors == ()


def test_a_loss_of_data_a_mandatory_policy_and_an_error_each_stand_against_merging() -> None:
    lost = preview_of("qa", [step("delete", BUCKET, "data", {}, None)])
    assert "data would be lost with `data`" in objections([lost], [])[0]
    assert objections([lost], [], accepted=["qa"]) == []
    broken = preview_of("qa", [policy("data-is-protected", "mandatory", "data", "protect it")])
    assert objections([broken], []) == ["`qa`: mandatory policies are violated: `data-is-protected`"]
    advised = preview_of("qa", [policy("bucket-is-accelerated", "advisory", "data", "do")])
    assert objections([advised], []) == []
    assert objections([preview_of("qa", [error("no")])], []) == ["`qa`: the preview failed"]
    assert "pulumi destroy --stack old" in objections([], ["old"])[0]


def test_deleting_what_holds_no_data_is_mergeable() -> None:
    assert objections([preview_of("qa", [step("delete", POOL, "nodes", pool("2"), None)])], []) == []


def test_gpus_quota_and_money_are_counted_before_and_after() -> None:
    lines = [
        step("update", POOL, "nodes", pool("2"), pool("3"), ("desiredSize",)),
        step("update", QUOTA, "quota", quota(pods="20", **{"requests.memory": "20Gi"}),
             quota(pods="21", **{"requests.memory": "20Gi"}), ("spec.hard.pods",)),
    ]  # fmt: skip
    before, after = holdings(preview_of("qa", lines), TABLE)
    assert (before.gpus.most, after.gpus.most) == (2, 3)
    assert after.monthly.most - before.monthly.most == pytest.approx(11.84 * 730)
    assert after.quota == {"pods": 21, "memory": 20}
    assert after.estimated  # quoted for cn-shanghai, and the pool is in cn-hangzhou


def test_an_autoscaled_pool_costs_from_its_least_to_its_most() -> None:
    inputs = {"instanceTypes": ["ecs.gn7i-c8g1.2xlarge"], "scalingConfig": {"enable": True, "minSize": 0, "maxSize": 4}}
    assert pool_size(inputs) == (0, 4)
    _, after = holdings(preview_of("qa", [step("create", POOL, "nodes", None, inputs)]), TABLE)
    assert after.monthly.least == 0
    assert after.monthly.most == pytest.approx(4 * 9.74 * 730)


def test_a_type_without_a_price_is_named_and_not_counted() -> None:
    _, after = holdings(preview_of("qa", [step("create", POOL, "nodes", None, pool("1", "ecs.gn9x.large"))]), TABLE)
    assert after.unpriced == {"ecs.gn9x.large"}
    assert after.monthly.most == 0


@pytest.mark.parametrize(("text", "number"), [("250m", 0.25), ("20Gi", 20 * 2**30), ("3", 3), (4, 4), ("x", 0)])
def test_quantities_are_numbers(text: object, number: float) -> None:
    assert amount(text) == pytest.approx(number)


def test_property_paths_are_split_with_their_quotes() -> None:
    assert parts('spec.hard["requests.nvidia.com/gpu"]') == ["spec", "hard", "requests.nvidia.com/gpu"]
    assert parts("taints[0].key") == ["taints", 0, "key"]


def test_differences_show_before_and_after_and_mask_secrets() -> None:
    old = {"spec": {"hard": {"requests.cpu": "4"}}, "password": "old", "kept": "[secret]"}
    new = {"spec": {"hard": {"requests.cpu": "5"}}, "password": "new", "kept": "[secret]", "made": {"apiToken": "t"}}
    changed = ('spec.hard["requests.cpu"]', "password", "kept", "made", "__defaults")
    (found,) = preview_of("qa", [step("update", QUOTA, "quota", old, new, changed)]).steps
    lines = list(differences(found))
    assert '`spec.hard["requests.cpu"]`: `4` → `5`' in lines
    assert "`password`: changed (masked)" in lines
    assert "`kept`: (secret) → (secret)" in lines
    assert '`made`: (nothing) → `{"apiToken": "(masked)"}`' in lines
    assert len(lines) == 4
    assert not any(word in "".join(lines) for word in ("old", "new"))


def test_long_texts_are_shown_by_the_lines_that_differ() -> None:
    old, new = {"data": "a\nepochs: 6\nb\ntoken: x\n"}, {"data": "a\nepochs: 7\nb\ntoken: y\n"}
    (found,) = preview_of("qa", [step("update", QUOTA, "map", old, new, ("data",))]).steps
    (block,) = differences(found)
    assert "-epochs: 6" in block
    assert "+epochs: 7" in block
    assert "token" not in block


def test_what_only_the_cloud_knows_is_said_so() -> None:
    assert shown("04da6b54-80e4-46f7-96ec-b56ff0331ba9") == "(known after the change)"
    assert shown(["04da6b54-80e4-46f7-96ec-b56ff0331ba9"]) == '`["(known after)"]`'
