"""The real engine is killed in the middle of a creation, and the next one goes on from there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

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

alicloud.oss.Bucket("data", bucket="interrupted-data", tags={"owner": "somebody@example.com"})
alicloud.dns.AlidnsDomain("zone", domain_name="interrupted.example.com")
"""
UP = """
import sys
from pathlib import Path
from sandbox.engine import Engine
from sandbox.settings import SandboxSettings

Engine(SandboxSettings.from_environment(), Path(sys.argv[1])).up("qa")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A program of two resources."""
    (tmp_path / ".venv").symlink_to(REPOSITORY / ".venv")
    (tmp_path / "__main__.py").write_text(PROGRAM)
    (tmp_path / "Pulumi.yaml").write_text(
        "name: project\nruntime: {name: python, options: {toolchain: pip, virtualenv: .venv}}\n"
        "config: {alicloud:region: {value: cn-hangzhou}}\n"
    )
    return tmp_path


@pytest.fixture
def killed_engine(empty_sandbox: SandboxSettings, progress: Progress, project: Path) -> Iterator[Engine]:
    """A cloud in which an engine was killed once its bucket was there and its tags were not."""
    lifecycle.start(empty_sandbox, progress)
    engine = Engine(empty_sandbox, project)
    engine.prepare()
    rule = {"name": "slow", "service": "OSS", "action": "PutBucketTagging", "latency_milliseconds": 60_000, "count": 1}
    cloud_process.ask(empty_sandbox, "POST", "faults", rule)
    command = [sys.executable, "-c", UP, str(project)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, start_new_session=True) as process:
        wait_for("the bucket's tags being set", lambda: struck(empty_sandbox), seconds=60)
        os.killpg(process.pid, signal.SIGKILL)
    yield engine


def struck(settings: SandboxSettings) -> bool:
    """Whether the slow call has come, and the zone is there."""
    status = cloud_process.status(settings)
    return bool(status["faults"][0]["struck"]) and "dns-domain" in status["resources"]


def test_the_next_up_takes_over_what_the_killed_one_was_making(
    killed_engine: Engine, settings: SandboxSettings, project: Path
) -> None:
    killed_engine.up("qa")
    again = subprocess.run(
        [settings.state / "bin" / "pulumi", "preview", "--refresh", "--expect-no-changes", "-s", "qa"],
        cwd=project,
        env={**os.environ, **environment(settings)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert again.returncode == 0, again.stdout + again.stderr
    assert "3 unchanged" in again.stdout
    killed_engine.destroy("qa")
    assert not cloud_process.status(settings)["resources"].get("dns-domain")
