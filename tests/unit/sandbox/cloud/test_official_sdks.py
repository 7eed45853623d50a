"""The official SDKs find the cloud that they know: its answers, and its errors by their codes.

Signatures: ACS3 (alibabacloud-sts, alibabacloud-vpc), RPC version 1 and ROA (aliyun-python-sdk-core). Object storage's
SDKs are the clients of the tests in oss/.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest
from alibabacloud_sts20150401 import models as sts_models
from alibabacloud_sts20150401.client import Client as StsClient
from alibabacloud_tea_openapi import utils_models
from alibabacloud_vpc20160428 import models as vpc_models
from alibabacloud_vpc20160428.client import Client as VpcClient
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest, RoaRequest
from darabonba.exceptions import DaraException

REGION = "cn-hangzhou"
VERSIONS = {"sts": "2015-04-01", "vpc": "2016-04-28", "ram": "2015-05-01"}


class Sdks:
    """Clients of a served cloud with one access key."""

    def __init__(self, served: Any, key: str = "", secret: str = "", token: str = "") -> None:
        root = served.cloud.context.accounts.root
        self.served = served
        self.key, self.secret = key or root.access_key_id, secret or root.access_key_secret
        self.token = token

    def configuration(self) -> utils_models.Config:
        return utils_models.Config(
            access_key_id=self.key,
            access_key_secret=self.secret,
            security_token=self.token or None,
            protocol="HTTP",
            endpoint=self.served.endpoint,
            region_id=REGION,
        )

    @property
    def sts(self) -> StsClient:
        return StsClient(self.configuration())

    @property
    def vpc(self) -> VpcClient:
        return VpcClient(self.configuration())

    def rpc(self, service: str, action: str, **parameters: str) -> dict[str, Any]:
        """A call signed with version 1."""
        request = CommonRequest(domain=self.served.endpoint, version=VERSIONS[service], action_name=action)
        request.set_protocol_type("http")
        request.set_method("POST")
        request.set_accept_format("json")
        for name, value in parameters.items():
            request.add_query_param(name, value)
        return dict(self._ask(request))

    def roa(self, path: str) -> Any:
        """A GET to the container service with the signature of the ROA style."""
        request = RoaRequest("CS", "2015-12-15", "Any", "cs", uri_pattern=path)
        request.set_endpoint(self.served.endpoint)
        request.set_protocol_type("http")
        request.set_method("GET")
        request.set_accept_format("json")
        return self._ask(request)

    def _ask(self, request: Any) -> Any:
        client = AcsClient(self.key, self.secret, REGION, auto_retry=False)
        try:
            return json.loads(client.do_action_with_exception(request))
        finally:
            client.session.close()  # it never does so itself


@pytest.fixture
def sdks(served_cloud: Any) -> Sdks:
    return Sdks(served_cloud)


def tea_code(call: Callable[[], object]) -> tuple[str, int]:
    """The error code and status that a newer SDK reports."""
    with pytest.raises(DaraException) as caught:
        call()
    return str(caught.value.code), int(getattr(caught.value, "status_code", 0) or caught.value.data["statusCode"])


def core_code(call: Callable[[], object]) -> tuple[str, int]:
    """The error code and status that the older SDK reports."""
    with pytest.raises(ServerException) as caught:
        call()
    return str(caught.value.get_error_code()), int(caught.value.get_http_status())


def test_the_sts_sdk_reads_who_calls(sdks: Sdks) -> None:
    identity = sdks.sts.get_caller_identity().body
    assert identity.identity_type == "Account"
    assert identity.account_id == sdks.served.cloud.context.accounts.account_id


def test_the_vpc_sdk_makes_reads_and_deletes_a_network(sdks: Sdks) -> None:
    made = sdks.vpc.create_vpc(
        vpc_models.CreateVpcRequest(region_id=REGION, cidr_block="10.0.0.0/8", vpc_name="main")
    ).body
    listed = sdks.vpc.describe_vpcs(vpc_models.DescribeVpcsRequest(region_id=REGION, vpc_id=made.vpc_id)).body
    assert [(vpc.vpc_name, vpc.cidr_block) for vpc in listed.vpcs.vpc] == [("main", "10.0.0.0/8")]
    sdks.vpc.delete_vpc(vpc_models.DeleteVpcRequest(region_id=REGION, vpc_id=made.vpc_id))
    assert sdks.vpc.describe_vpcs(vpc_models.DescribeVpcsRequest(region_id=REGION)).body.total_count == 0


def test_a_user_made_with_one_sdk_takes_on_a_role_with_another(sdks: Sdks) -> None:
    sdks.rpc("ram", "CreateUser", UserName="alice")
    key = sdks.rpc("ram", "CreateAccessKey", UserName="alice")["AccessKey"]
    alice = Sdks(sdks.served, key["AccessKeyId"], key["AccessKeySecret"])
    identity = alice.sts.get_caller_identity().body
    assert identity.identity_type == "RAMUser"
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": [identity.arn]}}
    trust = json.dumps({"Version": "1", "Statement": [statement]})
    role = sdks.rpc("ram", "CreateRole", RoleName="reader", AssumeRolePolicyDocument=trust)["Role"]
    request = sts_models.AssumeRoleRequest(role_arn=role["Arn"], role_session_name="test")
    assert tea_code(lambda: alice.sts.assume_role(request)) == ("NoPermission", 403)
    attached = {"PolicyName": "AliyunSTSAssumeRoleAccess", "PolicyType": "System"}
    sdks.rpc("ram", "AttachPolicyToUser", UserName="alice", **attached)
    given = alice.sts.assume_role(request).body.credentials
    session = Sdks(sdks.served, given.access_key_id, given.access_key_secret, given.security_token)
    assert session.sts.get_caller_identity().body.identity_type == "AssumedRoleUser"


def test_the_roa_signature_is_believed(sdks: Sdks) -> None:
    assert sdks.roa("/api/v1/clusters")["clusters"] == []
    with pytest.raises(ServerException, match='"code":"ErrorClusterNotFound"') as caught:
        sdks.roa("/clusters/none")
    assert caught.value.get_http_status() == 404  # this SDK reads no code from a service's own error


def test_a_wrong_secret(sdks: Sdks) -> None:
    wrong = Sdks(sdks.served, secret="wrong")
    assert tea_code(wrong.sts.get_caller_identity) == ("SignatureDoesNotMatch", 400)
    assert core_code(lambda: wrong.rpc("sts", "GetCallerIdentity"))[0] == "SignatureDoesNotMatch"
    assert core_code(lambda: wrong.roa("/api/v1/clusters"))[0] == "SignatureDoesNotMatch"


def test_an_unknown_key(sdks: Sdks) -> None:
    unknown = Sdks(sdks.served, key="LTAI5tNobody")
    assert tea_code(unknown.sts.get_caller_identity) == ("InvalidAccessKeyId.NotFound", 404)
    assert core_code(lambda: unknown.rpc("sts", "GetCallerIdentity")) == ("InvalidAccessKeyId.NotFound", 404)


def test_a_missing_parameter(sdks: Sdks) -> None:
    request = vpc_models.DescribeVpcAttributeRequest(region_id=REGION)
    assert tea_code(lambda: sdks.vpc.describe_vpc_attribute(request)) == ("MissingVpcId", 400)
    assert core_code(lambda: sdks.rpc("ram", "CreateUser")) == ("MissingUserName", 400)


def test_a_malformed_parameter(sdks: Sdks) -> None:
    request = vpc_models.CreateVpcRequest(region_id=REGION, cidr_block="300.0.0.0/8")
    assert tea_code(lambda: sdks.vpc.create_vpc(request)) == ("InvalidCidrBlock", 400)
    assert (
        core_code(lambda: sdks.rpc("ram", "CreateUser", UserName="a b"))[0] == "InvalidParameter.UserName.InvalidChars"
    )


def test_an_expired_time(sdks: Sdks) -> None:
    sdks.served.machine_clock.advance(datetime.timedelta(hours=1))
    assert tea_code(sdks.sts.get_caller_identity) == ("InvalidTimeStamp.Expired", 400)
    assert core_code(lambda: sdks.rpc("sts", "GetCallerIdentity")) == ("InvalidTimeStamp.Expired", 400)
    assert core_code(lambda: sdks.roa("/api/v1/clusters")) == ("InvalidTimeStamp.Expired", 400)
