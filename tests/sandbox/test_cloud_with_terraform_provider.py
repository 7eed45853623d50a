"""The real Alibaba Cloud Terraform provider (behind the bridge) manages each supported resource on the emulator:
create, read with an empty diff after, update, read by identifier alone (import), delete, and gone.

The emulator runs as its own process with simulated clusters, so neither root nor regions are needed; real regions are
covered by the other modules of this folder. Object storage has its own tests.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from sandbox import toolchain

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(600)]

PRODUCTS = ("VPC", "ECS", "SLB", "CS", "ALIDNS", "RAM", "STS", "KMS", "LOCATION", "BSSOPENAPI")
START_SECONDS = 30
CALL_SECONDS = 180
Properties = dict[str, Any]


class EmulatorProcess:
    """`python -m sandbox.cloud` on loopback, with a state of its own."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.cache = folder / "cache"
        self._process: subprocess.Popen[str] | None = None
        self.endpoint = ""

    def start(self) -> None:
        environment = {
            **os.environ,
            "SANDBOX_STATE": str(self.state),
            "SANDBOX_INDEX": "4",
            "LANGUAGE_MODEL_CLUSTERS_CACHE": str(self.cache),
        }
        command = [sys.executable, "-m", "sandbox.cloud", "--simulated", "--address", "127.0.0.1"]
        port = self.endpoint.rpartition(":")[2] or "0"
        self._process = subprocess.Popen(
            [*command, "--port", port, "--dns-port", "0"], env=environment, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("listening on https://"), line
        self.endpoint = line.split("https://")[1].split(",")[0]

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(START_SECONDS)
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None

    def credentials(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.state / "credentials.json").read_text())
        return found

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.state / "logs" / "cloud.log").read_text().splitlines()]


@dataclass
class Resource:
    """A resource that the provider manages: what was asked for, and what it became."""

    token: str
    identifier: str
    inputs: Properties
    state: Properties


