"""Roles get what their policies allow, and only those whom they trust may take them on."""

from __future__ import annotations

import dataclasses
import datetime
import json
from typing import Any

import jwt
import pytest

from sandbox.cloud.core.accounts import Principal
from sandbox.cloud.core.authorization import evaluate, wildcard_match
from sandbox.cloud.core.errors import AccessDenied

READ = {"Effect": "Allow", "Action": ["oss:GetObject"], "Resource": ["acs:oss:*:*:data/*"]}


def text(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "1", "Statement": list(statements)})


def trust(kind: str, principal: str, condition: dict[str, Any] | None = None) -> str:
    statement = {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {kind: [principal]}}
    if condition is not None:
        statement["Condition"] = condition
    return text(statement)


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [("oss:*", "oss:GetObject", True), ("oss:Get?bject", "oss:GetObject", True), ("oss:Get", "oss:GetObject", False)],
)
def test_wildcards(pattern: str, value: str, fits: bool) -> None:
    assert wildcard_match(pattern, value) is fits


@pytest.mark.parametrize(
    ("statements", "decision"),
    [
        ([], "none"),
        ([READ], "allow"),
        ([READ, {**READ, "Effect": "Deny"}], "deny"),
        ([{**READ, "Action": "OSS:getobject"}], "allow"),
        ([{**READ, "Resource": "acs:oss:*:*:other/*"}], "none"),
        ([{"Effect": "Allow", "NotAction": "oss:Put*", "Resource": "*"}], "allow"),
        ([{"Effect": "Allow", "Action": "*", "NotResource": "acs:oss:*:*:data/*"}], "none"),
        ([{**READ, "Condition": {"Bool": {"acs:SecureTransport": "true"}}}], "allow"),
        ([{**READ, "Condition": {"Bool": {"acs:SecureTransport": False}}}], "none"),
        ([{**READ, "Condition": {"StringLike": {"oss:Prefix": ["a*", "b*"]}}}], "none"),
        ([{**READ, "Condition": {"IpAddress": {"acs:SourceIp": ["10.0.0.0/8"]}}}], "allow"),
        ([{**READ, "Condition": {"NotIpAddress": {"acs:SourceIp": ["10.0.0.0/8"]}}}], "none"),
        ([{**READ, "Condition": {"NoSuchOperator": {"a": "b"}}}], "none"),
        ([READ, {**READ, "Effect": "Deny", "Condition": {"NoSuchOperator": {"a": "b"}}}], "deny"),
    ],
)
def test_policies_decide(statements: list[dict[str, Any]], decision: str) -> None:
    context = {"acs:SecureTransport": "true", "acs:SourceIp": "10.1.2.3"}
    policies = [text(statement) for statement in statements]
    assert evaluate(policies, "oss:GetObject", "acs:oss:cn-hangzhou:1:data/a.txt", context) == decision


def make_role(world: Any, name: str = "reader", document: str | None = None) -> str:
    root = f"acs:ram::{world.cloud.context.accounts.account_id}:root"
    trusted = document if document is not None else trust("RAM", root)
    made = world.rpc("Ram", "CreateRole", RoleName=name, AssumeRolePolicyDocument=trusted)
    return str(made["Role"]["Arn"])


def attach(world: Any, role: str, document: str, policy: str = "read") -> None:
    world.rpc("Ram", "CreatePolicy", PolicyName=policy, PolicyDocument=document)
    world.rpc("Ram", "AttachPolicyToRole", RoleName=role, PolicyName=policy, PolicyType="Custom")


def principal(role: str, session_policy: str | None = None) -> Principal:
    return Principal("1", f"acs:sts::1:assumed-role/{role}/s", "role", role, session_policy)


def test_the_root_key_may_do_everything(world: Any) -> None:
    world.cloud.authorizer.authorize(world.cloud.context.accounts.root.principal, "oss:PutObject", "acs:oss:*:1:b/k")


def test_a_role_may_do_what_its_attached_policies_allow_and_loses_it_when_detached(world: Any) -> None:
    make_role(world)
    attach(world, "reader", text(READ))
    world.cloud.authorizer.authorize(principal("reader"), "oss:GetObject", "acs:oss:*:1:data/k")
    with pytest.raises(AccessDenied, match="no policy of it allows"):
        world.cloud.authorizer.authorize(principal("reader"), "oss:PutObject", "acs:oss:*:1:data/k")
    world.rpc("Ram", "DetachPolicyFromRole", RoleName="reader", PolicyName="read", PolicyType="Custom")
    with pytest.raises(AccessDenied):
        world.cloud.authorizer.authorize(principal("reader"), "oss:GetObject", "acs:oss:*:1:data/k")


