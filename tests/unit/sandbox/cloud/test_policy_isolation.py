"""One business's identities reach nothing of another's: by a role's session and by a user's key, over a real socket."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import oss2
import pytest
import requests
import requests.adapters
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.auth.credentials import StsTokenCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest

REGION = "cn-hangzhou"
VERSIONS = {"Sts": "2015-04-01", "Vpc": "2016-04-28", "Ram": "2015-05-01", "Alidns": "2015-01-09"}
BUSINESSES = ("alpha", "beta")


@dataclass
class Identity:
    """Whoever signs with a key: its calls, and its view of the buckets."""

    endpoint: str
    session: oss2.Session
    key: str
    secret: str
    token: str = ""

    def call(self, service: str, action: str, **parameters: str) -> dict[str, Any]:
        request = CommonRequest(domain=self.endpoint, version=VERSIONS[service], action_name=action)
        request.set_protocol_type("http")
        request.set_method("POST")
        request.set_accept_format("json")
        for name, value in parameters.items():
            request.add_query_param(name, value)
        if self.token:
            client = AcsClient(region_id=REGION, credential=StsTokenCredential(self.key, self.secret, self.token))
        else:
            client = AcsClient(self.key, self.secret, REGION)
        try:
            return dict(json.loads(client.do_action_with_exception(request)))
        finally:
            client.session.close()  # it never does so itself

    def refused(self, service: str, action: str, **parameters: str) -> str:
        with pytest.raises(ServerException) as caught:
            self.call(service, action, **parameters)
        return str(caught.value.get_error_code())

    def bucket(self, business: str) -> oss2.Bucket:
        auth: Any = oss2.AuthV4(self.key, self.secret)
        if self.token:
            auth = oss2.StsAuth(self.key, self.secret, self.token, auth_version="v4")
        return oss2.Bucket(auth, f"http://{self.endpoint}", f"data-{business}", session=self.session, region=REGION)

    def service(self) -> oss2.Service:
        auth: Any = oss2.AuthV4(self.key, self.secret)
        if self.token:
            auth = oss2.StsAuth(self.key, self.secret, self.token, auth_version="v4")
        return oss2.Service(auth, f"http://{self.endpoint}", session=self.session, region=REGION)


class ClosingAdapter(requests.adapters.HTTPAdapter):
    """Remembers the answers, as the SDK leaves some unread with their connections open."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[requests.Response] = []

    def send(self, *arguments: Any, **options: Any) -> requests.Response:
        self.answers.append(super().send(*arguments, **options))
        return self.answers[-1]


@pytest.fixture
def root(served_cloud: Any) -> Iterator[Identity]:
    adapter = ClosingAdapter()
    session = oss2.Session(adapter=adapter)
    account = served_cloud.cloud.context.accounts.root
    yield Identity(served_cloud.endpoint, session, account.access_key_id, account.access_key_secret)
    for answer in adapter.answers:
        answer.close()
    session.session.close()


def policy_of(business: str) -> str:
    resources = [f"acs:oss:*:*:data-{business}", f"acs:oss:*:*:data-{business}/*"]
    statement = {"Effect": "Allow", "Action": ["oss:*"], "Resource": resources}
    return json.dumps({"Version": "1", "Statement": [statement]})


@pytest.fixture
def prepared(root: Identity) -> Identity:
    """Two businesses, each with its bucket, its object, its policy."""
    for business in BUSINESSES:
        root.bucket(business).create_bucket()
        root.bucket(business).put_object("model.bin", f"{business}'s weights")
        root.call("Ram", "CreatePolicy", PolicyName=business, PolicyDocument=policy_of(business))
    return root


def session_of(root: Identity, business: str) -> Identity:
    """A role's temporary credentials, taken on with AssumeRole."""
    account = root.call("Sts", "GetCallerIdentity")
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": [account["Arn"]]}}
    trust = json.dumps({"Version": "1", "Statement": [statement]})
    role = root.call("Ram", "CreateRole", RoleName=business, AssumeRolePolicyDocument=trust)["Role"]
    root.call("Ram", "AttachPolicyToRole", RoleName=business, PolicyName=business, PolicyType="Custom")
    given = root.call("Sts", "AssumeRole", RoleArn=role["Arn"], RoleSessionName="test")["Credentials"]
    key, secret = given["AccessKeyId"], given["AccessKeySecret"]
    return Identity(root.endpoint, root.session, key, secret, given["SecurityToken"])


def user_of(root: Identity, business: str) -> Identity:
    """A user's own key."""
    root.call("Ram", "CreateUser", UserName=business)
    root.call("Ram", "AttachPolicyToUser", UserName=business, PolicyName=business, PolicyType="Custom")
    key = root.call("Ram", "CreateAccessKey", UserName=business)["AccessKey"]
    return Identity(root.endpoint, root.session, key["AccessKeyId"], key["AccessKeySecret"])


@pytest.fixture(params=[session_of, user_of], ids=["role session", "user"])
def alpha(request: pytest.FixtureRequest, prepared: Identity) -> Identity:
    """An identity of business alpha."""
    make: Callable[[Identity, str], Identity] = request.param
    return make(prepared, "alpha")


def test_its_own_bucket_is_open_to_it(alpha: Identity) -> None:
    own = alpha.bucket("alpha")
    own.put_object("new.bin", b"new")
    assert own.get_object("model.bin").read() == b"alpha's weights"
    assert [found.key for found in own.list_objects().object_list] == ["model.bin", "new.bin"]