class Provider:
    """The provider plugin, spoken to in the engine's own protocol."""

    def __init__(self, emulator: EmulatorProcess, secret: str = "") -> None:
        credentials = emulator.credentials()
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        environment |= {f"{product}_ENDPOINT": emulator.endpoint for product in PRODUCTS}
        environment |= {
            "SSL_CERT_FILE": str(emulator.cache / "ca" / "ca.pem"),
            "ALICLOUD_ACCESS_KEY": credentials["access_key_id"],
            "ALICLOUD_SECRET_KEY": secret or credentials["access_key_secret"],
            "ALIBABA_CLOUD_ACCOUNT_ID": credentials["account_id"],
        }
        self._process = subprocess.Popen(
            [str(toolchain.binary("pulumi-resource-alicloud"))],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        port = int(self._process.stdout.readline())
        limit = ("grpc.max_receive_message_length", 400 * 1024 * 1024)
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[limit])
        self._stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        variables = {"alicloud:config:region": "cn-hangzhou"}
        request = provider_pb2.ConfigureRequest(variables=variables, args=_struct({"region": "cn-hangzhou"}))
        self._stub.Configure(request, timeout=CALL_SECONDS)

    def close(self) -> None:
        self._channel.close()
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def invoke(self, token: str, **arguments: Any) -> Properties:
        request = provider_pb2.InvokeRequest(tok=token, args=_struct(arguments))
        response = self._stub.Invoke(request, timeout=CALL_SECONDS)
        assert not response.failures
        return _dictionary(getattr(response, "return"))

    def create(self, token: str, inputs: Properties) -> Resource:
        checked = self._check(token, inputs, {})
        request = provider_pb2.CreateRequest(urn=_urn(token), properties=_struct(checked), timeout=CALL_SECONDS)
        made = self._stub.Create(request, timeout=CALL_SECONDS)
        resource = Resource(token, made.id, checked, _dictionary(made.properties))
        self.expect_no_difference(resource)
        return resource

    def update(self, resource: Resource, changes: Properties) -> None:
        """Change inputs in place; the changed ones must be seen as changes, and none as a replacement."""
        wanted = {name: value for name, value in (resource.inputs | changes).items() if name != "__defaults"}
        checked = self._check(resource.token, wanted, resource.inputs)
        difference = self._diff(resource, checked)
        assert set(changes) <= set(difference.diffs)
        assert not difference.replaces
        request = provider_pb2.UpdateRequest(
            id=resource.identifier,
            urn=_urn(resource.token),
            olds=_struct(resource.state),
            news=_struct(checked),
            old_inputs=_struct(resource.inputs),
            timeout=CALL_SECONDS,
        )
        updated = self._stub.Update(request, timeout=CALL_SECONDS)
        resource.inputs, resource.state = checked, _dictionary(updated.properties)
        self.expect_no_difference(resource)

    def expect_no_difference(self, resource: Resource) -> None:
        """After a read, nothing may differ from what was asked for."""
        found = self.read(resource.token, resource.identifier, resource.state, resource.inputs)
        assert found is not None
        resource.state = found
        difference = self._diff(resource, resource.inputs)
        assert difference.changes == provider_pb2.DiffResponse.DIFF_NONE, list(difference.detailedDiff)

    def read(
        self, token: str, identifier: str, state: Properties | None = None, inputs: Properties | None = None
    ) -> Properties | None:
        """What there is under an identifier; with the identifier alone, as `pulumi import` reads."""
        request = provider_pb2.ReadRequest(
            id=identifier, urn=_urn(token), properties=_struct(state or {}), inputs=_struct(inputs or {})
        )
        response = self._stub.Read(request, timeout=CALL_SECONDS)
        return _dictionary(response.properties) if response.id else None

    def delete(self, resource: Resource) -> None:
        request = provider_pb2.DeleteRequest(
            id=resource.identifier,
            urn=_urn(resource.token),
            properties=_struct(resource.state),
            timeout=CALL_SECONDS,
        )
        self._stub.Delete(request, timeout=CALL_SECONDS)

    def live(self, token: str, inputs: Properties, changes: Properties, imported: Properties) -> Resource:
        """Create, update, and read by identifier alone, which must give `imported`."""
        resource = self.create(token, inputs)
        self.update(resource, changes)
        found = self.read(token, resource.identifier)
        assert found is not None
        assert imported.items() <= found.items()
        return resource

    def die(self, resource: Resource) -> None:
        """Delete, and be gone for a later read."""
        self.delete(resource)
        assert self.read(resource.token, resource.identifier, resource.state, resource.inputs) is None

    def _check(self, token: str, news: Properties, olds: Properties) -> Properties:
        request = provider_pb2.CheckRequest(
            urn=_urn(token), olds=_struct(olds), news=_struct(news), randomSeed=b"0" * 32
        )
        response = self._stub.Check(request, timeout=CALL_SECONDS)
        assert not response.failures, response.failures
        return _dictionary(response.inputs)

    def _diff(self, resource: Resource, news: Properties) -> provider_pb2.DiffResponse:
        request = provider_pb2.DiffRequest(
            id=resource.identifier,
            urn=_urn(resource.token),
            olds=_struct(resource.state),
            news=_struct(news),
            old_inputs=_struct(resource.inputs),
        )
        return self._stub.Diff(request, timeout=CALL_SECONDS)


def _urn(token: str) -> str:
    return f"urn:pulumi:test::test::{token}::resource"


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(dict(values), struct_pb2.Struct())


def _dictionary(values: struct_pb2.Struct) -> Properties:
    return dict(json_format.MessageToDict(values))


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    process = EmulatorProcess(tmp_path_factory.mktemp("cloud"))
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def provider(emulator: EmulatorProcess) -> Iterator[Provider]:
    plugin = Provider(emulator)
    yield plugin
    plugin.close()


@pytest.fixture(scope="module")
def network(provider: Provider) -> Iterator[tuple[Resource, Resource]]:
    """A network and a switch, through which their own life is checked."""
    vpc = provider.live(
        "alicloud:vpc/network:Network",
        {"vpcName": "main", "cidrBlock": "10.0.0.0/8", "tags": {"a": "1", "b": "2"}},
        {"vpcName": "renamed", "description": "for tests", "tags": {"a": "3"}},
        {"vpcName": "renamed", "cidrBlock": "10.0.0.0/8", "tags": {"a": "3"}},
    )
    vswitch = provider.live(
        "alicloud:vpc/switch:Switch",
        {"vpcId": vpc.identifier, "vswitchName": "one", "cidrBlock": "10.1.0.0/16", "zoneId": "cn-hangzhou-h"},
        {"vswitchName": "two", "tags": {"a": "1"}},
        {"vswitchName": "two", "vpcId": vpc.identifier, "tags": {"a": "1"}},
    )
    yield vpc, vswitch
    provider.die(vswitch)
    provider.die(vpc)


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


