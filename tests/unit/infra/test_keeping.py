"""The wiring of backups and traffic controllers, which a stack file turns on, against a recording engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from controllers.config.backup import BACKUP_RULES, BackupSettings, Hook, Hooks
from controllers.config.traffic import TrafficSettings
from infra.program import deploy
from infra.settings import StackSettings, load_stack
from infra.settings.keeping import Backup, PulumiState, TrafficController
from tests.unit.infra.conftest import ADDRESSES

STACKS = Path(__file__).resolve().parents[3] / "stacks"
HANGZHOU, BEIJING = "cn-hangzhou", "cn-beijing"
IMAGE = "registry.example.com/controllers:1"


@pytest.fixture(scope="module")
def stack(run_program: Callable) -> object:
    found = load_stack(STACKS, "qa")
    assert found.business is not None
    added = {"backup": Backup(image=IMAGE), "traffic_controller": TrafficController(image=IMAGE)}
    return run_program(lambda: deploy(StackSettings(found.platform, found.business.model_copy(update=added))))


def test_without_them_in_the_stack_file_nothing_of_them_is_made(run_program: Callable) -> None:
    found = load_stack(STACKS, "qa")
    gone = {"backup": None, "traffic_controller": None}
    run = run_program(lambda: deploy(StackSettings(found.platform, found.business.model_copy(update=gone))))
    assert not run.of(":CronJob")
    assert not [item for item in run.registrations if "traffic-controller" in item.name]


@pytest.mark.parametrize("region", [HANGZHOU, BEIJING])
def test_each_regions_backup_copies_its_own_buckets_and_never_twice_at_once(stack: object, region: str) -> None:
    run = stack.within(region)
    spec = run.one(":CronJob").inputs["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["command"][2:5] == ["controllers", "backup", "run"]
    told = BackupSettings.model_validate_json(run.one(":ConfigMap", "-backup-settings").inputs["data"]["backup.json"])
    assert told.bucket == f"example-qa-{region}-backups"
    assert [source.bucket for source in told.sources] == [f"example-qa-{region}-data", f"example-qa-{region}-models"]
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts == {"/etc/backup", told.scratch}


def test_a_backup_reads_no_secret_and_removes_no_old_version_but_its_own_scratch(stack: object) -> None:
    run = stack.within(HANGZHOU)
    rules = run.one(":Role", "-backup-access").inputs["rules"]
    assert len(rules) == len(BACKUP_RULES)
    assert "secrets" not in json.dumps(rules) and {verb for rule in rules for verb in rule["verbs"]} == {"list"}
    policies = [item.inputs for item in run.of("ram/policy:Policy") if "-backup-backup-" in item.name]
    assert len(policies) == 3
    removing = [
        statement
        for policy in policies
        for statement in json.loads(policy["policyDocument"])["Statement"]
        if "oss:DeleteObjectVersion" in statement["Action"]
    ]
    assert [statement["Resource"] for statement in removing] == [
        ["acs:oss:*:*:example-qa-cn-hangzhou-backups/cn-hangzhou/scratch/*"]
    ]
    writing = [policy for policy in policies if "PutObject" in policy["policyDocument"]]
    assert len(writing) == 1


@pytest.mark.parametrize("region", [HANGZHOU, BEIJING])
def test_each_controller_is_told_of_all_regions_in_the_same_order(stack: object, region: str) -> None:
    run = stack.within(region)
    settings = run.one(":ConfigMap", "-traffic-settings").inputs
    told = TrafficSettings.model_validate_json(settings["data"]["traffic.json"])
    assert told.region == region
    assert {item.name: item.address for item in told.regions} == ADDRESSES
    assert [item.name for item in told.regions] == [HANGZHOU, BEIJING]
    assert told.lines == {
        "default": (HANGZHOU, BEIJING),
        "telecom": (HANGZHOU, BEIJING),
        "unicom": (BEIJING, HANGZHOU),
    }
    (deployment,) = [item for item in run.of(":Deployment") if item.name.endswith("-traffic-controller")]
    spec = deployment.inputs["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")
    volumes = spec["template"]["spec"]["volumes"]
    assert volumes[0]["configMap"]["name"] == settings["metadata"]["name"]


def test_a_controller_switches_records_of_the_zone_and_reaches_entries_but_no_pods(stack: object) -> None:
    run = stack.within(HANGZHOU)
    policy = run.one("ram/policy:Policy", "-traffic-zone").inputs
    (statement,) = json.loads(policy["policyDocument"])["Statement"]
    assert statement["Resource"] == ["acs:alidns:*:*:domain/language.example.com"]
    assert not [action for action in statement["Action"] if "Delete" in action or "*" in action]
    spec = run.one(":NetworkPolicy", "-traffic-way-out").inputs["spec"]
    (egress,) = spec["egress"]
    assert {item["port"] for item in egress["ports"]} == {80, 443}
    assert "172.17.0.0/18" in egress["to"][0]["ipBlock"]["except"]
    assert spec["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == "traffic-controller"


HOOKED = Backup(
    image=IMAGE,
    hooks=Hooks(
        before=(Hook(name="pause", url="http://writer/pause"),),
        after=(Hook(name="go-on", url="http://writer/go-on", timeout_seconds=45.5),),
    ),
    pulumi_state=PulumiState(bucket="example-pulumi-state", region=HANGZHOU),
)


@pytest.fixture(scope="module")
def hooked(run_program: Callable) -> object:
    found = load_stack(STACKS, "qa")
    assert found.business is not None
    business = found.business.model_copy(update={"backup": HOOKED})
    return run_program(lambda: deploy(StackSettings(found.platform, business)))


def told(run: object) -> BackupSettings:
    return BackupSettings.model_validate_json(run.one(":ConfigMap", "-backup-settings").inputs["data"]["backup.json"])


def test_hooks_reach_the_backup_and_those_after_it_have_time_when_it_is_ended(hooked: object, stack: object) -> None:
    run = hooked.within(HANGZHOU)
    assert told(run).hooks == HOOKED.hooks

    def grace(made: object) -> int:
        pod = made.within(HANGZHOU).one(":CronJob").inputs["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        return int(pod["terminationGracePeriodSeconds"])

    assert (grace(hooked), grace(stack)) == (30 + 46, 30)


def test_the_pulumi_state_is_copied_in_its_own_region_and_only_this_business_s_stack_of_it(hooked: object) -> None:
    prefix = ".pulumi/stacks/language-model-clusters/qa."
    state = told(hooked.within(HANGZHOU)).sources[-1]
    assert (state.name, state.bucket, state.prefix) == ("pulumi-state", "example-pulumi-state", f"{prefix}*")
    assert [source.name for source in told(hooked.within(BEIJING)).sources] == ["data", "models"]
    (policy,) = [item.inputs for item in hooked.of("ram/policy:Policy") if "pulumi-state" in item.name]
    reading, listing = json.loads(policy["policyDocument"])["Statement"]
    assert reading["Resource"] == [f"acs:oss:*:*:example-pulumi-state/{prefix}*"]
    assert reading["Action"] == ["oss:GetObject", "oss:GetObjectVersion"]
    assert listing["Condition"] == {"StringLike": {"oss:Prefix": [f"{prefix}*"]}}
