"""Requests are believed only when signed by a known key, and refused in the cloud's own words.

The Terraform provider's own signatures are exercised in tests/sandbox/test_terraform_provider/.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import hashlib
import hmac
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from sandbox.cloud.core.errors import CloudError
from sandbox.cloud.core.signatures import acs3_signature, acs3_text, rpc_signature, rpc_text
from sandbox.cloud.core.wire import Request


def test_version_1_gives_the_signature_published_for_describe_regions() -> None:
    parameters = {
        "Timestamp": "2016-02-23T12:46:24Z",
        "Format": "XML",
        "AccessKeyId": "testid",
        "Action": "DescribeRegions",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureNonce": "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf",
        "Version": "2014-05-26",
        "SignatureVersion": "1.0",
    }
    assert rpc_signature(rpc_text("GET", parameters.items()), "testsecret") == "OLeaidS1JvxuMvnyHOwuJ+uX5qY="


def test_acs3_gives_the_signature_published_for_run_instances() -> None:
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }
    query = {"ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd", "RegionId": "cn-shanghai"}
    text = acs3_text("POST", "/", query.items(), headers, sorted(headers), b"")
    assert (
        acs3_signature(text, "YourAccessKeySecret")
        == "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


def test_an_unknown_key_is_not_found(world: Any) -> None:
    client = dataclasses.replace(world.rpc, access_key_id="LTAI5tNobody")
    reply = client.send("Vpc", "DescribeVpcs")
    assert (reply.status, reply.code) == (404, "InvalidAccessKeyId.NotFound")
    assert set(reply.json()) == {"RequestId", "HostId", "Code", "Message", "Recommend"}


def test_a_wrong_secret_does_not_match(world: Any) -> None:
    reply = dataclasses.replace(world.rpc, access_key_secret="wrong").send("Vpc", "DescribeVpcs")
    assert (reply.status, reply.code) == (400, "SignatureDoesNotMatch")


def test_a_parameter_changed_after_signing_does_not_match(world: Any) -> None:
    values = world.rpc.signed("Vpc", "CreateVpc", {"CidrBlock": "10.0.0.0/8"})
    assert world.rpc.post(values | {"CidrBlock": "10.0.0.0/16"}).code == "SignatureDoesNotMatch"


def test_an_old_request_has_expired(world: Any) -> None:
    values = world.rpc.signed("Vpc", "DescribeVpcs", {"Timestamp": "2026-01-02T02:40:00Z"})
    assert world.rpc.post(values).code == "InvalidTimeStamp.Expired"


def test_a_request_without_a_key_is_refused(world: Any) -> None:
    reply = world.rpc.post({"Action": "DescribeVpcs", "Version": "2016-04-28", "Format": "JSON"})
    assert reply.code == "MissingAccessKeyId"


def test_a_changed_body_of_acs3_does_not_match(world: Any) -> None:
    client = world.roa
    sent: list[Request] = []
    handle = world.cloud.dispatcher.handle
    world.cloud.dispatcher.handle = lambda request: (sent.append(request), handle(request))[1]
    client.send("POST", "/clusters", {"name": "a"})
    forged = dataclasses.replace(sent[0], body=b'{"name":"b"}')
    assert b"SignatureDoesNotMatch" in handle(forged).body


def test_older_roa_clients_sign_with_hmac_sha1(world: Any) -> None:
    root = world.cloud.context.accounts.root
    headers = {
        "accept": "application/json",
        "date": "Fri, 02 Jan 2026 03:04:05 GMT",
        "x-acs-version": "2015-12-15",
        "x-acs-signature-method": "HMAC-SHA1",
    }
    text = (
        "GET\napplication/json\n\n\nFri, 02 Jan 2026 03:04:05 GMT\n"
        "x-acs-signature-method:HMAC-SHA1\nx-acs-version:2015-12-15\n/clusters/c1?a=b"
    )
    digest = hmac.new(root.access_key_secret.encode(), text.encode(), hashlib.sha1).digest()
    headers["authorization"] = f"acs {root.access_key_id}:{base64.b64encode(digest).decode()}"
    target = "/clusters/c1?a=b"
    request = Request("GET", target, "/clusters/c1", (("a", "b"),), headers, b"", "cs.cn-hangzhou.aliyuncs.com")
    response = world.cloud.dispatcher.handle(request)
    assert response.status == 404
    assert b'"code":"ErrorClusterNotFound"' in response.body


def test_an_unknown_action_is_loud_and_names_what_is_known(world: Any) -> None:
    reply = world.rpc.send("Vpc", "CreateFlowLog")
    assert (reply.status, reply.code) == (404, "InvalidAction.NotFound")
    assert "CreateFlowLog" in reply.json()["Message"]
    assert "CreateVpc" in reply.json()["Message"]
    assert world.cloud.context.log.unknown == {"Vpc.CreateFlowLog": 1}


def test_an_unknown_service_is_loud(world: Any) -> None:
    reply = world.rpc.send("2031-01-01", "DoSomething")
    assert (reply.status, reply.code) == (404, "InvalidAction.NotFound")
    assert "2031-01-01" in reply.json()["Message"]


def test_an_ignored_parameter_is_recorded(world: Any) -> None:
    world.rpc("Vpc", "CreateVpc", CidrBlock="10.0.0.0/8", Ipv6Isp="BGP")
    assert world.cloud.context.log.ignored == {"Vpc.CreateVpc.Ipv6Isp": 1}
    assert world.cloud.context.log.latest[-1].ignored == ("Ipv6Isp",)


def test_a_declared_parameter_that_nothing_looks_at_is_recorded_too(world: Any) -> None:
    world.rpc("Alidns", "AddDomain", DomainName="example.com", Lang="en")
    assert world.cloud.context.log.latest[-1].ignored == ("Lang",)


def test_the_log_never_holds_a_secret(world: Any) -> None:
    client = world.rpc
    client.send("Vpc", "DescribeVpcs")
    assert client.access_key_secret not in repr(list(world.cloud.context.log.latest))
    assert client.access_key_secret not in repr(world.cloud.context.accounts.root)


def test_without_a_format_answers_are_xml(world: Any) -> None:
    reply = world.rpc.send("Sts", "GetCallerIdentity", Format="XML")
    root = ElementTree.fromstring(reply.text)  # noqa: S314 (the emulator's own answer)
    assert root.tag == "GetCallerIdentityResponse"
    assert root.findtext("IdentityType") == "Account"


def test_errors_are_xml_too(world: Any) -> None:
    reply = world.rpc.send("Vpc", "DescribeVpcAttribute", Format="XML")
    root = ElementTree.fromstring(reply.text)  # noqa: S314 (the emulator's own answer)
    assert (root.tag, root.findtext("Code")) == ("Error", "MissingVpcId")


def test_a_client_token_makes_a_create_call_happen_once(world: Any) -> None:
    first = world.rpc("Vpc", "CreateVpc", CidrBlock="10.0.0.0/8", ClientToken="t1")
    second = world.rpc("Vpc", "CreateVpc", CidrBlock="10.0.0.0/8", ClientToken="t1")
    assert first["VpcId"] == second["VpcId"]
    assert first["RequestId"] != second["RequestId"]
    mismatch = world.rpc.send("Vpc", "CreateVpc", CidrBlock="10.0.0.0/16", ClientToken="t1")
    assert mismatch.code == "IdempotentParameterMismatch"


def test_the_region_comes_from_the_host_when_no_parameter_names_it(world: Any) -> None:
    values = world.rpc.signed("Vpc", "DescribeVpcs", {})
    request = Request("GET", "/", "/", tuple(values.items()), {}, b"", "vpc.cn-beijing.aliyuncs.com")
    world.cloud.dispatcher.handle(request)
    assert world.cloud.context.log.latest[-1].region == "cn-hangzhou"  # the parameter wins
    unsigned = tuple(pair for pair in values.items() if pair[0] != "RegionId")
    world.cloud.dispatcher.handle(dataclasses.replace(request, query=unsigned))
    assert world.cloud.context.log.latest[-1].region == "cn-beijing"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"CidrBlock": "300.0.0.0/8"}, "InvalidCidrBlock"),
        ({"CidrBlock": "10.0.0.1/8"}, "InvalidCidrBlock"),
        ({"CidrBlock": "10.0.0.0/30"}, "InvalidCidrBlock"),
        ({"CidrBlock": "10.0.0.0/8", "EnableIpv6": "perhaps"}, "InvalidParameter.EnableIpv6"),
        ({"RegionId": "mars-1"}, "InvalidRegionId.NotFound"),
    ],
)
def test_a_bad_parameter_gets_the_clouds_code(world: Any, parameters: dict[str, str], code: str) -> None:
    assert world.rpc.send("Vpc", "CreateVpc", **parameters).code == code


def test_a_failure_of_the_emulator_itself_is_no_reason_to_try_again(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.cloud.context.accounts, "find", lambda key: 1 // 0)
    reply = world.rpc.send("Vpc", "DescribeVpcs")
    assert (reply.status, reply.code) == (400, "SandboxFailure")
    assert "ZeroDivisionError" in reply.json()["Message"]


def test_a_temporary_key_works_with_its_token_until_it_expires(world: Any) -> None:
    accounts = world.cloud.context.accounts
    credential, _ = accounts.open_session(
        role_name="reader", session_name="test", duration=datetime.timedelta(minutes=15)
    )
    client = dataclasses.replace(
        world.rpc, access_key_id=credential.access_key_id, access_key_secret=credential.access_key_secret
    )
    assert client.send("Sts", "GetCallerIdentity").code == "MissingSecurityToken"
    wrong = dataclasses.replace(client, security_token="wrong")
    assert wrong.send("Sts", "GetCallerIdentity").code == "InvalidSecurityToken.MismatchWithAccessKey"
    right = dataclasses.replace(client, security_token=credential.security_token)
    assert right("Sts", "GetCallerIdentity")["IdentityType"] == "AssumedRoleUser"
    world.clock.advance(datetime.timedelta(minutes=15))
    assert right.send("Sts", "GetCallerIdentity").code == "InvalidAccessKeyId.NotFound"


@pytest.mark.parametrize(
    ("body", "word"),
    [(b'{"name": "\\ud800"}', "surrogates"), (b"[" * 100_000, "recursion"), (b"{", "not JSON"), (b'"a"', "object")],
)
def test_a_body_that_cannot_be_read_is_refused(body: bytes, word: str) -> None:
    request = Request("POST", "/clusters", "/clusters", (), {}, body, "127.0.0.1")
    with pytest.raises(CloudError, match=word) as caught:
        request.json_body()
    assert caught.value.code == "InvalidParameter"


def test_an_answer_in_xml_holds_only_what_xml_can(world: Any) -> None:
    reply = world.rpc.send("Ram", "GetUser", UserName="a\x00b\x1b", Format="XML")
    message = ElementTree.fromstring(reply.text).findtext("Message")  # noqa: S314 (the emulator's own answer)
    assert message == "The user does not exist: a\ufffdb\ufffd."


def test_a_caller_with_a_wrong_secret_is_told_what_it_should_have_signed_but_the_log_is_not(world: Any) -> None:
    reply = dataclasses.replace(world.rpc, access_key_secret="wrong").send("Vpc", "DescribeVpcs")
    assert "server string to sign is:POST&%2F&AccessKeyId%3D" in reply.json()["Message"]
    assert "string to sign" not in world.cloud.context.log.errors[-1].message


def test_header_bytes_that_are_no_text_do_not_match(world: Any) -> None:
    headers = {
        "host": "127.0.0.1",
        "x-acs-date": "2026-01-02T03:04:05Z",
        "x-acs-version": "2015-12-15",
        "x-acs-a": "\udcf4",
        "authorization": f"ACS3-HMAC-SHA256 Credential={world.rpc.access_key_id},"
        f"SignedHeaders=host;x-acs-a;x-acs-date,Signature={'0' * 64}",
    }
    response = world.cloud.dispatcher.handle(Request("GET", "/addons", "/addons", (), headers, b"", "127.0.0.1"))
    assert b'"Code":"SignatureDoesNotMatch"' in response.body
