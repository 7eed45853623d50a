"""What a killed engine was making is told from the notes that Pulumi leaves in its state."""

from __future__ import annotations

from typing import Any

import pytest

from infra.resume.identifiers import derived
from infra.resume.state import Creation, accounts, adopted, creations, known_identifiers, present, settled

PROVIDER = "urn:pulumi:qa::project::pulumi:providers:alicloud::alicloud-cn-beijing"
STACK = {"urn": "urn:pulumi:qa::project::pulumi:pulumi:Stack::project-qa", "type": "pulumi:pulumi:Stack"}


def operation(kind: str, inputs: dict[str, Any], what: str = "creating") -> dict[str, Any]:
    urn = f"urn:pulumi:qa::project::{kind}::thing"
    resource = {"urn": urn, "custom": True, "type": kind, "inputs": inputs, "provider": f"{PROVIDER}::1-2"}
    return {"type": what, "resource": resource}


def export(*operations: dict[str, Any], resources: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    provider = {"urn": PROVIDER, "type": "pulumi:providers:alicloud", "id": "1-2", "inputs": {"region": "cn-beijing"}}
    return {
        "version": 3,
        "deployment": {"resources": [STACK, provider, *resources], "pending_operations": list(operations)},
    }


BUCKET = operation("alicloud:oss/bucket:Bucket", {"bucket": "data"})
POOL = operation("alicloud:cs/nodePool:NodePool", {"name": "qa"})
UPDATE = operation("alicloud:oss/bucket:Bucket", {"bucket": "other"}, "updating")
URN = BUCKET["resource"]["urn"]


def test_only_creations_count_each_with_its_providers_region() -> None:
    found = creations(export(BUCKET, UPDATE))
    assert [(creation.inputs, creation.region) for creation in found] == [({"bucket": "data"}, "cn-beijing")]
    assert creations({"version": 3, "deployment": {}}) == []


@pytest.mark.parametrize(
    ("kind", "inputs", "identifier"),
    [
        ("alicloud:oss/bucket:Bucket", {"bucket": "data"}, "data"),
        ("alicloud:oss/bucket:Bucket", {}, None),
        (
            "alicloud:ram/rolePolicyAttachment:RolePolicyAttachment",
            {"roleName": "r", "policyName": "p", "policyType": "Custom"},
            "role:p:Custom:r",
        ),
        ("alicloud:ecs/eipAssociation:EipAssociation", {"allocationId": "eip-1", "instanceId": "ngw-1"}, "eip-1:ngw-1"),
        (
            "alicloud:ecs/securityGroupRule:SecurityGroupRule",
            {
                "securityGroupId": "sg-1",
                "type": "ingress",
                "ipProtocol": "all",
                "cidrIp": "10.0.0.0/8",
                "priority": 1.0,
            },
            "sg-1:ingress:all:-1/-1:intranet:10.0.0.0/8:accept:1",
        ),
        ("alicloud:cr/repo:Repo", {"namespace": "models", "name": "trainer"}, "models/trainer"),
        ("kubernetes:core/v1:ConfigMap", {"metadata": {"name": "a", "namespace": "qa"}}, "qa/a"),
        ("kubernetes:core/v1:Namespace", {"metadata": {"name": "qa"}}, "qa"),
        ("kubernetes:core/v1:ConfigMap", {"metadata": {"generateName": "a-"}}, None),
        ("alicloud:vpc/network:Network", {"vpcName": "main"}, None),
    ],
)
def test_an_identifier_is_told_where_it_follows_from_the_inputs(
    kind: str, inputs: dict[str, Any], identifier: str | None
) -> None:
    assert derived(Creation("urn", kind, inputs)) == identifier


def test_what_is_adopted_becomes_a_resource_and_every_note_stays_until_it_was_looked_at() -> None:
    before = export(BUCKET, POOL, UPDATE)
    after = adopted(before, {URN: "data"})
    assert after["deployment"]["pending_operations"] == [BUCKET, POOL, UPDATE]
    bucket = {**BUCKET["resource"], "id": "data", "outputs": {"bucket": "data"}}
    assert after["deployment"]["resources"] == [*before["deployment"]["resources"], bucket]
    assert settled(after, [URN])["deployment"]["pending_operations"] == [POOL, UPDATE]


def test_adopting_twice_is_adopting_once() -> None:
    once = adopted(export(BUCKET), {URN: "data"})
    assert not creations(once)[0].made
    assert known_identifiers(once) == {("pulumi:providers:alicloud", "1-2")}
    assert adopted(once, {URN: "data"}) == once


def test_what_was_to_be_replaced_is_deleted_after_and_what_was_deleted_before_is_gone() -> None:
    old = {
        **BUCKET["resource"],
        "inputs": {"bucket": "old"},
        "id": "old",
        "outputs": {"bucket": "old", "acl": "private"},
    }
    kept = adopted(export(BUCKET, resources=(old,)), {URN: "data"})["deployment"]["resources"]
    assert [(item["id"], item.get("delete")) for item in kept[2:]] == [("old", True), ("data", None)]
    gone = {**old, "pendingReplacement": True}
    kept = adopted(export(BUCKET, resources=(gone,)), {URN: "data"})["deployment"]["resources"]
    assert [item["id"] for item in kept[2:]] == ["data"]


def test_a_note_that_a_later_update_made_void_is_known_as_such() -> None:
    made = {**BUCKET["resource"], "id": "data", "outputs": {"bucket": "data", "acl": "private"}}
    (creation,) = creations(export(BUCKET, resources=(made,)))
    assert creation.made == "data"
    assert ("alicloud:oss/bucket:Bucket", "data") in known_identifiers(export(BUCKET, resources=(made,)))


def test_what_the_refresh_did_not_find_is_not_present() -> None:
    state = adopted(export(BUCKET), {URN: "data"})
    assert present(state, [URN, "urn:other"]) == {URN: "data"}
    assert present(export(BUCKET), [URN]) == {}


def test_the_account_is_read_from_resource_names() -> None:
    role = {"urn": "r", "type": "alicloud:ram/role:Role", "outputs": {"arn": "acs:ram::1234567890123456:role/x"}}
    assert accounts(export(resources=(role,))) == {"1234567890123456"}
    assert accounts(export()) == set()
