"""The commands that bring a business up and take everything down."""

from __future__ import annotations

import argparse

from sandbox import deployment
from sandbox.commands.common import Commands, declare
from sandbox.progress import Progress
from sandbox.report import render
from sandbox.settings import SandboxSettings


def add(commands: Commands) -> None:
    """Declare the commands."""
    deploy = declare(
        commands, "deploy", run_deploy, "set everything up and bring one business up, with a trained model"
    )
    deploy.add_argument("business", help="the business's stack, such as qa")
    declare(commands, "destroy", run_destroy, "pulumi destroy of every stack, with the data in its buckets")


def run_deploy(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Bring a business up."""
    print(render(deployment.deploy(settings, options.business, Progress()), settings, options.business))
    return 0


def run_destroy(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Take every stack down."""
    deployment.destroy(settings, Progress())
    return 0
