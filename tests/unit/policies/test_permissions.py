"""What deployers must be allowed: whole for every resource of every stack, small enough, and the page is current."""

from __future__ import annotations

import ast
import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from policies import permissions
from policies.dry_run import plan_of

ROOT = Path(__file__).resolve().parents[3]


def allowed(policy: dict[str, Any]) -> set[str]:
    return {action for statement in policy["Statement"] for action in statement["Action"]}


@pytest.fixture(scope="module")
def policies() -> dict[str, permissions.Policy]:
    return dict(permissions.policies())


def test_every_call_of_every_resource_that_a_stack_holds_is_allowed_to_its_deployer(policies: dict[str, Any]) -> None:
    types = set()
    for who in permissions.deployers():
        for stack in who.stacks:
            for item in plan_of(stack).resources:
                if item.type.startswith("alicloud:"):
                    types.add(item.type)
                    assert permissions.actions_of(item.type) <= allowed(policies[who.name]), item.type
    assert len(types) >= 25


def test_a_resource_is_made_and_removed_by_a_deployer_and_by_nobody_who_reviews(policies: dict[str, Any]) -> None:
    platform, business = allowed(policies["platform"]), allowed(policies["business"])
    assert {"oss:PutBucket", "oss:DeleteBucket"} <= platform & business
    assert {"vpc:CreateVpc", "cs:CreateCluster", "cs:DeleteCluster"} <= platform - business
    assert {"cs:CreateClusterNodePool", "alidns:AddDomainRecord", "ram:CreateRole", "ram:DeleteRole"} <= business
    reads = allowed(policies["reviewer"])
    assert len(reads) >= 40
    assert all(action.split(":")[1].startswith(permissions.READING) for action in reads)


def test_no_policy_allows_an_action_by_a_star_and_buckets_are_the_organizations(policies: dict[str, Any]) -> None:
    for name, policy in policies.items():
        assert not [action for action in allowed(policy) if "*" in action]
        buckets = policy["Statement"][1]["Resource"]
        if name != "reviewer":
            assert any(fnmatchcase("acs:oss:*:*:example-qa-cn-hangzhou-data", place) for place in buckets)
            assert not any(fnmatchcase("acs:oss:*:*:another-companys-data", place) for place in buckets)


def test_every_policy_is_short_enough_for_ram(policies: dict[str, Any]) -> None:
    for policy in policies.values():
        assert len(json.dumps(policy, separators=(",", ":"))) <= permissions.DOCUMENT_LIMIT


def test_what_the_program_looks_up_is_known() -> None:
    """A new look-up in infra needs its calls here."""
    calls = set()
    for path in (ROOT / "infra").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr.startswith("get_"):
                place = ast.unparse(node)
                if place.startswith("alicloud."):
                    calls.add(place.removesuffix("_output"))
    assert calls == {"alicloud.get_account", "alicloud.cs.get_cluster_credential"}


def test_an_unknown_type_and_an_unknown_call_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(permissions.PermissionsError, match="built without it"):
        permissions.actions_of("alicloud:moon/base:Base")
    with pytest.raises(permissions.PermissionsError, match=r"no RAM action is known .* add it to permissions\.py"):
        permissions._action("resource.alicloud_x", {"product": "Moon", "action": "Land"})


def test_the_page_is_current() -> None:
    page = (ROOT / permissions.PAGE).read_text(encoding="utf-8")
    assert page == permissions.page(), "run: python -m policies.permissions"


def test_one_policy_is_printed_as_it_is_given_to_ram(capsys: pytest.CaptureFixture[str]) -> None:
    assert permissions.main(["--only", "business"]) == 0
    assert json.loads(capsys.readouterr().out)["Version"] == "1"