def test_gateway_address_and_rule_live_and_die(provider: Provider, network: tuple[Resource, Resource]) -> None:
    vpc, vswitch = network
    gateway = provider.live(
        "alicloud:vpc/natGateway:NatGateway",
        {
            "vpcId": vpc.identifier,
            "vswitchId": vswitch.identifier,
            "natGatewayName": "one",
            "natType": "Enhanced",
            "paymentType": "PayAsYouGo",
            "tags": {"a": "1"},
        },
        {"natGatewayName": "two", "description": "way out"},
        {"natGatewayName": "two", "natType": "Enhanced", "vpcId": vpc.identifier},
    )
    address = provider.live(
        "alicloud:ecs/eipAddress:EipAddress",
        {"addressName": "one", "bandwidth": "10", "internetChargeType": "PayByTraffic", "tags": {"a": "1"}},
        {"bandwidth": "20", "addressName": "two"},
        {"bandwidth": "20", "addressName": "two", "internetChargeType": "PayByTraffic"},
    )
    binding = provider.create(
        "alicloud:ecs/eipAssociation:EipAssociation",
        {"allocationId": address.identifier, "instanceId": gateway.identifier, "instanceType": "Nat"},
    )
    rule = provider.live(
        "alicloud:vpc/snatEntry:SnatEntry",
        {
            "snatTableId": gateway.state["snatTableIds"],
            "snatIp": address.state["ipAddress"],
            "sourceVswitchId": vswitch.identifier,
        },
        {"snatEntryName": "out"},
        {"snatEntryName": "out", "snatIp": address.state["ipAddress"]},
    )
    for resource in (rule, binding, address, gateway):
        provider.die(resource)


def test_security_groups_and_rules_live_and_die(provider: Provider, network: tuple[Resource, Resource]) -> None:
    vpc, _ = network
    group = provider.live(
        "alicloud:ecs/securityGroup:SecurityGroup",
        {"securityGroupName": "one", "vpcId": vpc.identifier, "description": "a", "tags": {"a": "1"}},
        {"description": "b", "innerAccessPolicy": "Drop"},
        {"description": "b", "innerAccessPolicy": "Drop", "vpcId": vpc.identifier},
    )
    rule = provider.create(
        "alicloud:ecs/securityGroupRule:SecurityGroupRule",
        {
            "securityGroupId": group.identifier,
            "type": "ingress",
            "ipProtocol": "tcp",
            "portRange": "443/443",
            "cidrIp": "10.0.0.0/8",
        },
    )
    provider.update(rule, {"description": "why"})
    provider.die(rule)
    provider.die(group)


def test_domains_and_records_live_and_die(provider: Provider) -> None:
    domain = provider.live(
        "alicloud:dns/alidnsDomain:AlidnsDomain",
        {"domainName": "example.com", "tags": {"a": "1"}},
        {"remark": "zone", "tags": {"b": "2"}},
        {"domainName": "example.com", "remark": "zone", "tags": {"b": "2"}},
    )
    record = provider.live(
        "alicloud:dns/alidnsRecord:AlidnsRecord",
        {"domainName": "example.com", "rr": "qa", "type": "A", "value": "192.0.2.1", "ttl": 600},
        {"value": "192.0.2.2", "status": "DISABLE", "remark": "standing by"},
        {"rr": "qa", "value": "192.0.2.2", "status": "DISABLE", "line": "default"},
    )
    provider.die(record)
    provider.die(domain)


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


def _statement(action: str, **more: Any) -> Properties:
    return {"Effect": "Allow", "Action": [action], **more}


def test_keys_live_and_are_scheduled_for_deletion(provider: Provider) -> None:
    key = provider.create("alicloud:kms/key:Key", {"description": "a", "pendingWindowInDays": 7, "tags": {"a": "1"}})
    provider.update(key, {"description": "b", "automaticRotation": "Enabled", "rotationInterval": "365d"})
    provider.delete(key)


