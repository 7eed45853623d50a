"""Accounts, users, roles, policies and keys, by the provider."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest

from tests.sandbox.test_terraform_provider.provider import EmulatorProcess, Properties, Provider

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(600)]


def test_the_account_and_the_zones_are_found(provider: Provider, emulator: EmulatorProcess) -> None:
    account = provider.invoke("alicloud:index/getAccount:getAccount")
    assert account["id"] == emulator.credentials()["account_id"]
    zones = provider.invoke("alicloud:index/getZones:getZones", availableResourceCreation="VSwitch")
    assert "cn-hangzhou-h" in zones["ids"]


def test_a_wrong_secret_is_refused_by_the_clouds_own_code(emulator: EmulatorProcess) -> None:
    plugin = Provider(emulator, secret="wrong")
    try:
        with pytest.raises(grpc.RpcError, match="SignatureDoesNotMatch"):
            plugin.create("alicloud:vpc/network:Network", {"cidrBlock": "10.0.0.0/8"})
    finally:
        plugin.close()


def test_roles_policies_and_attachments_live_and_die(provider: Provider, emulator: EmulatorProcess) -> None:
    root = f"acs:ram::{emulator.credentials()['account_id']}:root"
    trust = {"Version": "1", "Statement": [_statement("sts:AssumeRole", Principal={"RAM": [root]})]}
    allowed = {"Version": "1", "Statement": [_statement("oss:GetObject", Resource=["acs:oss:*:*:data/*"])]}
    more = {"Version": "1", "Statement": [_statement("oss:PutObject", Resource=["acs:oss:*:*:data/*"])]}
    role = provider.live(
        "alicloud:ram/role:Role",
        {"roleName": "trainer", "assumeRolePolicyDocument": json.dumps(trust), "tags": {"a": "1"}},
        {"description": "for the trainer", "maxSessionDuration": 7200},
        {"roleName": "trainer", "description": "for the trainer", "maxSessionDuration": 7200},
    )
    policy = provider.live(
        "alicloud:ram/policy:Policy",
        {"policyName": "data", "policyDocument": json.dumps(allowed)},
        {"policyDocument": json.dumps(more), "description": "data of the business"},
        {"policyName": "data", "description": "data of the business"},
    )
    attachment = provider.create(
        "alicloud:ram/rolePolicyAttachment:RolePolicyAttachment",
        {"roleName": "trainer", "policyName": "data", "policyType": "Custom"},
    )
    for resource in (attachment, policy, role):
        provider.die(resource)


def test_users_their_keys_and_attachments_live_and_die(provider: Provider, emulator: EmulatorProcess) -> None:
    user = provider.live(
        "alicloud:ram/user:User",
        {"name": "alice", "displayName": "Alice", "email": "alice@example.com", "force": True},
        {"name": "alicia", "displayName": "Alicia", "mobile": "86-18600008888", "comments": "renamed"},
        {"name": "alicia", "displayName": "Alicia", "mobile": "86-18600008888", "email": "alice@example.com"},
    )
    attachment = provider.create(
        "alicloud:ram/userPolicyAttachment:UserPolicyAttachment",
        {"userName": "alicia", "policyName": "AliyunOSSReadOnlyAccess", "policyType": "System"},
    )
    key = provider.create("alicloud:ram/accessKey:AccessKey", {"userName": "alicia"})
    secret = key.state["secret"]
    provider.update(key, {"status": "Inactive"})
    for resource in (key, attachment):
        provider.die(resource)
    provider.create("alicloud:ram/accessKey:AccessKey", {"userName": "alicia"})  # goes with its user, by force
    provider.die(user)
    assert str(secret) not in (emulator.state / "logs" / "cloud.log").read_text()


def test_keys_and_aliases_live_until_the_keys_are_scheduled_for_deletion(provider: Provider) -> None:
    key = provider.live(
        "alicloud:kms/key:Key",
        {"description": "a", "pendingWindowInDays": 7, "tags": {"a": "1"}},
        {"description": "b", "automaticRotation": "Enabled", "rotationInterval": "365d"},
        {"description": "b", "automaticRotation": "Enabled", "rotationInterval": "365d", "tags": {"a": "1"}},
    )
    other = provider.create("alicloud:kms/key:Key", {"pendingWindowInDays": 7})
    alias = provider.live(
        "alicloud:kms/alias:Alias",
        {"aliasName": "alias/data", "keyId": key.identifier},
        {"keyId": other.identifier},
        {"aliasName": "alias/data", "keyId": other.identifier},
    )
    provider.die(alias)
    for resource in (key, other):
        provider.delete(resource)


def test_a_key_and_its_alias_are_in_the_providers_region(emulator: EmulatorProcess) -> None:
    """The provider's calls name it by the host alone."""
    shanghai = Provider(emulator, region="cn-shanghai")
    key = shanghai.create("alicloud:kms/key:Key", {"pendingWindowInDays": 7})
    properties = {"aliasName": "alias/elsewhere", "keyId": key.identifier}
    shanghai.die(shanghai.create("alicloud:kms/alias:Alias", properties))
    shanghai.delete(key)
    shanghai.close()


def _statement(action: str, **more: Any) -> Properties:
    return {"Effect": "Allow", "Action": [action], **more}
