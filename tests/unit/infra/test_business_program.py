"""The wiring of a business's stack as a whole, against a recording engine.

Not covered here: whether providers and clouds accept what is registered; that is what tests/sandbox/ does for real.
"""

from __future__ import annotations

from collections.abc import Callable

import pulumi
import pytest

from infra.program import deploy
from tests.unit.infra.stacks import BUSINESSES, HANGZHOU, OTHER, custom, settings

UNTAGGED = (
    "cr/namespace:Namespace",
    "cr/repo:Repo",
    "log/store:Store",
    "log/storeIndex:StoreIndex",
    "cs/autoscalingConfig:AutoscalingConfig",
    "dns/alidnsRecord:AlidnsRecord",  # the cloud has no tags on these
    "ecs/eipAssociation:EipAssociation",
    "ecs/securityGroupRule:SecurityGroupRule",
    "oss/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "oss/bucketReplication:BucketReplication",
    "ram/rolePolicyAttachment:RolePolicyAttachment",
    "vpc/snatEntry:SnatEntry",
)


# ---- every resource


@pytest.mark.parametrize("name", ["platform", *BUSINESSES])
def test_every_resource_is_owned_placed_and_has_a_provider_of_its_own_region(committed: Callable, name: str) -> None:
    found = custom(committed(name))
    assert len(found) >= 40
    for item in found:
        assert "pulumi:providers:" in item.provider, item.name
        if item.name == "zone":
            continue
        assert "language-model-clusters:infra:" in item.parent, item.name
        regions = [region for region in OTHER if region in item.name]
        assert [region for region in OTHER if region in item.provider] == regions, item.name
    tagged = [item for item in found if item.type.startswith("alicloud:") and not item.type.endswith(UNTAGGED)]
    assert tagged
    for item in tagged:
        assert item.inputs["tags"]["business"] == name, item.name
        assert item.inputs["tags"]["owner"].startswith(name), item.name


def test_every_kubernetes_object_is_labelled_with_its_business_and_lies_in_its_namespace(qa: object) -> None:
    objects = [item for item in custom(qa) if item.type.startswith("kubernetes:")]
    assert objects
    for item in objects:
        assert item.inputs["metadata"]["labels"]["language-models/business"] == "qa", item.name
        if not item.type.endswith((":Namespace", ":ClusterRoleBinding")) and not item.name.endswith("-heartbeats"):
            assert item.inputs["metadata"]["namespace"] == "qa", item.name


def test_no_two_businesses_share_a_name_of_any_cloud_object(committed: Callable) -> None:
    """Everything that is looked up by name in the account or in a cluster."""
    keys = ("bucket", "roleName", "policyName", "nodePoolName", "loadBalancerName", "rr")
    owners: dict[tuple[str, str], str] = {}
    for business in BUSINESSES:
        for item in custom(committed(business)):
            for key in keys:
                if key in item.inputs and not item.type.endswith((":BucketReplication", "PublicAccessBlock")):
                    owner = owners.setdefault((key, item.inputs[key]), business)
                    assert owner == business, (key, item.inputs[key])
    assert len(owners) >= 5 * 2 * 6


# ---- names


def test_every_line_has_a_record_in_every_region_enabled_in_the_nearest_only(stack: object) -> None:
    records = [item.inputs for item in stack.of(":AlidnsRecord")]
    found = {(record["line"], record["value"]): record["status"] for record in records}
    hangzhou, beijing = "47.96.0.10", "39.96.0.20"
    assert found == {
        ("default", hangzhou): "ENABLE",
        ("telecom", hangzhou): "ENABLE",
        ("unicom", hangzhou): "DISABLE",
        ("default", beijing): "DISABLE",
        ("telecom", beijing): "DISABLE",
        ("unicom", beijing): "ENABLE",
    }
    for record in records:
        assert (record["domainName"], record["rr"], record["type"], record["ttl"]) == (
            "language.example.com",
            "qa",
            "A",
            10,
        )


def test_a_failover_is_not_undone_by_the_next_up(stack: object) -> None:
    records = stack.of(":AlidnsRecord")
    assert len(records) == 6
    assert {record.ignore_changes for record in records} == {("status",)}


# ---- the stack as a whole


def test_a_business_exports_where_its_things_are(stack: object) -> None:
    assert stack.exports["dns_name"] == "qa.language.example.com"
    assert stack.exports["regions"][HANGZHOU] == {
        "namespace": "qa",
        "bucket": "example-qa-cn-hangzhou-data",
        "buckets": {kind: f"example-qa-cn-hangzhou-{kind}" for kind in ("data", "models", "backups")},
        "models": "oss://example-qa-cn-hangzhou-models/models/",
        "role": "acs:ram::1234567890123456:role/example-qa-cn-hangzhou-training",
        "entry_address": "47.96.0.10",
        "dns_name": "qa.language.example.com",
        "training_deployment": "training",
        "serving_deployment": "serving",
        "logs": "kubectl --namespace qa logs --follow deployment/training",
    }


def test_what_was_deployed_as_one_of_its_kind_keeps_its_place_beside_the_others(stack: object) -> None:
    """Earlier versions had one pool, one bucket and one record a region; a rename would delete and remake them.

    The engine carries a component's alias over to its children.
    """
    former = {
        item.name: item.aliases for item in stack.within(HANGZHOU).registrations if item.type.endswith(":ObjectStore")
    }
    assert former["qa-cn-hangzhou-data"] == ("qa-cn-hangzhou",)
    assert former["qa-cn-hangzhou-models"] == ()
    pools = [item for item in stack.within(HANGZHOU).of("infra:NodePool") if item.aliases]
    assert [(item.name, item.aliases) for item in pools] == [("qa-cn-hangzhou-training", ("qa-cn-hangzhou",))]
    record = stack.within(HANGZHOU).one(":AlidnsRecord", "-record-default")
    assert record.aliases == ("qa-cn-hangzhou-record",)


def test_every_provider_says_its_region_and_the_kind_of_account(qa: object, region: str) -> None:
    provider = qa.one("pulumi:providers:alicloud").inputs
    assert (provider["region"], provider["accountType"]) == (region, "Domestic")
    assert not {"accessKey", "secretKey"} & provider.keys(), "credentials must not enter the state"


def test_credentials_of_another_account_than_the_platforms_stop_the_program_before_the_first_resource(
    run_program: Callable, recorder_factory: Callable
) -> None:
    recorder = recorder_factory(account="9999999999999999")
    with pytest.raises(pulumi.RunError, match=r"9999999999999999.*1234567890123456.*nothing was changed"):
        run_program(lambda: deploy(settings("qa")), "qa", recorder)
    assert [item for item in recorder.made if not item.startswith("pulumi:")] == []


def test_a_platform_that_is_not_deployed_is_named_with_the_way_out(
    run_program: Callable, recorder_factory: Callable
) -> None:
    recorder = recorder_factory(platform_outputs={})
    with pytest.raises(pulumi.RunError, match="pulumi up --stack platform"):
        run_program(lambda: deploy(settings("qa")), "qa", recorder)
