"""A stack's life with the real engine and the real provider: rename, refresh, import, replacement, destroy, in order.

A program of a few things that need no cluster is enough: engine and provider do the work. The same for Kubernetes is in
test_kubernetes_provider/test_engine.py; up, no change, edit, drift and destroy of a whole business in
test_one_business.py; each resource by itself in test_terraform_provider.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox import cloud_process, lifecycle
from sandbox.engine import Engine
from sandbox.environment import environment
from sandbox.paths import REPOSITORY
from sandbox.progress import Progress
from sandbox.settings import SandboxSettings
from tests.sandbox.cloud_calls import Caller

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300)]

REGION, STACK, NETWORK = "cn-hangzhou", "life", "alicloud:vpc/network:Network"
PARTS = {
    "network": 'network = alicloud.vpc.Network("network", vpc_name="life", cidr_block="10.0.0.0/8", tags=tags)',
    "switch": (
        'alicloud.vpc.Switch("switch", vpc_id=network.id, vswitch_name="life", zone_id="cn-hangzhou-h",'
        ' cidr_block="10.1.0.0/16", tags=tags)'
    ),
}
ALIASED = 'tags=tags, opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name="network")]))'
IMPORTED = (
    'alicloud.vpc.Network("older", vpc_name="older", cidr_block="192.168.0.0/16",'
    " opts=pulumi.ResourceOptions(protect=True))"
)
"""Pulumi protects what it imports, until the program says otherwise."""
Pulumi = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("life")
    (folder / ".venv").symlink_to(REPOSITORY / ".venv")
    (folder / "Pulumi.yaml").write_text(
        "name: life\nruntime: {name: python, options: {toolchain: pip, virtualenv: .venv}}\n"
        f"config: {{alicloud:region: {{value: {REGION}}}}}\n"
    )
    return folder


@pytest.fixture(scope="module")
def pulumi(empty_sandbox: SandboxSettings, progress: Progress, project: Path) -> Pulumi:
    """Runs one command on the stack, and fails with all that it said unless it ends well."""
    lifecycle.start(empty_sandbox, progress)
    engine = Engine(empty_sandbox, project)
    engine.prepare()
    write(project, PARTS)
    engine.up(STACK)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [empty_sandbox.state / "bin" / "pulumi", *arguments, "--non-interactive", "--stack", STACK],
            cwd=project, env={**os.environ, **environment(empty_sandbox)}, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
        assert result.returncode == 0, result.stdout + result.stderr
        return result

    return run


@pytest.fixture
def account(pulumi: Pulumi, settings: SandboxSettings) -> Caller:
    """Who changes things past Pulumi."""
    return Caller(settings)


def write(project: Path, parts: dict[str, str], tags: str = '{"owner": "somebody@example.com"}') -> None:
    lines = ["import pulumi", "import pulumi_alicloud as alicloud", f"tags = {tags}", *parts.values()]
    (project / "__main__.py").write_text("\n".join(lines) + "\n")


def networks(account: Caller) -> dict[str, str]:
    """Identifiers by name."""
    rows = account.call("vpc", "DescribeVpcs", RegionId=REGION)["Vpcs"]["Vpc"]
    return {row["VpcName"]: row["VpcId"] for row in rows}


def test_a_renamed_resource_with_an_alias_stays_the_same_thing_and_without_one_would_be_made_again(
    pulumi: Pulumi, project: Path, account: Caller
) -> None:
    before = networks(account)
    renamed = PARTS["network"].replace('"network",', '"backbone",')
    write(project, {**PARTS, "network": renamed})
    shown = pulumi("preview").stdout
    assert "1 to create" in shown
    assert "1 to delete" in shown
    PARTS["network"] = renamed.replace("tags=tags)", ALIASED)
    write(project, PARTS)
    pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert networks(account) == before
    assert {"backbone"} == {name for kind, name in known(pulumi) if kind == NETWORK}


def test_a_refresh_takes_over_what_was_changed_by_hand_and_the_next_up_undoes_it(
    pulumi: Pulumi, account: Caller, settings: SandboxSettings
) -> None:
    network = networks(account)["life"]
    account.call("vpc", "ModifyVpcAttribute", RegionId=REGION, VpcId=network, VpcName="by-hand")
    (switch,) = account.call("vpc", "DescribeVSwitches", RegionId=REGION)["VSwitches"]["VSwitch"]
    account.call("vpc", "DeleteVSwitch", RegionId=REGION, VSwitchId=switch["VSwitchId"])
    shown = pulumi("refresh", "--yes", "--skip-preview").stdout
    assert "1 updated" in shown
    assert "1 deleted" in shown
    assert "switch" not in {name for _, name in known(pulumi)}
    shown = pulumi("up", "--yes", "--skip-preview").stdout
    assert "1 updated" in shown
    assert "1 created" in shown
    assert networks(account) == {"life": network}
    assert cloud_process.status(settings)["resources"]["vswitch"] == 1


def test_what_was_made_by_hand_is_imported_and_is_the_stacks_from_then_on(
    pulumi: Pulumi, project: Path, account: Caller
) -> None:
    query = {"RegionId": REGION, "VpcName": "older", "CidrBlock": "192.168.0.0/16"}
    identifier = account.call("vpc", "CreateVpc", **query)["VpcId"]
    pulumi("import", NETWORK, "older", identifier, "--yes", "--generate-code=false")
    PARTS["older"] = IMPORTED
    write(project, PARTS)
    pulumi("preview", "--expect-no-changes")


def test_a_change_that_cannot_be_made_in_place_replaces_and_leaves_one(
    pulumi: Pulumi, project: Path, account: Caller
) -> None:
    PARTS["older"] = IMPORTED.replace("protect=True", "protect=False")
    PARTS["switch"] = PARTS["switch"].replace("10.1.0.0/16", "10.2.0.0/16")
    write(project, PARTS)
    shown = pulumi("up", "--yes", "--skip-preview").stdout
    assert "1 replaced" in shown
    rows = account.call("vpc", "DescribeVSwitches", RegionId=REGION)["VSwitches"]["VSwitch"]
    assert [row["CidrBlock"] for row in rows] == ["10.2.0.0/16"]


def test_destroy_leaves_nothing_the_imported_included(
    pulumi: Pulumi, account: Caller, settings: SandboxSettings
) -> None:
    pulumi("destroy", "--yes", "--skip-preview")
    assert networks(account) == {}
    assert not {"vpc", "vswitch"} & set(cloud_process.status(settings)["resources"])


def known(pulumi: Pulumi) -> set[tuple[str, str]]:
    """Type and name of all that the stack knows."""
    resources = json.loads(pulumi("stack", "export").stdout)["deployment"]["resources"]
    return {(resource["type"], resource["urn"].rpartition("::")[2]) for resource in resources}
