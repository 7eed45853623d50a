"""An image is pushed to the cloud's registry by a builder, and a kubelet really pulls it from there."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import lifecycle, toolchain
from sandbox.certificates import trust_bundle
from sandbox.environment import proxy_environment
from sandbox.progress import Progress
from sandbox.region.pause_image import render_archive
from sandbox.settings import SandboxSettings
from tests.sandbox.cloud_api import Api
from tests.sandbox.cluster import Cluster, wait_for

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]

PUBLIC_HOST, INSIDE_HOST = "registry.cn-hangzhou.aliyuncs.com", "registry-vpc.cn-hangzhou.aliyuncs.com"
NAME = "language-models/sleeper"
PULL_SECONDS = 90.0


@pytest.fixture(scope="module")
def api(empty_sandbox: SandboxSettings, progress: Progress) -> Iterator[Api]:
    lifecycle.start(empty_sandbox, progress)
    client = Api(empty_sandbox)
    yield client
    client.close()


@pytest.fixture(scope="module")
def kubernetes(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with one node."""
    vpc = api.rpc("vpc", "CreateVpc", CidrBlock="10.0.0.0/8")["VpcId"]
    vswitch = api.rpc("vpc", "CreateVSwitch", VpcId=vpc, ZoneId="cn-hangzhou-h", CidrBlock="10.1.0.0/16")["VSwitchId"]
    made = api.cs("POST", "/clusters", {"name": "platform", "region_id": "cn-hangzhou", "vswitch_ids": [vswitch]})
    api.task(made)
    identifier = made["cluster_id"]
    group = {"instance_types": ["ecs.g6.large"], "vswitch_ids": [vswitch], "desired_size": 1}
    body = {"nodepool_info": {"name": "workers"}, "scaling_group": group}
    api.task(api.cs("POST", f"/clusters/{identifier}/nodepools", body))
    path: Path = tmp_path_factory.mktemp("kubeconfig") / "config"
    path.write_text(api.cs("GET", f"/k8s/{identifier}/user_config")["config"])
    path.chmod(0o600)
    yield Cluster(path, "default")
    api.task(api.cs("DELETE", f"/clusters/{identifier}"))


@pytest.fixture(scope="module")
def login(api: Api) -> tuple[str, str]:
    """A namespace in which a push makes private repositories, and a name and password for it."""
    api.roa("cr", "PUT", "/namespace", {"Namespace": {"Namespace": "language-models"}})
    token = api.roa("cr", "GET", "/tokens")["data"]
    return token["tempUserName"], token["authorizationToken"]


@pytest.fixture(scope="module")
def pushed(empty_sandbox: SandboxSettings, login: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image that no node has, pushed from the host under the registry's real name."""
    folder = tmp_path_factory.mktemp("builder")
    program = toolchain.binary("pause").read_bytes()
    (folder / "image.tar").write_bytes(render_archive("localhost/sleeper:1", {"sleep": program}, ["/sleep"]))
    places = ["--root", str(folder / "root"), "--runroot", str(folder / "run"), "--storage-driver", "vfs"]
    variables = {**os.environ, **proxy_environment(empty_sandbox), "SSL_CERT_FILE": str(trust_bundle(empty_sandbox))}
    for arguments in (
        ["pull", f"docker-archive:{folder / 'image.tar'}"],
        ["push", "--creds", ":".join(login), "localhost/sleeper:1", f"docker://{PUBLIC_HOST}/{NAME}:1"],
    ):
        done = subprocess.run(
            ["buildah", *places, *arguments], env=variables, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
    return f"{INSIDE_HOST}/{NAME}:1"


def pod(name: str, image: str, **more: Any) -> dict[str, Any]:
    containers = [{"name": "main", "image": image, "imagePullPolicy": "Always"}]
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers, **more}}


def refusal(kubernetes: Cluster, name: str) -> str:
    """What the kubelet says of a pull that failed, once it does."""
    command = ("get", "events", "--field-selector", f"involvedObject.name={name},reason=Failed")

    def failed() -> str:
        messages = kubernetes.run(*command, "-o", "jsonpath={.items[*].message}")
        return messages if "Failed to pull" in messages else ""

    return wait_for(f"the refusal of {name}'s image", failed, PULL_SECONDS)


def runs(kubernetes: Cluster, name: str) -> bool:
    return kubernetes.run("get", "pod", name, "-o", "jsonpath={.status.phase}") == "Running"


def test_a_private_image_is_pulled_with_a_secret_and_refused_without(
    kubernetes: Cluster, pushed: str, login: tuple[str, str]
) -> None:
    auth = base64.b64encode(":".join(login).encode()).decode()
    document = json.dumps({"auths": {INSIDE_HOST: {"auth": auth}}})
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "registry", "namespace": "default"},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": base64.b64encode(document.encode()).decode()},
    }
    kubernetes.apply(secret, pod("without", pushed), pod("with", pushed, imagePullSecrets=[{"name": "registry"}]))
    wait_for("the pulled image's pod", lambda: runs(kubernetes, "with"), PULL_SECONDS)
    assert re.search("401 Unauthorized|authorization failed", refusal(kubernetes, "without"))
    kubernetes.run("delete", "pod", "with", "without", "--grace-period=0", "--force")


def test_a_public_image_needs_no_secret(kubernetes: Cluster, pushed: str, api: Api) -> None:
    api.roa("cr", "POST", f"/repos/{NAME}", {"Repo": {"RepoType": "PUBLIC"}})
    kubernetes.apply(pod("public", pushed))
    wait_for("the pulled image's pod", lambda: runs(kubernetes, "public"), PULL_SECONDS)
    kubernetes.run("delete", "pod", "public", "--grace-period=0", "--force")


def test_an_image_of_a_registry_outside_says_that_there_is_no_way_out(kubernetes: Cluster) -> None:
    kubernetes.apply(pod("outside", "docker.io/library/nginx:1"))
    assert "not found" in refusal(kubernetes, "outside")
    kubernetes.run("delete", "pod", "outside", "--grace-period=0", "--force")