def test_clusters_and_node_pools_live_and_die(
    provider: Provider, network: tuple[Resource, Resource], emulator: EmulatorProcess
) -> None:
    _, vswitch = network
    cluster = provider.create(
        "alicloud:cs/managedKubernetes:ManagedKubernetes",
        {
            "name": "platform",
            "vswitchIds": [vswitch.identifier],
            "podCidr": "172.20.0.0/16",
            "serviceCidr": "172.21.0.0/20",
            "newNatGateway": False,
            "enableRrsa": True,
            "skipSetCertificateAuthority": True,
            "clusterSpec": "ack.pro.small",
            "version": "1.34.4-aliyun.1",
            "tags": {"a": "1"},
            "addons": [{"name": "ack-pod-identity-webhook"}],
        },
    )
    account = emulator.credentials()["account_id"]
    rrsa = cluster.state["rrsaMetadata"]
    assert rrsa["ramOidcProviderArn"] == f"acs:ram::{account}:oidc-provider/ack-rrsa-{cluster.identifier}"
    token = "alicloud:cs/getClusterCredential:getClusterCredential"
    credential = provider.invoke(token, clusterId=cluster.identifier, temporaryDurationMinutes=60)
    assert "clusters:" in credential["kubeConfig"]
    pool = provider.create(
        "alicloud:cs/nodePool:NodePool",
        {
            "name": "gpu",
            "clusterId": cluster.identifier,
            "vswitchIds": [vswitch.identifier],
            "instanceTypes": ["ecs.gn6i-c4g1.xlarge"],
            "desiredSize": "1",
            "labels": [{"key": "business", "value": "qa"}],
            "taints": [{"key": "business", "value": "qa", "effect": "NoSchedule"}],
            "systemDiskCategory": "cloud_essd",
            "systemDiskSize": 120,
            "tags": {"a": "1"},
        },
    )
    provider.update(pool, {"desiredSize": "2"})
    scaled = provider.create(
        "alicloud:cs/nodePool:NodePool",
        {
            "name": "elastic",
            "clusterId": cluster.identifier,
            "vswitchIds": [vswitch.identifier],
            "instanceTypes": ["ecs.g7.xlarge"],
            "scalingConfig": {"enable": True, "minSize": 0, "maxSize": 3},
        },
    )
    with pytest.raises(grpc.RpcError, match="at most 4 real nodes"):
        provider.update(pool, {"desiredSize": "5"})
    emulator.stop(signal.SIGKILL)
    emulator.start()
    provider.expect_no_difference(pool)
    provider.die(scaled)
    provider.die(pool)
    provider.die(cluster)


def test_the_emulator_knew_every_action_that_the_provider_called(provider: Provider, emulator: EmulatorProcess) -> None:
    calls = [entry for entry in emulator.log() if "action" in entry]
    assert len(calls) > 20
    assert [entry for entry in calls if entry.get("code") in ("InvalidAction.NotFound", "SandboxFailure")] == []
    assert emulator.credentials()["access_key_secret"] not in (emulator.state / "logs" / "cloud.log").read_text()


def test_load_balancers_and_listeners_live_and_die(provider: Provider, network: tuple[Resource, Resource]) -> None:
    _, vswitch = network
    private = provider.create(
        "alicloud:slb/applicationLoadBalancer:ApplicationLoadBalancer",
        {"addressType": "intranet", "vswitchId": vswitch.identifier, "loadBalancerSpec": "slb.s2.small"},
    )
    balancer = provider.live(
        "alicloud:slb/applicationLoadBalancer:ApplicationLoadBalancer",
        {
            "loadBalancerName": "one",
            "addressType": "internet",
            "internetChargeType": "PayByTraffic",
            "loadBalancerSpec": "slb.s1.small",
            "tags": {"a": "1"},
        },
        {"loadBalancerName": "two", "loadBalancerSpec": "slb.s2.small", "tags": {"a": "2"}},
        {"loadBalancerName": "two", "loadBalancerSpec": "slb.s2.small", "addressType": "internet", "tags": {"a": "2"}},
    )
    tcp = provider.live(
        "alicloud:slb/listener:Listener",
        {
            "loadBalancerId": balancer.identifier,
            "protocol": "tcp",
            "frontendPort": 80,
            "backendPort": 30080,
            "bandwidth": 10,
        },
        {"establishedTimeout": 600, "description": "web"},
        {"protocol": "tcp", "frontendPort": 80, "backendPort": 30080, "establishedTimeout": 600},
    )
    http = provider.create(
        "alicloud:slb/listener:Listener",
        {
            "loadBalancerId": balancer.identifier,
            "protocol": "http",
            "frontendPort": 8080,
            "backendPort": 30081,
            "bandwidth": -1,
            "stickySession": "on",
            "stickySessionType": "insert",
            "cookieTimeout": 60,
        },
    )
    for resource in (http, tcp, balancer, private):
        provider.die(resource)
