"""A sandbox without root, run by a user who has none: `up --rootless`, a cluster through the cloud's API, `down`.

The user is "nobody", without capabilities and unable to get any. A mount namespace shows it the repository, the
toolchain and Python where it can read them, wherever they are; all that it writes is below one temporary folder.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.container_service import ContainerService
from sandbox.addresses import Addresses
from sandbox.paths import REPOSITORY, cache_directory
from sandbox.settings import SandboxSettings
from tests.sandbox.cluster import Cluster, wait_for

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(400)]

NOBODY = 65534
REGION = "cn-hangzhou"
INDEX = 14
CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data"},
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "alicloud-disk-essd",
        "resources": {"requests": {"storage": "20Gi"}},
    },
}
SCRIPT = """
mount --bind "$TOOLCHAIN_SOURCE" "$PLACE/cache/toolchain"
mount --bind "$PYTHON_SOURCE" "$PLACE/python"
mount --bind "$VENV_SOURCE/lib" "$PLACE/venv/lib"
mount --rbind "$PLACE/venv" "$VENV_SOURCE"
mount --rbind "$REPOSITORY_SOURCE" "$PLACE/repository"
cd "$PLACE/repository"
exec setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs -- "$@"
"""


class Nobody:
    """Runs commands as the user nobody, in a home of its own."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for folder in ("home", "cache/toolchain", "state", "repository", "python", "venv/bin", "venv/lib"):
            (place / folder).mkdir(parents=True)
        for folder in ("home", "cache", "state"):
            os.chown(place / folder, NOBODY, NOBODY)
        place.chmod(0o755)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        self.python = place / "venv" / "bin" / "python"
        self.python.symlink_to(place / "python" / "bin" / version)
        (place / "venv" / "pyvenv.cfg").write_text(f"home = {place / 'python' / 'bin'}\nversion = 3.11\n")
        self.settings = SandboxSettings("nobody", Addresses(INDEX), place / "state", place / "cache", rootless=True)

    def run(self, *arguments: str, check: bool = True) -> str:
        """The standard output of `python -m sandbox ...`."""
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(self.place / "home"),
            "SANDBOX_NAME": self.settings.name,
            "SANDBOX_INDEX": str(INDEX),
            "SANDBOX_STATE": str(self.settings.state),
            "LANGUAGE_MODEL_CLUSTERS_CACHE": str(self.settings.cache),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LD_LIBRARY_PATH": str(self.place / "python" / "lib"),
            "PLACE": str(self.place),
            "REPOSITORY_SOURCE": str(REPOSITORY),
            "TOOLCHAIN_SOURCE": str(cache_directory() / "toolchain"),
            "PYTHON_SOURCE": sys.base_prefix,
            "VENV_SOURCE": str(Path(sys.prefix).resolve()),
        }
        command = ["unshare", "--mount", "sh", "-e", "-c", SCRIPT, "nobody"]
        result = subprocess.run(
            [*command, str(self.python), "-m", "sandbox", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert result.returncode == 0 or not check, result.stdout + result.stderr
        return result.stdout


@pytest.fixture(scope="module")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nobody]:
    # Not below pytest's own folder, which only its owner may enter.
    place = Path("/tmp") / f"rootless-{os.getpid()}"
    place.mkdir()
    user = Nobody(place)
    try:
        yield user
    finally:
        user.run("down", "--purge", check=False)
        shutil.rmtree(place)


@pytest.fixture(scope="module")
def service(nobody: Nobody) -> Iterator[ContainerService]:
    nobody.run("up", "--rootless")
    service = ContainerService(nobody.settings, REGION)
    yield service
    service.close()


def test_the_doctor_asks_nobody_for_root(nobody: Nobody) -> None:
    found = nobody.run("doctor", "--rootless")
    assert f"user id {NOBODY} (root is not needed)" in found
    assert "BAD" not in found


def test_a_user_without_root_gets_a_cluster_whose_pods_seem_to_run(
    nobody: Nobody, service: ContainerService, tmp_path: Path
) -> None:
    cluster, switch = service.create_cluster()
    pool = service.create_pool(cluster, switch, 5)
    (tmp_path / "kubeconfig").write_text(service.kubeconfig(cluster))
    kubernetes = Cluster(tmp_path / "kubeconfig", "default")
    assert len(kubernetes.objects("nodes", "--selector", "sandbox/simulated=true")) == 5
    kubernetes.run("create", "deployment", "web", "--image=none", "--replicas=20")
    kubernetes.run("rollout", "status", "deployment/web", "--timeout=60s")
    assert "Nothing runs here" in kubernetes.run("logs", "deployment/web")
    kubernetes.apply(CLAIM)
    kubernetes.run("wait", "--for=jsonpath={.status.phase}=Bound", "--timeout=30s", "persistentvolumeclaim/data")
    service.resize_pool(cluster, pool, 2)
    assert len(kubernetes.objects("nodes")) == 2
    wait_for("all pods on the nodes that stay", lambda: len(kubernetes.running_pods("app=web")) == 20, 60)


def test_the_variables_lead_to_its_ports(nobody: Nobody, service: ContainerService) -> None:
    lines = dict(line.removeprefix("export ").split("=", 1) for line in nobody.run("env").splitlines())
    assert lines["CS_ENDPOINT"] == nobody.settings.cloud_endpoint
    ports = nobody.settings.cloud_ports
    for kind, port in ((socket.SOCK_STREAM, ports.https), (socket.SOCK_STREAM, ports.dns)):
        with socket.socket(socket.AF_INET, kind) as connection:
            connection.settimeout(5)
            connection.connect(("127.0.0.1", port))
    assert json.loads(nobody.run("status", "--json"))["running"]


def test_it_outlives_a_stop_and_leaves_nothing_running(nobody: Nobody, service: ContainerService) -> None:
    nobody.run("down")
    wait_for("the end of what the kernel still ends", lambda: not running(), 10)
    nobody.run("up")
    status = json.loads(nobody.run("status", "--json"))
    (cluster,) = status["services"]["CS"]["clusters"]
    kubeconfig = nobody.place / "kubeconfig"
    kubeconfig.write_text(service.kubeconfig(cluster["id"]))
    kubernetes = Cluster(kubeconfig, "default")
    wait_for("all pods again", lambda: len(kubernetes.running_pods("app=web")) == 20, 60)


def running() -> list[bytes]:
    """The command lines of the sandbox's processes that the user still has."""
    return [
        command_line(process)
        for process in Path("/proc").iterdir()
        if process.name.isdigit() and owner(process) == NOBODY and b"sandbox" in command_line(process)
    ]


def owner(process: Path) -> int | None:
    """Whose a process is; None when it has just ended."""
    try:
        return process.stat().st_uid
    except OSError:
        return None


def command_line(process: Path) -> bytes:
    """A process's arguments; empty when it has just ended."""
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""
