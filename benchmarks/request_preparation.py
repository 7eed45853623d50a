"""Resources that exist before a campaign, so that its requests get beyond finding nothing."""

from __future__ import annotations

import json
import random
import re
from typing import Any

from benchmarks.http_requests import exchange
from benchmarks.in_process_cloud import ADDRESS, SimulatedCloud
from benchmarks.log_and_registry_requests import NAMESPACE, PROJECT, STORE
from benchmarks.request_generation import RequestGenerator
from sandbox.cloud.core.parameters import Parameters
from sandbox.cloud.core.service import Call

SETTLE_SECONDS = 20
TRUST = {"Version": "1", "Statement": [{"Effect": "Allow", "Principal": {"RAM": ["*"]}, "Action": "sts:AssumeRole"}]}


def prepare(cloud: SimulatedCloud) -> RequestGenerator:
    """Make one of most things, and the generator that knows them."""
    root = cloud.cloud.context.accounts.root
    requests = RequestGenerator(cloud.cloud.services, root, cloud.endpoint, [], ["fuzz-a", "fuzz-b"], [])
    calls = Calls(cloud, requests)
    vpc = calls.rpc("Vpc", "CreateVpc", CidrBlock="10.0.0.0/8")["VpcId"]
    vswitch = calls.rpc("Vpc", "CreateVSwitch", VpcId=vpc, ZoneId="cn-hangzhou-h", CidrBlock="10.1.0.0/16")["VSwitchId"]
    address = calls.rpc("Vpc", "AllocateEipAddress")["AllocationId"]
    gateway = calls.rpc("Vpc", "CreateNatGateway", VpcId=vpc, VSwitchId=vswitch)["NatGatewayId"]
    group = calls.rpc("Ecs", "CreateSecurityGroup", VpcId=vpc)["SecurityGroupId"]
    calls.rpc("Alidns", "AddDomain", DomainName="example.com")
    record = calls.rpc("Alidns", "AddDomainRecord", DomainName="example.com", RR="a", Type="A", Value="192.0.2.1")
    calls.rpc("Ram", "CreateRole", RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST))
    calls.rpc("Ram", "CreateUser", UserName="u")
    key = calls.rpc("Kms", "CreateKey")["KeyMetadata"]["KeyId"]
    body = {"name": "c", "region_id": "cn-hangzhou", "cluster_type": "ManagedKubernetes", "vswitch_ids": [vswitch]}
    cluster = calls.roa("POST", "/clusters", body)["cluster_id"]
    cloud.cloud.operations.submit("cn-hangzhou", "nothing", lambda: None).result(timeout=SETTLE_SECONDS)
    found = [vpc, vswitch, address, gateway, group, record["RecordId"], "r", "u", key, cluster]
    requests.known += [*found, f"acs:ram::{cloud.cloud.context.accounts.account_id}:role/r"]
    _prepare_logs_and_images(cloud, requests)
    for bucket in requests.buckets:
        calls.oss("PUT", f"/{bucket}/", b"")
        calls.oss("PUT", f"/{bucket}/a.txt", b"hello")
        started = calls.oss("POST", f"/{bucket}/a.txt?uploads", b"")
        requests.uploads += re.findall("<UploadId>(.*?)</UploadId>", started)
    return requests


def _prepare_logs_and_images(cloud: SimulatedCloud, requests: RequestGenerator) -> None:
    """A project with a store, and a namespace with a login, made by the services themselves."""
    services = {service.name: service for service in cloud.cloud.services}
    root = cloud.cloud.context.accounts.root.principal

    def call(service: str, action: str, **values: Any) -> Any:
        found = services[service].actions[action]
        return found.handler(Call("cn-hangzhou", Parameters(values, found.honours), root, "preparation"))

    call("Sls", "CreateProject", projectName=PROJECT)
    place = {"project": PROJECT, "endpoint": "named"}
    call("Sls", "CreateLogStore", logstoreName=STORE, **place)
    call("Sls", "CreateIndex", logstore=STORE, line={"token": [" "]}, keys={"a": {"type": "long"}}, **place)
    call("Cr", "CreateNamespace", Namespace={"Namespace": NAMESPACE})
    requests.registry_password = call("Cr", "GetAuthorizationToken")["data"]["authorizationToken"]


class Calls:
    """Well-formed calls of the generator's own making, which must succeed."""

    def __init__(self, cloud: SimulatedCloud, requests: RequestGenerator) -> None:
        self._address = (ADDRESS, cloud.port)
        self._requests = requests

    def rpc(self, service: str, action: str, **values: str) -> dict[str, Any]:
        """An RPC call; its answer."""
        request = self._requests.rpc_signed(service, action, values, in_query=False)
        return dict(json.loads(self._sent(request.encoded())))

    def roa(self, method: str, path: str, content: Any) -> dict[str, Any]:
        """A call of the container service; its answer."""
        service = next(service for service in self._requests.services if service.name == "CS")
        request = self._requests.acs3(
            method, path, {}, json.dumps(content).encode(), "application/json", service, "Any"
        )
        return dict(json.loads(self._sent(request.encoded())))

    def oss(self, method: str, target: str, body: bytes) -> str:
        """A call of object storage; its answer."""
        generator = random.Random(0)  # noqa: S311 (which of the signature's versions)
        return self._sent(self._requests.oss_signed(method, target, {}, body, generator).encoded()).decode()

    def _sent(self, content: bytes) -> bytes:
        answer = exchange(self._address, content)
        if answer.status != 200:
            raise RuntimeError(f"the campaign cannot begin: {answer.status} {answer.body!r} to {content[:200]!r}")
        return answer.body
