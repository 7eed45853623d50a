"""What tests of a business do to its buckets and its stack file, and ask of its training."""

from __future__ import annotations

import json
import math
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import oss2
import yaml

from sandbox import deployment
from sandbox.environment import environment
from sandbox.paths import REPOSITORY
from sandbox.settings import SandboxSettings


def bucket(settings: SandboxSettings, name: str, region: str) -> oss2.Bucket:
    """A bucket through the official SDK."""
    variables = environment(settings)
    os.environ["REQUESTS_CA_BUNDLE"] = variables["REQUESTS_CA_BUNDLE"]
    keys = oss2.AuthV4(variables["ALIBABA_CLOUD_ACCESS_KEY_ID"], variables["ALIBABA_CLOUD_ACCESS_KEY_SECRET"])
    endpoint = f"https://{variables['OSS_ENDPOINT']}"
    return oss2.Bucket(keys, endpoint, name, region=region, is_path_style=True)


def tags(store: oss2.Bucket) -> dict[str, str]:
    """The bucket's tags, as the cloud has them."""
    found: dict[str, str] = dict(store.get_bucket_tagging().tag_set.tagging_rule)
    return found


def tagging(wanted: dict[str, str]) -> oss2.models.Tagging:
    """Tags as the SDK takes them."""
    rule = oss2.models.TaggingRule()
    for key, value in wanted.items():
        rule.add(key, value)
    return oss2.models.Tagging(rule)


def edit(project: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the business's settings in its stack file."""
    path = project / "stacks" / "Pulumi.qa.yaml"
    content = yaml.safe_load(path.read_text())
    change(content["config"]["language-model-clusters:business"])
    path.write_text(yaml.safe_dump(content))


def restore(settings: SandboxSettings, backups: str, region: str, *arguments: str) -> str:
    """From BUCKET/REGION, with the command that docs/operations.md names; what it prints."""
    python = str(REPOSITORY / ".venv" / "bin" / "python")
    command = [python, "-m", "controllers", "restore", "--region", region, "--from", f"oss://{backups}", *arguments]
    restored = subprocess.run(
        command,
        cwd=REPOSITORY,
        env={**os.environ, **environment(settings)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert restored.returncode == 0, restored.stdout + restored.stderr
    return restored.stdout


def training_progress(settings: SandboxSettings, buckets: dict[str, str], region: str) -> dict[str, Any]:
    """What the launcher has noted of the job: tasks done, losses, workers seen."""
    found: dict[str, Any] = deployment.training_status(settings, buckets, region).get("progress") or {}
    return found


def tasks_of_the_job(project: Path, data: oss2.Bucket) -> int:
    """How many tasks every epoch over every training shard makes, counted from the data's own manifest."""
    content = yaml.safe_load((project / "stacks" / "Pulumi.qa.yaml").read_text())
    schedule = content["config"]["language-model-clusters:business"]["training"]["schedule"]
    manifest = json.loads(data.get_object("data/manifest.json").read())
    shards = [shard["sentences"] for shard in manifest["shards"] if "train" in shard["name"]]
    assert shards
    return int(schedule["epochs"] * sum(math.ceil(count / schedule["records_per_task"]) for count in shards))
