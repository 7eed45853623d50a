"""The real engine is killed while it makes things, and the next one goes on from there: nothing is made twice.

Here with things that need no cluster; `python -m benchmarks.interrupted_up` kills whole stacks, with clusters and node
pools, at moments that are drawn.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.interrupted_up import UP, kill
from sandbox import cloud_process, lifecycle
from sandbox.engine import Engine
from sandbox.environment import environment
from sandbox.paths import REPOSITORY
from sandbox.progress import Progress
from sandbox.settings import SandboxSettings
from tests.sandbox.cluster import wait_for

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300)]

PROGRAM = """
import pulumi_alicloud as alicloud

tags = {"project": "interrupted", "owner": "somebody@example.com"}
zone = alicloud.dns.AlidnsDomain("zone", domain_name="interrupted.example.com")
copies = alicloud.oss.Bucket("copies", bucket="interrupted-copies", versioning={"status": "Enabled"}, tags=tags)
data = alicloud.oss.Bucket("data", bucket="interrupted-data", versioning={"status": "Enabled"}, tags=tags)
alicloud.oss.BucketReplication(
    "replication", bucket=data.id, action="PUT", historical_object_replication="enabled",
    destination={"bucket": copies.id, "location": "oss-cn-hangzhou"},
)
alicloud.dns.AlidnsRecord("record", domain_name=zone.domain_name, rr="www", type="A", value="192.0.2.1", ttl=600)
alicloud.kms.Key("key", description="A key", key_spec="Aliyun_AES_256", pending_window_in_days=7, tags=tags)
alicloud.slb.ApplicationLoadBalancer(
    "entry", load_balancer_name="entry", address_type="internet", instance_charge_type="PayByCLCU", tags=tags
)
network = alicloud.vpc.Network("network", vpc_name="network", cidr_block="10.0.0.0/8", tags=tags)
switch = alicloud.vpc.Switch(
    "switch", vpc_id=network.id, vswitch_name="switch", zone_id="cn-hangzhou-h", cidr_block="10.1.0.0/16", tags=tags
)
group = alicloud.ecs.SecurityGroup("group", security_group_name="group", vpc_id=network.id, tags=tags)
alicloud.ecs.SecurityGroupRule(
    "rule", security_group_id=group.id, type="ingress", ip_protocol="tcp", policy="accept", port_range="443/443",
    nic_type="intranet", priority=1, cidr_ip="10.0.0.0/8",
)
gateway = alicloud.vpc.NatGateway(
    "gateway", nat_gateway_name="gateway", vpc_id=network.id, vswitch_id=switch.id, nat_type="Enhanced",
    payment_type="PayAsYouGo", internet_charge_type="PayByLcu", tags=tags,
)
address = alicloud.ecs.EipAddress("address", address_name="address", payment_type="PayAsYouGo", tags=tags)
bound = alicloud.ecs.EipAssociation("bound", allocation_id=address.id, instance_id=gateway.id, instance_type="Nat")
alicloud.vpc.SnatEntry(
    "out", snat_entry_name="out", snat_table_id=gateway.snat_table_ids, source_cidr="10.0.0.0/8",
    snat_ip=address.ip_address, opts=__import__("pulumi").ResourceOptions(depends_on=[bound]),
)
"""
RESOURCES = 16
"""Of the program, with its stack and its provider."""
FIRST_LOOKS = ("DomainInfo", "EipAddresses", "Key", "LoadBalancerAttribute", "VpcAttribute")
"""Not every description: that of a service's endpoints comes before a key is made."""
RECORDS, REPLICATION = "DescribeDomainRecordInfo", "GetBucketReplication"
STAGES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (
        (*(f"Describe{what}" for what in FIRST_LOOKS), "PutBucketTagging"),
        ("eip", "kms-key", "load-balancer", "vpc", "dns-domain", "PutBucketTagging"),
    ),
    (
        ("DescribeVSwitch*", "DescribeSecurityGroup*", RECORDS, REPLICATION),
        ("dns-record", "security-group", "vswitch", REPLICATION),
    ),
    (("DescribeNatGateways", "GetNatGatewayAttribute"), ("nat-gateway",)),
    (("DescribeSnatTableEntries",), ("snat-entry",)),
)
"""For each kill: calls that hang, since they come after the one that makes something; and what is there when it comes.

That is kinds of things, of which the engine does not know yet, or a call that has begun to hang.
"""
DRAWN = (
    "dns-record",
    "eip",
    "kms-key",
    "load-balancer",
    "nat-gateway",
    "security-group",
    "snat-entry",
    "vpc",
    "vswitch",
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small program, with one of each thing whose identifier is not its name."""
    (tmp_path / ".venv").symlink_to(REPOSITORY / ".venv")
    (tmp_path / "__main__.py").write_text(PROGRAM)
    (tmp_path / "Pulumi.yaml").write_text(
        "name: project\nruntime: {name: python, options: {toolchain: pip, virtualenv: .venv}}\n"
        "config: {alicloud:region: {value: cn-hangzhou}}\n"
    )
    return tmp_path


@pytest.fixture
def engine(empty_sandbox: SandboxSettings, progress: Progress, project: Path) -> Engine:
    lifecycle.start(empty_sandbox, progress)
    engine = Engine(empty_sandbox, project)
    engine.prepare()
    engine.ensure_stack("qa")
    return engine


def test_whatever_an_engine_was_making_when_it_was_killed_the_next_one_makes_nothing_twice(
    engine: Engine, settings: SandboxSettings, project: Path
) -> None:
    for number, (looks, stage) in enumerate(STAGES):
        engine.resume("qa")
        assert notes(engine) == []
        # Of every second one only the engine is killed: its plugins live on, and must be found.
        kill_an_up(settings, project, looks, stage, whole=number % 2 == 0)
        assert notes(engine)
    engine.up("qa")
    assert notes(engine) == []
    kinds = cloud_process.status(settings)["resources"]
    assert {kind: kinds.get(kind) for kind in DRAWN} == dict.fromkeys(DRAWN, 1)
    again = pulumi(settings, project, "preview", "--refresh", "--expect-no-changes", "-s", "qa")
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"{RESOURCES} unchanged" in again.stdout
    # Each file of the stacks is replaced at once; one beside it would not be, and could be torn by a kill.
    assert list((settings.state / "pulumi" / "backend").rglob("*.attrs")) == []
    engine.destroy("qa")
    left = cloud_process.status(settings)["resources"]
    assert not set(DRAWN) - {"kms-key"} & set(left)


def kill_an_up(
    settings: SandboxSettings, project: Path, looks: Sequence[str], stage: Sequence[str], *, whole: bool
) -> None:
    """Run an `up` until the stage's things are there and its engine does not know, and kill it; `whole`: all of it."""
    for action in looks:
        rule = {"name": action.strip("*"), "action": action, "latency_milliseconds": 60_000}
        cloud_process.ask(settings, "POST", "faults", rule)
    command = [sys.executable, "-c", UP, str(project), "qa"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, start_new_session=True) as process:
        wait_for(f"{', '.join(stage)} in the making", lambda: reached(settings, stage), seconds=60)
        kill(process.pid, whole=whole)
    cloud_process.ask(settings, "DELETE", "faults")


def reached(settings: SandboxSettings, stage: Sequence[str]) -> bool:
    status = cloud_process.status(settings)
    hanging = {fault["name"] for fault in status["faults"] if fault["struck"]}
    return set(stage) <= hanging | set(status["resources"])


def notes(engine: Engine) -> list[str]:
    """What the stack takes for unfinished."""
    operations = engine.state("qa")["deployment"].get("pending_operations") or []
    return [operation["resource"]["urn"] for operation in operations]


def pulumi(settings: SandboxSettings, project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [settings.state / "bin" / "pulumi", *arguments, "--non-interactive"],
        cwd=project,
        env={**os.environ, **environment(settings)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
