"""`push`: images into the cloud's registry."""

from __future__ import annotations

import argparse
from pathlib import Path

from sandbox import cloud_process
from sandbox.commands.common import Commands, add_json, declare, show
from sandbox.settings import SandboxSettings

PUSH_SECONDS = 900.0
"""How long a push may take: gigabytes are copied and hashed on a slow disk."""
MEBIBYTE = 1 << 20

DETAILS = """
The registry's namespace must be there (alicloud_cr_namespace), and either the repository too or the namespace's
auto_create be on. Layers that the registry has are not copied again. Nodes pull it like any image; they have what
`python -m sandbox.images build` built without pulling. Any builder can push as well, through the cloud's proxy:

  python -m sandbox push server.tar registry-vpc.cn-hangzhou.aliyuncs.com/language-models/server:2
  buildah push IMAGE docker-archive:server.tar        makes such an archive
"""


def add(commands: Commands) -> None:
    """Declare the command."""
    push = declare(commands, "push", run_push, "push an image from a file into the cloud's registry", DETAILS)
    push.add_argument("archive", metavar="FILE", type=Path, help="a docker-archive with one image")
    push.add_argument("reference", metavar="REFERENCE", help="REGISTRY/NAMESPACE/NAME:TAG, as pods name it")
    add_json(push)


def run_push(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Push an image."""
    body = {"archive": str(options.archive.absolute()), "reference": options.reference}
    found = cloud_process.ask(settings, "POST", "images", body, timeout_seconds=PUSH_SECONDS)
    text = f"{found['reference']} is {found['digest']}; {found['pushed'] / MEBIBYTE:.1f} MiB were new"
    return show(options, found, text)
