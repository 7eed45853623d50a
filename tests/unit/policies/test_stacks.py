"""The committed stacks keep every mandatory rule; no exception is stale; tags are asked of what takes them."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

from policies import dry_run, exceptions
from policies.catalogue import RULES
from policies.house.fences import TAKES_TAGS
from policies.model import Level, Plan

ROOT = Path(__file__).resolve().parents[3]
STACKS = sorted(path.name.split(".")[1] for path in (ROOT / "stacks").glob("Pulumi.*.yaml"))


@pytest.fixture(scope="module")
def plans() -> dict[str, Plan]:
    found = {stack: dry_run.plan_of(stack) for stack in STACKS}
    assert "platform" in found
    assert all(len(plan.resources) >= 8 for plan in found.values())
    return found


def test_no_stack_breaks_a_mandatory_rule(plans: dict[str, Plan]) -> None:
    exemptions = exceptions.load()
    broken = [
        (stack, rule.name, violation.resource.name if violation.resource else stack, violation.message)
        for stack, plan in plans.items()
        for rule in RULES
        if rule.level is Level.MANDATORY
        for violation in exceptions.uncovered(rule.name, rule.violations_in(plan), exemptions)
    ]
    assert broken == []


def test_every_exception_of_the_pack_is_needed(plans: dict[str, Plan]) -> None:
    for exemption in exceptions.load():
        if exemption.tool == exceptions.PACK:
            rules = [rule for rule in RULES if rule.name == exemption.check]
            assert rules, f"no rule {exemption.check}"
            found = [violation for plan in plans.values() for violation in rules[0].violations_in(plan)]
            assert len(exceptions.uncovered(exemption.check, found, [exemption])) < len(found), exemption


def test_tags_are_asked_of_exactly_what_takes_them(plans: dict[str, Plan]) -> None:
    made = {item.type for plan in plans.values() for item in plan.resources if item.type.startswith("alicloud:")}
    assert len(made) >= 8
    for token in sorted(made | TAKES_TAGS):
        _, module, kind = token.split(":")
        found = getattr(importlib.import_module(f"pulumi_alicloud.{module.split('/')[0]}"), kind)
        takes = "tags" in inspect.signature(found._internal_init).parameters
        assert takes == (token in TAKES_TAGS), token


def test_a_quota_over_the_nodes_is_seen_in_a_real_plan(plans: dict[str, Plan]) -> None:
    plan = plans["qa"]
    without_nodes = Plan(tuple(item for item in plan.resources if not item.type.endswith(":NodePool")), plan.owner)
    (rule,) = [rule for rule in RULES if rule.name == "quota-fits-the-nodes"]
    assert rule.violations_in(plan) == []
    assert rule.violations_in(without_nodes)
