"""Users: made, changed and deleted as the Terraform provider does it; their keys sign, their policies decide.

Their keys at object storage are tried in test_policy_isolation.py.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

DESCRIBE = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "vpc:Describe*", "Resource": "*"}]}


def make_user(world: Any, name: str = "alice", **fields: str) -> dict[str, Any]:
    return dict(world.rpc("Ram", "CreateUser", UserName=name, **fields)["User"])


def make_key(world: Any, name: str = "alice") -> dict[str, str]:
    return dict(world.rpc("Ram", "CreateAccessKey", UserName=name)["AccessKey"])


def as_user(world: Any, name: str = "alice") -> Any:
    """A client that signs with a new key of the user."""
    key = make_key(world, name)
    return dataclasses.replace(world.rpc, access_key_id=key["AccessKeyId"], access_key_secret=key["AccessKeySecret"])


def allow(world: Any, document: dict[str, Any], name: str = "alice", policy: str = "own") -> None:
    world.rpc("Ram", "CreatePolicy", PolicyName=policy, PolicyDocument=json.dumps(document))
    world.rpc("Ram", "AttachPolicyToUser", UserName=name, PolicyName=policy, PolicyType="Custom")


def trusting(arn: str) -> str:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": [arn]}}
    return json.dumps({"Version": "1", "Statement": [statement]})


def test_a_user_is_read_as_it_was_made(world: Any) -> None:
    made = make_user(world, DisplayName="Alice", MobilePhone="86-18600008888", Email="a@example.com", Comments="c")
    assert world.rpc("Ram", "GetUser", UserName="ALICE")["User"] == made
    assert (made["DisplayName"], made["MobilePhone"], made["Email"]) == ("Alice", "86-18600008888", "a@example.com")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"UserName": ""}, "MissingUserName"),
        ({"UserName": "a b"}, "InvalidParameter.UserName.InvalidChars"),
        ({"UserName": "a" * 65}, "InvalidParameter.UserName.Length"),
        ({"UserName": "a", "Email": "nowhere"}, "InvalidParameter.Email.Format"),
        ({"UserName": "a", "MobilePhone": "call me"}, "InvalidParameter.MobilePhone.Format"),
        ({"UserName": "a", "Comments": "c" * 129}, "InvalidParameter.Comments.Length"),
        ({"UserName": "Alice"}, "EntityAlreadyExists.User"),
    ],
)
def test_a_user_that_cannot_be_is_refused(world: Any, fields: dict[str, str], code: str) -> None:
    make_user(world)
    assert world.rpc.send("Ram", "CreateUser", **fields).code == code


def test_lists_of_users_come_in_pages(world: Any) -> None:
    names = [make_user(world, f"user{number}")["UserName"] for number in range(5)]
    found, marker, pages = [], "", 0
    while True:
        page = world.rpc("Ram", "ListUsers", MaxItems="2", **({"Marker": marker} if marker else {}))
        found += [user["UserName"] for user in page["Users"]["User"]]
        pages += 1
        if not page["IsTruncated"]:
            break
        marker = page["Marker"]
    assert (found, pages) == (names, 3)
    assert world.rpc.send("Ram", "ListUsers", Marker="unknown").code == "InvalidParameter.Marker"


def test_fields_change_one_by_one_and_can_be_emptied(world: Any) -> None:
    made = make_user(world, DisplayName="Alice", Comments="c")
    changed = world.rpc("Ram", "UpdateUser", UserName="alice", NewUserName="alice", NewComments="")["User"]
    assert (changed["DisplayName"], changed["Comments"], changed["UserId"]) == ("Alice", "", made["UserId"])


def test_keys_and_policies_follow_a_new_name(world: Any) -> None:
    made = make_user(world)
    client = as_user(world)
    allow(world, DESCRIBE)
    world.rpc("Ram", "UpdateUser", UserName="alice", NewUserName="bob")
    assert world.rpc.send("Ram", "GetUser", UserName="alice").code == "EntityNotExist.User"
    assert client("Sts", "GetCallerIdentity")["PrincipalId"] == made["UserId"]
    assert client.send("Vpc", "DescribeVpcs").status == 200
    assert world.rpc("Ram", "ListPoliciesForUser", UserName="bob")["Policies"]["Policy"][0]["PolicyName"] == "own"


def test_a_name_that_another_has_is_refused_and_changes_nothing(world: Any) -> None:
    make_user(world)
    make_user(world, "bob")
    refused = world.rpc.send("Ram", "UpdateUser", UserName="alice", NewUserName="Bob", NewComments="x")
    assert (refused.status, refused.code) == (409, "EntityAlreadyExists.User")
    assert world.rpc("Ram", "GetUser", UserName="alice")["User"]["Comments"] == ""


def test_a_user_with_keys_or_policies_is_not_deleted(world: Any) -> None:
    make_user(world)
    key = make_key(world)["AccessKeyId"]
    allow(world, DESCRIBE)
    assert world.rpc.send("Ram", "DeleteUser", UserName="alice").code == "DeleteConflict.User.Policy"
    assert world.rpc.send("Ram", "DeletePolicy", PolicyName="own").code == "DeleteConflict.Policy.User"
    world.rpc("Ram", "DetachPolicyFromUser", UserName="alice", PolicyName="own", PolicyType="Custom")
    assert world.rpc.send("Ram", "DeleteUser", UserName="alice").code == "DeleteConflict.User.AccessKey"
    world.rpc("Ram", "DeleteAccessKey", UserName="alice", UserAccessKeyId=key)
    world.rpc("Ram", "DeleteUser", UserName="alice")
    assert world.rpc.send("Ram", "DeleteUser", UserName="alice").code == "EntityNotExist.User"


def test_what_the_provider_asks_before_it_deletes_by_force_has_an_answer(world: Any) -> None:
    make_user(world)
    assert world.rpc("Ram", "ListGroupsForUser", UserName="alice")["Groups"] == {"Group": []}
    for action, part in (("DeleteLoginProfile", "LoginProfile"), ("UnbindMFADevice", "MFADevice")):
        assert world.rpc.send("Ram", action, UserName="alice").code == f"EntityNotExist.User.{part}"


def test_a_secret_is_shown_once_only(world: Any) -> None:
    make_user(world)
    key = make_key(world)
    listed = world.rpc.send("Ram", "ListAccessKeys", UserName="alice")
    assert [item["AccessKeyId"] for item in listed.json()["AccessKeys"]["AccessKey"]] == [key["AccessKeyId"]]
    assert key["AccessKeySecret"] not in listed.text
    assert key["AccessKeySecret"] not in repr(list(world.cloud.context.log.latest))
    assert key["AccessKeySecret"] not in repr(world.cloud.context.accounts.find(key["AccessKeyId"]))


def test_a_user_has_at_most_two_keys(world: Any) -> None:
    make_user(world)
    make_key(world)
    make_key(world)
    assert world.rpc.send("Ram", "CreateAccessKey", UserName="alice").code == "LimitExceeded.User.AccessKey"


def test_an_inactive_key_signs_nothing_until_it_is_active_again(world: Any) -> None:
    make_user(world)
    client = as_user(world)
    names = {"UserName": "alice", "UserAccessKeyId": client.access_key_id}
    world.rpc("Ram", "UpdateAccessKey", Status="Inactive", **names)
    assert client.send("Sts", "GetCallerIdentity").code == "InvalidAccessKeyId.Inactive"
    assert world.cloud.context.accounts.find(client.access_key_id) is None
    world.rpc("Ram", "UpdateAccessKey", Status="Active", **names)
    assert client.send("Sts", "GetCallerIdentity").status == 200
    world.rpc("Ram", "DeleteAccessKey", **names)
    assert client.send("Sts", "GetCallerIdentity").code == "InvalidAccessKeyId.NotFound"
    assert world.rpc.send("Ram", "DeleteAccessKey", **names).code == "EntityNotExist.User.AccessKey"


def test_a_key_is_changed_only_through_its_own_user(world: Any) -> None:
    make_user(world)
    make_user(world, "bob")
    key = make_key(world)["AccessKeyId"]
    refused = world.rpc.send("Ram", "DeleteAccessKey", UserName="bob", UserAccessKeyId=key)
    assert refused.code == "EntityNotExist.User.AccessKey"


def test_without_a_user_a_key_is_the_callers_own(world: Any) -> None:
    make_user(world)
    client = as_user(world)
    allow(world, {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "ram:*", "Resource": "*"}]})
    own = client("Ram", "ListAccessKeys")["AccessKeys"]["AccessKey"]
    assert [key["AccessKeyId"] for key in own] == [client.access_key_id]
    made = world.rpc("Ram", "CreateAccessKey")["AccessKey"]
    account = dataclasses.replace(
        world.rpc, access_key_id=made["AccessKeyId"], access_key_secret=made["AccessKeySecret"]
    )
    assert account("Sts", "GetCallerIdentity")["IdentityType"] == "Account"


def test_a_user_may_do_what_its_policies_allow_and_no_more(world: Any) -> None:
    make_user(world)
    client = as_user(world)
    refused = client.send("Vpc", "DescribeVpcs")
    assert (refused.status, refused.code) == (403, "NoPermission")
    allow(world, DESCRIBE)
    assert client.send("Vpc", "DescribeVpcs").status == 200
    assert client.send("Vpc", "CreateVpc", CidrBlock="10.0.0.0/8").code == "NoPermission"
    world.rpc("Ram", "DetachPolicyFromUser", UserName="alice", PolicyName="own", PolicyType="Custom")
    assert client.send("Vpc", "DescribeVpcs").code == "NoPermission"


def test_a_policy_tells_of_its_users(world: Any) -> None:
    make_user(world)
    allow(world, DESCRIBE)
    entities = world.rpc("Ram", "ListEntitiesForPolicy", PolicyName="own", PolicyType="Custom")
    assert [user["UserName"] for user in entities["Users"]["User"]] == ["alice"]
    assert world.rpc("Ram", "GetPolicy", PolicyName="own", PolicyType="Custom")["Policy"]["AttachmentCount"] == 1
    world.rpc("Ram", "DeletePolicy", PolicyName="own", CascadingDelete="true")
    assert world.rpc("Ram", "ListPoliciesForUser", UserName="alice")["Policies"] == {"Policy": []}


def test_a_caller_is_told_that_it_is_a_user(world: Any) -> None:
    made = make_user(world)
    identity = as_user(world)("Sts", "GetCallerIdentity")
    account = world.cloud.context.accounts.account_id
    assert (identity["IdentityType"], identity["UserId"]) == ("RAMUser", made["UserId"])
    assert identity["Arn"] == f"acs:ram::{account}:user/alice"


@pytest.mark.parametrize("trusted", ["user/alice", "root"])
def test_a_user_takes_on_a_role_that_trusts_it_or_its_account(world: Any, trusted: str) -> None:
    make_user(world)
    client = as_user(world)
    account = world.cloud.context.accounts.account_id
    document = trusting(f"acs:ram::{account}:{trusted}")
    arn = world.rpc("Ram", "CreateRole", RoleName="reader", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    values = {"RoleArn": arn, "RoleSessionName": "test"}
    assert client.send("Sts", "AssumeRole", **values).code == "NoPermission"  # its own policies say nothing yet
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": f"acs:ram:*:{account}:role/reader"}
    allow(world, {"Version": "1", "Statement": [statement]})
    assert client("Sts", "AssumeRole", **values)["AssumedRoleUser"]["Arn"].endswith(":assumed-role/reader/test")


def test_a_user_does_not_take_on_a_role_that_trusts_another(world: Any) -> None:
    make_user(world)
    client = as_user(world)
    world.rpc("Ram", "AttachPolicyToUser", UserName="alice", PolicyName="AdministratorAccess", PolicyType="System")
    account = world.cloud.context.accounts.account_id
    document = trusting(f"acs:ram::{account}:user/bob")
    arn = world.rpc("Ram", "CreateRole", RoleName="reader", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    assert client.send("Sts", "AssumeRole", RoleArn=arn, RoleSessionName="test").code == "NoPermission"


def test_users_and_keys_outlive_a_restart(restart: Any) -> None:
    world = restart()
    make_user(world)
    key = make_key(world)
    world = restart()
    client = dataclasses.replace(world.rpc, access_key_id=key["AccessKeyId"], access_key_secret=key["AccessKeySecret"])
    assert client("Sts", "GetCallerIdentity")["IdentityType"] == "RAMUser"