def test_it_cannot_reach_the_other_business_bucket_in_any_way(alpha: Identity, prepared: Identity) -> None:
    other, own = alpha.bucket("beta"), alpha.bucket("alpha")
    attempts: dict[str, Callable[[], object]] = {
        "read": lambda: other.get_object("model.bin"),
        "read a part": lambda: other.get_object("model.bin", byte_range=(0, 1)),
        "read metadata": lambda: other.get_object_meta("model.bin"),
        "list": other.list_objects,
        "list in version 2": other.list_objects_v2,
        "list versions": other.list_object_versions,
        "write": lambda: other.put_object("model.bin", b"forged"),
        "append": lambda: other.append_object("log", 0, b"forged"),
        "write in parts": lambda: other.init_multipart_upload("model.bin"),
        "copy out": lambda: own.copy_object("data-beta", "model.bin", "stolen.bin"),
        "copy in": lambda: other.copy_object("data-alpha", "model.bin", "model.bin"),
        "delete": lambda: other.delete_object("model.bin"),
        "delete a batch": lambda: other.batch_delete_objects(["model.bin"]),
        "open to the public": lambda: other.put_bucket_acl(oss2.BUCKET_ACL_PUBLIC_READ),
        "open one object": lambda: other.put_object_acl("model.bin", oss2.OBJECT_ACL_PUBLIC_READ),
        "let itself in": lambda: other.put_bucket_policy(policy_of("beta")),
        "read its policy": other.get_bucket_policy,
        "read its settings": other.get_bucket_info,
        "delete the bucket": other.delete_bucket,
        "list all buckets": alpha.service().list_buckets,
    }
    for name, attempt in attempts.items():
        with pytest.raises(oss2.exceptions.OssError) as caught:
            attempt()
        assert caught.value.status == 403, (name, caught.value)
    assert prepared.bucket("beta").get_object("model.bin").read() == b"beta's weights"
    assert [found.key for found in prepared.bucket("alpha").list_objects().object_list] == ["model.bin"]


def test_a_url_that_it_signs_opens_no_more_than_it_may_itself(alpha: Identity) -> None:
    for business, status in (("alpha", 200), ("beta", 403)):
        url = alpha.bucket(business).sign_url("GET", "model.bin", 60)
        assert alpha.session.session.get(url).status_code == status


def test_it_calls_no_action_outside_its_policy(alpha: Identity) -> None:
    assert alpha.refused("Vpc", "DescribeVpcs") == "NoPermission"
    assert alpha.refused("Ram", "ListUsers") == "NoPermission"
    assert alpha.refused("Ram", "CreateAccessKey") == "NoPermission"
    attempt = {"PolicyName": "AdministratorAccess", "PolicyType": "System"}
    assert alpha.refused("Ram", "AttachPolicyToUser", UserName="alpha", **attempt) == "NoPermission"
    assert alpha.refused("Ram", "AttachPolicyToRole", RoleName="alpha", **attempt) == "NoPermission"


def test_who_may_change_the_records_of_one_zone_reaches_those_and_no_other_zones(prepared: Identity) -> None:
    """As a traffic controller's role: https://www.alibabacloud.com/help/en/dns/ram-authorization."""
    actions = ["alidns:DescribeDomainRecords", "alidns:AddDomainRecord", "alidns:SetDomainRecordStatus"]
    statement = {"Effect": "Allow", "Action": actions, "Resource": ["acs:alidns:*:*:domain/own.example.com"]}
    document = json.dumps({"Version": "1", "Statement": [statement]})
    prepared.call("Ram", "CreatePolicy", PolicyName="switcher", PolicyDocument=document)
    records = {}
    for zone in ("own.example.com", "other.example.com"):
        prepared.call("Alidns", "AddDomain", DomainName=zone)
        record = {"DomainName": zone, "RR": "qa", "Type": "A", "Value": "192.0.2.1"}
        records[zone] = prepared.call("Alidns", "AddDomainRecord", **record)["RecordId"]
    switcher = session_of(prepared, "switcher")
    found = switcher.call("Alidns", "DescribeDomainRecords", DomainName="own.example.com")
    assert found["TotalCount"] == 1
    switcher.call("Alidns", "SetDomainRecordStatus", RecordId=records["own.example.com"], Status="Disable")
    other = records["other.example.com"]
    assert switcher.refused("Alidns", "DescribeDomainRecords", DomainName="other.example.com") == "NoPermission"
    assert switcher.refused("Alidns", "SetDomainRecordStatus", RecordId=other, Status="Disable") == "NoPermission"
    assert switcher.refused("Alidns", "DeleteDomainRecord", RecordId=records["own.example.com"]) == "NoPermission"
    assert switcher.refused("Alidns", "DescribeDomains") == "NoPermission"


def test_it_takes_on_no_role_of_the_other_business(alpha: Identity, prepared: Identity) -> None:
    session_of(prepared, "beta")
    account = prepared.call("Sts", "GetCallerIdentity")["AccountId"]
    arn = f"acs:ram::{account}:role/beta"
    assert alpha.refused("Sts", "AssumeRole", RoleArn=arn, RoleSessionName="test") == "NoPermission"


def test_an_inactive_key_is_refused_by_object_storage_too(prepared: Identity) -> None:
    alpha = user_of(prepared, "alpha")
    names = {"UserName": "alpha", "UserAccessKeyId": alpha.key}
    prepared.call("Ram", "UpdateAccessKey", Status="Inactive", **names)
    with pytest.raises(oss2.exceptions.OssError) as caught:
        alpha.bucket("alpha").list_objects()
    assert (caught.value.status, caught.value.code) == (403, "InvalidAccessKeyId")