def test_a_session_policy_narrows_the_roles_own(world: Any) -> None:
    make_role(world)
    attach(world, "reader", text({"Effect": "Allow", "Action": "oss:*", "Resource": "*"}))
    narrow = principal("reader", text(READ))
    world.cloud.authorizer.authorize(narrow, "oss:GetObject", "acs:oss:*:1:data/k")
    with pytest.raises(AccessDenied):
        world.cloud.authorizer.authorize(narrow, "oss:DeleteObject", "acs:oss:*:1:data/k")


def test_the_version_in_force_decides(world: Any) -> None:
    make_role(world)
    attach(world, "reader", text(READ))
    put = text({**READ, "Action": "oss:PutObject"})
    world.rpc("Ram", "CreatePolicyVersion", PolicyName="read", PolicyDocument=put)
    world.cloud.authorizer.authorize(principal("reader"), "oss:GetObject", "acs:oss:*:1:data/k")
    world.rpc("Ram", "SetDefaultPolicyVersion", PolicyName="read", VersionId="v2")
    world.cloud.authorizer.authorize(principal("reader"), "oss:PutObject", "acs:oss:*:1:data/k")
    assert world.rpc.send("Ram", "DeletePolicyVersion", PolicyName="read", VersionId="v2").code == (
        "DeleteConflict.PolicyVersion.Default"
    )


def test_a_policy_keeps_five_versions_and_rotates_when_told_to(world: Any) -> None:
    world.rpc("Ram", "CreatePolicy", PolicyName="p", PolicyDocument=text(READ))
    for _ in range(4):
        world.rpc("Ram", "CreatePolicyVersion", PolicyName="p", PolicyDocument=text(READ), SetAsDefault="true")
    more = {"PolicyName": "p", "PolicyDocument": text(READ)}
    assert world.rpc.send("Ram", "CreatePolicyVersion", **more).code == "LimitExceeded.Policy.Version"
    rotation = "DeleteOldestNonDefaultVersionWhenLimitExceeded"
    world.rpc("Ram", "CreatePolicyVersion", **more, RotateStrategy=rotation)
    versions = world.rpc("Ram", "ListPolicyVersions", PolicyName="p")["PolicyVersions"]["PolicyVersion"]
    assert [version["VersionId"] for version in versions] == ["v2", "v3", "v4", "v5", "v6"]


@pytest.mark.parametrize(
    "document", ["", "{", "[]", '{"Version": "2"}', text({"Effect": "Maybe"}), text({"Effect": "Deny"})]
)
def test_what_is_no_policy_is_refused(world: Any, document: str) -> None:
    reply = world.rpc.send("Ram", "CreatePolicy", PolicyName="p", PolicyDocument=document)
    assert reply.code in ("MalformedPolicyDocument", "MissingPolicyDocument")


def test_a_role_with_policies_is_not_deleted(world: Any) -> None:
    make_role(world)
    attach(world, "reader", text(READ))
    assert world.rpc.send("Ram", "DeleteRole", RoleName="reader").code == "DeleteConflict.Role.Policy"
    assert world.rpc.send("Ram", "DeletePolicy", PolicyName="read").code == "DeleteConflict.Policy.Role"


def test_system_policies_can_be_attached_by_name(world: Any) -> None:
    make_role(world)
    one = {"RoleName": "reader", "PolicyType": "System"}
    world.rpc("Ram", "AttachPolicyToRole", **one, PolicyName="AliyunOSSReadOnlyAccess")
    world.cloud.authorizer.authorize(principal("reader"), "oss:GetObject", "acs:oss:*:1:any/k")
    assert world.rpc.send("Ram", "AttachPolicyToRole", **one, PolicyName="NoSuch").code == "EntityNotExist.Policy"


def test_an_assumed_role_gets_keys_that_its_policies_bound(world: Any) -> None:
    arn = make_role(world)
    attach(world, "reader", text({"Effect": "Allow", "Action": "vpc:Describe*", "Resource": "*"}))
    made = world.rpc("Sts", "AssumeRole", RoleArn=arn, RoleSessionName="test")["Credentials"]
    client = dataclasses.replace(
        world.rpc,
        access_key_id=made["AccessKeyId"],
        access_key_secret=made["AccessKeySecret"],
        security_token=made["SecurityToken"],
    )
    assert client("Vpc", "DescribeVpcs")["TotalCount"] == 0
    reply = client.send("Vpc", "CreateVpc", CidrBlock="10.0.0.0/8")
    assert (reply.status, reply.code) == (403, "NoPermission")
    assert "vpc:CreateVpc" in reply.json()["Message"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"RoleArn": "acs:ram::1:role/reader"}, "EntityNotExist.Role"),
        ({"RoleArn": "reader"}, "InvalidParameter.RoleArn"),
        ({"RoleSessionName": "a b"}, "InvalidParameter.RoleSessionName"),
        ({"DurationSeconds": "60"}, "InvalidParameter.DurationSeconds"),
        ({"DurationSeconds": "7200"}, "InvalidParameter.DurationSeconds"),
        ({"Policy": "{"}, "MalformedPolicyDocument"),
    ],
)
def test_a_session_that_cannot_be_is_refused(world: Any, changes: dict[str, str], code: str) -> None:
    arn = make_role(world)
    assert world.rpc.send("Sts", "AssumeRole", **{"RoleArn": arn, "RoleSessionName": "test", **changes}).code == code


