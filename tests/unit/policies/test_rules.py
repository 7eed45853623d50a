"""Each rule catches a bad example and passes a good one, says what to do, and judges nothing that is not known.

Not covered here: that the engine runs the pack; that is what tests/sandbox/test_one_business.py does.
"""

from __future__ import annotations

import importlib
import re
import warnings
from typing import Any

import pytest

from policies.catalogue import ALIBABA_CLOUD, HARDENING, NOT_JUDGED, RULES
from policies.model import Level, Resource, Rule
from policies.values import UNKNOWN
from tests.unit.policies.cases import CASES, Case, workload
from tests.unit.policies.plans import PLANS

CHECKOV_HAS = {*range(1, 34), *range(35, 39), *range(41, 45)}
"""The numbers of CKV_ALI_* in Checkov 3.3.30; 34, 39 and 40 were never given."""
CONTROLS = 26
BY_NAME = {rule.name: rule for rule in RULES}


def resource(rule: Rule, case: Case, inputs: dict[str, Any], protect: bool) -> Resource:
    return Resource(case.type or rule.types[0], inputs, protect=protect, owner=case.owner)


def test_every_rule_has_an_example() -> None:
    assert sorted([*CASES, *PLANS]) == sorted(BY_NAME)
    assert {rule.name for rule in RULES if rule.over_plan} == set(PLANS)


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_rule_refuses_the_bad_and_passes_the_good(name: str) -> None:
    rule, case = BY_NAME[name], CASES[name]
    assert rule.violations_of(resource(rule, case, case.good, case.protect_good)) == []
    violations = rule.violations_of(resource(rule, case, case.bad, case.protect_bad))
    assert violations
    for violation in violations:
        assert len(violation.message) > 10


@pytest.mark.parametrize("name", sorted(PLANS))
def test_a_rule_over_plans_refuses_the_bad_and_passes_the_good(name: str) -> None:
    good, bad = PLANS[name]
    for plan in good:
        assert BY_NAME[name].violations_in(plan) == []
    for plan in bad:
        assert BY_NAME[name].violations_in(plan)


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_is_not_known_yet_is_not_judged(name: str) -> None:
    rule, case = BY_NAME[name], CASES[name]
    unknown = dict.fromkeys({**case.good, **case.bad}, UNKNOWN)
    assert rule.violations_of(resource(rule, case, unknown, protect=True)) == []


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_rule_does_not_concern_other_types(name: str) -> None:
    assert BY_NAME[name].violations_of(Resource("pulumi:providers:random", CASES[name].bad)) == []


def test_a_pod_rule_sees_the_pods_of_a_cron_job_and_a_pod_by_itself() -> None:
    pod = workload(hostNetwork=True)["spec"]["template"]["spec"]
    rule = BY_NAME["pods-have-a-network-of-their-own"]
    inside = {"spec": {"jobTemplate": {"spec": {"template": {"spec": pod}}}}}
    assert rule.violations_of(Resource("kubernetes:batch/v1:CronJob", inside))
    assert rule.violations_of(Resource("kubernetes:core/v1:Pod", {"spec": pod}))


def test_a_container_that_runs_first_is_judged_too() -> None:
    inputs = workload(initContainers=[{"name": "first", "securityContext": {"privileged": True}}])
    (violation,) = BY_NAME["containers-are-not-privileged"].violations_of(
        Resource("kubernetes:apps/v1:Deployment", inputs)
    )
    assert "`first`" in violation.message


def test_every_rule_of_checkov_for_alibaba_cloud_has_its_rule_here() -> None:
    numbers = [int(re.fullmatch(r"CKV_ALI_(\d+)", rule.source)[1]) for rule in ALIBABA_CLOUD]
    assert sorted(numbers) == sorted(CHECKOV_HAS)
    assert len(numbers) == 41


def test_every_control_of_the_hardening_guide_is_judged_or_listed() -> None:
    sources = [rule.source for rule in HARDENING] + [control.source for control in NOT_JUDGED]
    numbers = [re.search(r"C-\d{4}", source)[0] for source in sources]
    assert len(set(numbers)) == len(numbers) == CONTROLS


def test_names_are_unique_and_every_text_is_whole() -> None:
    assert len(BY_NAME) == len(RULES)
    for rule in RULES:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.name)
        assert rule.description.endswith(".") and rule.reason.endswith("."), rule.name
        assert rule.level in Level


def test_every_judged_type_is_one_of_the_sdks() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        tokens = {token for rule in RULES for token in rule.types if not token.endswith("*")}
        assert len(tokens) > 25
        for token in sorted(tokens):
            provider, module, kind = token.split(":")
            package = importlib.import_module(f"pulumi_{provider}")
            part = (
                module.split("/")[0]
                if provider == "alicloud"
                else module.replace(".k8s.io", "").replace(".authorization", "")
            )
            found = importlib.import_module(f"{package.__name__}.{part.replace('/', '.')}")
            assert hasattr(found, kind), token
