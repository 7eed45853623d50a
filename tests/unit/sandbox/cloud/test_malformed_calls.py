"""However an action is called, it answers with a result or an error of its own, and never fails itself.

Two seeds of each; `python -m benchmarks.malformed_requests` sends thousands, of other kinds too.
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

ROUNDS = 5
TEXTS = [
    "",
    " ",
    "0",
    "-1",
    "999999999999999999999",
    "true",
    "[]",
    "[1]",
    "{}",
    "null",
    '[{"Key": null}]',
    '{"Version": "1", "Statement": "x"}',
    '{"Version": "1", "Statement": [{"Effect": "Allow", "Principal": {"RAM": 1}, "Action": 5, "Resource": {}}]}',
    "a" * 5000,
    "\u4e2d\u6587\n\x00",
    "10.0.0.0/8",
    "10.0.0.0/33",
    "acs:ram::1:role/x",
    "../../etc/passwd",
    "' OR 1=1 --",
    "cn-hangzhou-h",
    "example.com",
]
VALUES: list[Any] = [
    None,
    True,
    -1,
    1.5,
    "",
    "x" * 3000,
    [],
    [None],
    [[]],
    [{}],
    {},
    {"a": 1},
    {"key": "a"},
    {"name": "n"},
]


@pytest.mark.parametrize("seed", range(2))
def test_rpc_actions_never_fail_themselves(world: Any, seed: int) -> None:
    generator = random.Random(seed)  # noqa: S311 (chooses test data)
    known = identifiers(world)
    called = 0
    for service in world.cloud.services:
        for action in service.actions.values():
            if action.pattern is not None:
                continue
            for _ in range(ROUNDS):
                names = [name for name in sorted(action.honours) if generator.random() < 0.8]
                suffixes = ["", ".1", ".1.Key", ".x", ".1.IpProtocol"]
                values = {name + generator.choice(suffixes): generator.choice(TEXTS + known) for name in names}
                reply = world.rpc.post(world.rpc.signed(service.version, action.name, values))
                assert reply.status < 500
                assert reply.code != "SandboxFailure", (action.name, values, reply.text)
                called += 1
    assert called > 500


@pytest.mark.parametrize("seed", range(2))
def test_roa_paths_never_fail_themselves(world: Any, seed: int) -> None:
    generator = random.Random(seed)  # noqa: S311 (chooses test data)
    cluster, vswitch = world.cluster()
    made = world.roa(
        "POST",
        f"/clusters/{cluster}/nodepools",
        {
            "nodepool_info": {"name": "n"},
            "scaling_group": {"instance_types": ["ecs.g7.xlarge"], "vswitch_ids": [vswitch], "desired_size": 0},
        },
    )
    world.settle()
    container_service = next(service for service in world.cloud.services if service.name == "CS")
    for action in container_service.actions.values():
        if action.name in ("DeleteCluster", "DeleteClusterNodepool"):
            continue
        names = sorted(action.honours)
        for _ in range(ROUNDS * 2):
            path = action.pattern.pattern
            for name, value in (("cluster_id", cluster), ("nodepool_id", made["nodepool_id"])):
                path = path.replace(f"(?P<{name}>[^/]+)", value)
            path = path.replace("(?P<task_id>[^/]+)", made["task_id"]).replace("(?P<instance_name>[^/]+)", "x")
            body = {name: nested(generator) for name in names if generator.random() < 0.6}
            sent = generator.choice([body, body, body, [body], [], None])
            reply = world.roa.send(action.method, path, sent)
            assert reply.status < 500
            code = reply.code if reply.text and isinstance(reply.json(), dict) else ""
            assert code != "SandboxFailure", (action.name, sent, reply.text)
    world.settle()


def nested(generator: random.Random) -> Any:
    """A value, sometimes an object of plausible fields with values that do not fit."""
    fields = ["name", "key", "value", "effect", "labels", "taints", "instance_types", "vswitch_ids", "desired_size"]
    fields += ["enable", "min_instances", "max_instances", "enabled", "version", "config"]
    if generator.random() < 0.5:
        return {field: generator.choice(VALUES) for field in fields if generator.random() < 0.4}
    return generator.choice(VALUES)


def identifiers(world: Any) -> list[str]:
    """Identifiers of resources that exist, so that actions get beyond finding nothing."""
    cluster, vswitch = world.cluster()
    vpc = world.rpc("Vpc", "DescribeVpcs")["Vpcs"]["Vpc"][0]["VpcId"]
    eip = world.rpc("Vpc", "AllocateEipAddress")["AllocationId"]
    gateway = world.rpc("Vpc", "CreateNatGateway", VpcId=vpc, VSwitchId=vswitch)
    group = world.rpc("Ecs", "CreateSecurityGroup", VpcId=vpc)["SecurityGroupId"]
    world.rpc("Alidns", "AddDomain", DomainName="example.com")
    record = world.rpc("Alidns", "AddDomainRecord", DomainName="example.com", RR="a", Type="A", Value="192.0.2.1")
    trust = {"Version": "1", "Statement": [{"Effect": "Allow", "Principal": {}, "Action": "sts:AssumeRole"}]}
    world.rpc("Ram", "CreateRole", RoleName="r", AssumeRolePolicyDocument=json.dumps(trust))
    key = world.rpc("Kms", "CreateKey")["KeyMetadata"]["KeyId"]
    table = gateway["SnatTableIds"]["SnatTableId"][0]
    return [cluster, vswitch, vpc, eip, gateway["NatGatewayId"], table, group, record["RecordId"], "r", key]