def test_a_role_that_does_not_trust_the_account_is_not_given(world: Any) -> None:
    arn = make_role(world, document=trust("Service", "ecs.aliyuncs.com"))
    reply = world.rpc.send("Sts", "AssumeRole", RoleArn=arn, RoleSessionName="test")
    assert (reply.status, reply.code) == (403, "NoPermission")


class Pod:
    """A pod's way to credentials: the token that its cluster gives it, and the unsigned call that trades it in."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.cluster, _ = world.cluster(enable_rrsa=True)
        account = world.cloud.context.accounts.account_id
        self.provider = f"acs:ram::{account}:oidc-provider/ack-rrsa-{self.cluster}"
        self.backend = world.backends["cn-hangzhou"]
        condition = {"StringEquals": {"oidc:sub": "system:serviceaccount:qa:trainer", "oidc:aud": "sts.aliyuncs.com"}}
        self.role = make_role(world, "trainer", trust("Federated", self.provider, condition))

    def token(self, **changes: Any) -> str:
        now = int(self.world.clock.now().timestamp())
        claims = {
            "iss": self.backend.issuer,
            "aud": ["sts.aliyuncs.com"],
            "sub": "system:serviceaccount:qa:trainer",
            "exp": now + 3600,
            "nbf": now,
            **changes,
        }
        return jwt.encode(claims, self.backend.signing_key(), algorithm="RS256")

    def call(self, token: str, **changes: str) -> Any:
        return self.world.rpc.post(
            {
                "Action": "AssumeRoleWithOIDC",
                "Version": "2015-04-01",
                "Format": "JSON",
                "RoleArn": self.role,
                "OIDCProviderArn": self.provider,
                "OIDCToken": token,
                "RoleSessionName": "qa.trainer",
                **changes,
            }
        )


def test_a_pods_token_becomes_credentials_of_its_role(world: Any) -> None:
    pod = Pod(world)
    reply = pod.call(pod.token())
    assert reply.status == 200, reply.text
    answer = reply.json()
    assert answer["OIDCTokenInfo"]["Subject"] == "system:serviceaccount:qa:trainer"
    found = world.cloud.context.accounts.find(answer["Credentials"]["AccessKeyId"])
    assert (found.principal.kind, found.principal.role_name) == ("role", "trainer")


def test_tokens_that_prove_nothing_are_refused(world: Any) -> None:
    pod = Pod(world)
    now = int(world.clock.now().timestamp())
    invalid = "AuthenticationFail.OIDCToken.Invalid"
    assert pod.call("no token").code == invalid
    assert pod.call(pod.token(iss="https://elsewhere")).code == invalid
    assert pod.call(pod.token(aud=["vault"])).code == invalid
    assert pod.call(pod.token(nbf=now + 3600)).code == invalid
    assert pod.call(pod.token()[:-8] + "AAAAAAAA").code == invalid
    assert pod.call(pod.token(exp=now - 3600)).code == "AuthenticationFail.OIDCToken.Expired"
    unsigned = jwt.encode({"sub": "system:serviceaccount:qa:trainer"}, "", algorithm="none")
    assert pod.call(unsigned).code == invalid


def test_another_service_account_does_not_get_the_role(world: Any) -> None:
    pod = Pod(world)
    reply = pod.call(pod.token(sub="system:serviceaccount:textgen:trainer"))
    assert (reply.status, reply.code) == (403, "NoPermission")


def test_an_unknown_provider_is_not_found(world: Any) -> None:
    pod = Pod(world)
    assert pod.call(pod.token(), OIDCProviderArn=pod.provider + "x").code == "EntityNotExist.OIDCProvider"


def test_sessions_are_forgotten_when_they_expire(world: Any) -> None:
    pod = Pod(world)
    key = pod.call(pod.token()).json()["Credentials"]["AccessKeyId"]
    world.clock.advance(datetime.timedelta(hours=1))
    assert world.cloud.context.accounts.find(key) is None
