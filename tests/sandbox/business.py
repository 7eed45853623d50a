"""What tests of a business do to its buckets and its stack file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import oss2
import yaml

from sandbox.environment import environment
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
