"""The wiring of the platform's stack, against a recording engine.

Not covered here: whether providers and clouds accept what is registered; that is what tests/sandbox/ does for real.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pulumi
import pytest

from infra.program import deploy
from infra.settings import StackSettings, load_stack

STACKS = Path(__file__).resolve().parents[3] / "stacks"
REGIONS = ("cn-hangzhou", "cn-beijing")


def settings() -> StackSettings:
    return load_stack(STACKS, "platform")


@pytest.fixture(scope="module")
def platform(committed: Callable) -> object:
    return committed("platform")


@pytest.mark.parametrize("region", REGIONS)
def test_the_clusters_api_is_private_and_its_identities_are_on(platform: object, region: str) -> None:
    cluster = platform.within(region).one(":ManagedKubernetes")
    assert cluster.inputs["slbInternetEnabled"] is False
    assert cluster.inputs["enableRrsa"] is True
    addons = {addon["name"]: addon.get("config") for addon in cluster.inputs["addons"]}
    assert {"ack-pod-identity-webhook", "metrics-server"} <= addons.keys()
    assert json.loads(addons["terway-eniip"])["NetworkPolicy"] == "true"


def test_what_all_businesses_stand_on_is_protected_twice(platform: object) -> None:
    clusters = platform.of(":ManagedKubernetes")
    assert len(clusters) == 2
    for cluster in clusters:
        assert cluster.protect
        assert cluster.inputs["deletionProtection"] is True
    assert platform.one(":AlidnsDomain").protect
    assert [bucket.protect for bucket in platform.of("oss/bucket:Bucket")] == [True, True]


@pytest.mark.parametrize("region", REGIONS)
def test_nodes_reach_the_internet_by_one_address_and_are_not_reached_from_it(platform: object, region: str) -> None:
    found = platform.within(region)
    rule = found.one(":SnatEntry").inputs
    assert rule["snatTableId"] == f"stb-{region}"
    assert rule["snatIp"] == platform.exports["regions"][region]["egress_address"]
    assert found.one(":EipAssociation").inputs["instanceId"] == f"{region}-egress-gateway-id"
    sources = {item.inputs["cidrIp"] for item in found.of(":SecurityGroupRule")}
    assert sources == {"172.16.0.0/12", "100.64.0.0/10"}
    assert found.one(":ManagedKubernetes").inputs["securityGroupId"] == f"{region}-nodes-id"


@pytest.mark.parametrize("region", REGIONS)
def test_who_did_what_in_the_cluster_is_on_record_for_half_a_year(platform: object, region: str) -> None:
    found = platform.within(region)
    cluster = found.one(":ManagedKubernetes").inputs
    assert cluster["auditLogConfig"] == {"enabled": True, "slsProjectName": f"example-{region}-logs"}
    assert cluster["controlPlaneLogProject"] == f"example-{region}-logs"
    assert cluster["controlPlaneLogTtl"] == "180"
    assert found.one("log/store:Store").inputs["retentionPeriod"] == 180
    assert found.one("log/project:Project").protect


@pytest.mark.parametrize("region", REGIONS)
def test_secrets_are_encrypted_with_a_key_that_is_rotated_and_kept(platform: object, region: str) -> None:
    found = platform.within(region)
    key = found.one("kms/key:Key")
    assert key.protect
    assert (key.inputs["automaticRotation"], key.inputs["pendingWindowInDays"]) == ("Enabled", 30)
    assert found.one(":ManagedKubernetes").inputs["encryptionProviderKey"] == f"{region}-secrets-key-id"


@pytest.mark.parametrize("region", REGIONS)
def test_images_are_private_and_none_is_made_by_a_misspelt_push(platform: object, region: str) -> None:
    found = platform.within(region)
    namespace = found.one("cr/namespace:Namespace").inputs
    assert (namespace["autoCreate"], namespace["defaultVisibility"]) == (False, "PRIVATE")
    assert {item.inputs["name"] for item in found.of("cr/repo:Repo")} == {"trainer", "controllers"}


@pytest.mark.parametrize("region", REGIONS)
def test_an_older_cluster_keeps_the_security_group_and_the_key_that_it_has(platform: object, region: str) -> None:
    kept = platform.within(region).one(":ManagedKubernetes").ignore_changes
    assert {"securityGroupId", "encryptionProviderKey"} <= set(kept)


@pytest.mark.parametrize("region", REGIONS)
def test_serving_goes_before_training_in_every_cluster(platform: object, region: str) -> None:
    values = {
        item.inputs["metadata"]["name"]: item.inputs["value"] for item in platform.within(region).of(":PriorityClass")
    }
    assert values["language-models-serving"] > values["language-models-training"] > 0


@pytest.mark.parametrize("region", REGIONS)
def test_every_admission_rule_is_enforced_in_every_businesss_namespace(platform: object, region: str) -> None:
    found = platform.within(region)
    policies = {item.inputs["metadata"]["name"] for item in found.of(":ValidatingAdmissionPolicy")}
    bindings = [item.inputs["spec"] for item in found.of(":ValidatingAdmissionPolicyBinding")]
    assert len(policies) == 3
    assert {binding["policyName"] for binding in bindings} == policies
    for binding in bindings:
        assert binding["validationActions"] == ["Deny"]
        (expression,) = binding["matchResources"]["namespaceSelector"]["matchExpressions"]
        assert expression == {"key": "language-models/business", "operator": "Exists"}


@pytest.mark.parametrize("region", REGIONS)
def test_access_logs_are_kept_for_half_a_year_in_a_bucket_that_no_business_owns(platform: object, region: str) -> None:
    bucket = platform.within(region).one("oss/bucket:Bucket").inputs
    assert bucket["bucket"] == f"example-{region}-access-logs"
    assert bucket["lifecycleRules"][0]["expirations"] == [{"days": 180}]


def test_a_region_uses_no_provider_of_another(platform: object) -> None:
    for region in REGIONS:
        for item in platform.within(region).registrations:
            if item.custom and not item.type.startswith("pulumi:providers:"):
                assert region in item.provider, item.name


def test_the_platform_exports_what_businesses_need_and_keeps_the_kubeconfig_secret(platform: object) -> None:
    assert platform.exports.keys() == {"account", "zone", "zone_servers", "regions", "kubeconfigs"}
    assert platform.exports["regions"].keys() == set(REGIONS)
    for region in platform.exports["regions"].values():
        assert region.keys() == {
            "access_logs_bucket",
            "cluster_id",
            "egress_address",
            "identity_issuer",
            "identity_provider",
            "log_project",
            "network_id",
            "registry_namespace",
            "switch_ids",
        }
        assert len(region["switch_ids"]) == 3


def test_credentials_of_another_account_stop_the_program_before_the_first_resource(
    run_program: Callable, recorder_factory: Callable
) -> None:
    recorder = recorder_factory(account="9999999999999999")
    named = settings().platform.model_copy(update={"account": "1234567890123456"})
    with pytest.raises(pulumi.RunError, match=r"9999999999999999.*1234567890123456.*nothing was changed.*way out"):
        run_program(lambda: deploy(StackSettings(named, None)), "platform", recorder)
    assert [item for item in recorder.made if not item.startswith("pulumi:")] == []


def test_credentials_of_another_account_than_the_one_deployed_to_stop_the_program(
    run_program: Callable, recorder_factory: Callable
) -> None:
    """Also a destroy, which otherwise would find nothing, forget everything and leave it running."""
    recorder = recorder_factory(account="9999999999999999", own_outputs={"account": "1234567890123456"})
    with pytest.raises(pulumi.RunError, match=r"9999999999999999.*1234567890123456 \(the state.*nothing was changed"):
        run_program(lambda: deploy(settings()), "platform", recorder)
    assert [item for item in recorder.made if not item.startswith("pulumi:")] == []
