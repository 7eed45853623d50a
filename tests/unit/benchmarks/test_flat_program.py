"""The flat program beside which previews are measured: what it declares is what the stack holds."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from benchmarks.flat_program import SECRET, flatten

URN = "urn:pulumi:qa::clusters::"
ROOT = f"{URN}pulumi:pulumi:Stack::clusters-qa"
STORE = f"{URN}clusters:infra:Store::data"
CLOUD = f"{URN}pulumi:providers:alicloud::alicloud-cn-hangzhou"
CLUSTER = f"{URN}pulumi:providers:kubernetes::kubernetes-cn-hangzhou"
REFERENCE = f"{URN}pulumi:pulumi:StackReference::organization/clusters/platform"
BUCKET = f"{URN}clusters:infra:Store$alicloud:oss/bucket:Bucket::data-bucket"
OBJECT = f"{URN}clusters:infra:Store$kubernetes:rbac.authorization.k8s.io/v1:Role::role"


def row(urn: str, inputs: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    kind = urn.split("::")[2].rsplit("$", 1)[-1]
    return {"urn": urn, "custom": True, "type": kind, "id": "x", "inputs": inputs or {}, "parent": ROOT, **more}


def export() -> dict[str, Any]:
    rows = [
        {"urn": ROOT, "custom": False, "type": "pulumi:pulumi:Stack", "outputs": {"business": "qa"}},
        row(f"{URN}pulumi:providers:pulumi::default"),
        row(
            REFERENCE, {"name": "organization/clusters/platform"}, provider=f"{URN}pulumi:providers:pulumi::default::x"
        ),
        row(CLOUD, {"region": "cn-hangzhou", "version": "4.0.0", "__internal": {}}),
        row(CLUSTER, {"kubeconfig": {SECRET: "1b47", "ciphertext": "v1:"}, "enableServerSideApply": "true"}),
        {"urn": STORE, "custom": False, "type": "clusters:infra:Store", "parent": ROOT},
        row(
            BUCKET,
            {
                "__defaults": ["forceDestroy"],
                "bucket": "example-data",
                "forceDestroy": False,
                "lifecycleRules": [{"__defaults": [], "enabled": True, "expirations": [{"__defaults": [], "days": 3}]}],
            },
            parent=STORE,
            provider=f"{CLOUD}::x",
            protect=True,
            sourcePosition="project:///x.py#1",
        ),
        row(
            OBJECT,
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "role"}, "rules": []},
            parent=STORE,
            provider=f"{CLUSTER}::x",
            dependencies=[BUCKET],
            propertyDependencies={"metadata": [BUCKET], "rules": None},
            ignoreChanges=["rules"],
        ),
    ]
    return {"version": 3, "deployment": {"resources": rows, "pending_operations": []}}


def calls(text: str) -> dict[str, tuple[str, dict[str, str]]]:
    """Constructor and arguments of each resource that a program makes, by its name."""
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            arguments = {str(word.arg): ast.unparse(word.value) for word in node.value.keywords}
            found[ast.literal_eval(node.value.args[0])] = (ast.unparse(node.value.func), arguments)
    return found


def test_each_resource_is_a_plain_constructor_with_its_inputs_provider_and_order() -> None:
    flat = flatten(export())
    made = calls(flat.text)
    assert flat.resources == 2
    assert {name: constructor for name, (constructor, _) in made.items()} == {
        "organization/clusters/platform": "pulumi.StackReference",
        "alicloud-cn-hangzhou": "pulumi_alicloud.Provider",
        "kubernetes-cn-hangzhou": "pulumi_kubernetes.Provider",
        "data-bucket": "pulumi_alicloud.oss.Bucket",
        "role": "pulumi_kubernetes.rbac.v1.Role",
    }
    _, bucket = made["data-bucket"]
    assert bucket == {
        "bucket": "'example-data'",
        "lifecycle_rules": "[{'enabled': True, 'expirations': [{'days': 3}]}]",
        "opts": "pulumi.ResourceOptions(provider=resource_1, protect=True)",
    }
    options = "pulumi.ResourceOptions(provider=resource_2, depends_on=[resource_3], ignore_changes=['rules'])"
    assert made["role"][1] == {"metadata": "{'name': 'role'}", "rules": "[]", "opts": options}


def test_what_is_secret_comes_from_the_platform_and_stands_in_no_program() -> None:
    _, cluster = calls(flatten(export()).text)["kubernetes-cn-hangzhou"]
    assert cluster["kubeconfig"].startswith("resource_0.get_output('kubeconfigs')")
    assert cluster["enable_server_side_apply"] == "True"


def test_the_state_loses_its_components_and_nothing_else() -> None:
    rows = {row["urn"]: row for row in flatten(export()).deployment["deployment"]["resources"]}
    role = rows["urn:pulumi:flat::flat::kubernetes:rbac.authorization.k8s.io/v1:Role::role"]
    bucket = "urn:pulumi:flat::flat::alicloud:oss/bucket:Bucket::data-bucket"
    assert len(rows) == len(export()["deployment"]["resources"]) - 1
    assert rows[bucket]["inputs"] == export()["deployment"]["resources"][6]["inputs"]
    assert role["dependencies"] == role["propertyDependencies"]["metadata"] == [bucket]
    assert role["parent"] == "urn:pulumi:flat::flat::pulumi:pulumi:Stack::flat-flat"
    assert role["provider"] == "urn:pulumi:flat::flat::pulumi:providers:kubernetes::kubernetes-cn-hangzhou::x"


def test_what_would_not_be_the_same_resource_is_refused() -> None:
    twice = export()
    twin = twice["deployment"]["resources"][6]
    twice["deployment"]["resources"].append({**twin, "urn": BUCKET.replace("Store$", "Other$")})
    with pytest.raises(ValueError, match="two resources of a type have one name"):
        flatten(twice)
    strange = export()
    strange["deployment"]["resources"][6]["inputs"]["colour"] = "red"
    with pytest.raises(ValueError, match="no parameter of its constructor is called colour"):
        flatten(strange)
