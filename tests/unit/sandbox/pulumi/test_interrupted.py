"""What a killed engine was making is told from the notes that Pulumi leaves in its state."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.pulumi.interrupted import Creation, adopted, interrupted


def operation(kind: str, inputs: dict[str, Any], what: str = "creating") -> dict[str, Any]:
    urn = f"urn:pulumi:qa::project::{kind}::thing"
    return {"type": what, "resource": {"urn": urn, "custom": True, "type": kind, "inputs": inputs}}


def export(*operations: dict[str, Any]) -> dict[str, Any]:
    stack = {"urn": "urn:pulumi:qa::project::pulumi:pulumi:Stack::project-qa", "type": "pulumi:pulumi:Stack"}
    return {"version": 3, "deployment": {"resources": [stack], "pending_operations": list(operations)}}


BUCKET = operation("alicloud:oss/bucket:Bucket", {"bucket": "data"})
POOL = operation("alicloud:cs/nodePool:NodePool", {"name": "qa"})
UPDATE = operation("alicloud:oss/bucket:Bucket", {"bucket": "other"}, "updating")


def test_only_creations_count_and_a_stack_without_any_has_none() -> None:
    assert [creation.inputs for creation in interrupted(export(BUCKET, UPDATE))] == [{"bucket": "data"}]
    assert interrupted({"version": 3, "deployment": {}}) == []


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
        ("kubernetes:core/v1:ConfigMap", {"metadata": {"name": "a", "namespace": "qa"}}, "qa/a"),
        ("kubernetes:core/v1:Namespace", {"metadata": {"name": "qa"}}, "qa"),
        ("kubernetes:core/v1:ConfigMap", {"metadata": {"generateName": "a-"}}, None),
        ("alicloud:vpc/network:Network", {"vpcName": "main"}, None),
    ],
)
def test_an_identifier_is_told_where_it_follows_from_the_inputs(
    kind: str, inputs: dict[str, Any], identifier: str | None
) -> None:
    assert Creation("urn", kind, inputs).identifier == identifier


def test_what_is_adopted_becomes_a_resource_and_other_notes_stay() -> None:
    before = export(BUCKET, POOL, UPDATE)
    after = adopted(before, interrupted(before))["deployment"]
    assert after["pending_operations"] == [POOL, UPDATE]
    stack, bucket = after["resources"]
    assert stack == before["deployment"]["resources"][0]
    assert bucket == {**BUCKET["resource"], "id": "data", "outputs": {"bucket": "data"}}
