"""The wiring of the status monitor, which a stack file turns on, against a recording engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from controllers.config.monitor import MONITOR_RULES, MonitorSettings
from infra.program import deploy
from infra.settings import StackSettings, load_stack
from infra.settings.monitor import Monitor

STACKS = Path(__file__).resolve().parents[3] / "stacks"
HANGZHOU, BEIJING = "cn-hangzhou", "cn-beijing"


@pytest.fixture(scope="module")
def stack(run_program: Callable) -> object:
    found = load_stack(STACKS, "qa")
    assert found.business is not None
    monitor = found.business.monitor or Monitor(image="registry.example.com/controllers:1")
    return run_program(
        lambda: deploy(StackSettings(found.platform, found.business.model_copy(update={"monitor": monitor})))
    )


def test_two_replicas_watch_where_the_business_trains_and_none_elsewhere(stack: object) -> None:
    replicas = {
        region: stack.within(region).one(":Deployment", "-monitor").inputs["spec"]["replicas"]
        for region in (HANGZHOU, BEIJING)
    }
    assert replicas == {HANGZHOU: 2, BEIJING: 0}


def test_it_may_do_in_its_namespace_what_it_says_it_needs_and_only_look_at_nodes(stack: object) -> None:
    run = stack.within(HANGZHOU)
    rules = run.one(":Role", "-status-monitor-access").inputs["rules"]
    assert len(rules) == len(MONITOR_RULES)
    assert "*" not in json.dumps(rules)
    binding = run.one(":ClusterRoleBinding").inputs
    assert binding["roleRef"]["name"] == "language-models-node-watcher"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "status-monitor", "namespace": "qa"}]
    heartbeats = run.one(":RoleBinding", "-monitor-heartbeats").inputs
    assert heartbeats["metadata"]["namespace"] == "kube-node-lease"


def test_what_the_platform_lets_it_see_of_nodes_is_reading_only(committed: Callable) -> None:
    platform = committed("platform")
    roles = [*platform.of(":ClusterRole"), *platform.of("v1:Role")]
    assert len(roles) == 4
    for role in roles:
        assert role.inputs["metadata"]["name"] == "language-models-node-watcher"
        for rule in role.inputs["rules"]:
            assert set(rule["verbs"]) <= {"get", "list", "watch"}


def test_it_is_told_of_the_job_that_the_stack_starts(stack: object) -> None:
    run = stack.within(HANGZHOU)
    told = MonitorSettings.model_validate_json(
        run.one(":ConfigMap", "-monitor-settings").inputs["data"]["monitor.json"]
    )
    job = json.loads(run.one(":ConfigMap", f"{HANGZHOU}-settings").inputs["data"]["training.json"])
    assert (told.job_name, told.bucket, told.workers) == (job["job_name"], job["bucket"], job["cluster"]["workers"])
    assert told.node_selector.items() <= job["cluster"]["node_selector"].items()
    assert told.deployment == run.one(":Deployment", "-launcher").inputs["metadata"]["name"]


def test_it_writes_incidents_and_no_other_object(stack: object) -> None:
    (policy,) = [item.inputs for item in stack.within(HANGZHOU).of("ram/policy:Policy") if "-monitor-" in item.name]
    objects, _ = json.loads(policy["policyDocument"])["Statement"]
    assert objects["Resource"] == ["acs:oss:*:*:example-qa-cn-hangzhou-data/incidents/*"]


def test_it_outlives_the_training_when_a_node_is_full(stack: object) -> None:
    run = stack.within(HANGZHOU)
    monitor, launcher = (
        run.one(":Deployment", name).inputs["spec"]["template"]["spec"] for name in ("-monitor", "-launcher")
    )
    assert (monitor["priorityClassName"], launcher["priorityClassName"]) == (
        "language-models-serving",
        "language-models-training",
    )
