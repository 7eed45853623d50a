"""The commands that bring a business up and take everything down."""

from __future__ import annotations

import argparse

from sandbox import deployment
from sandbox.commands.common import Commands, Exit, add_json, declare, show
from sandbox.progress import Progress
from sandbox.report import render
from sandbox.settings import SandboxSettings

DEPLOY = """
Prepares, starts the cloud, runs `pulumi up` for the platform and the business (or all), uploads the corpus, and waits
until a model is trained. Each step finds what is done already: run it again after an interruption or a change.

  python -m sandbox deploy qa
  python -m sandbox deploy qa --json | jq -r .qa.outputs.dns_name
"""
DESTROY = """
Runs `pulumi destroy`, businesses first, after lifting the protection of data and emptying the buckets. The cloud goes
on; `reset` empties it without Pulumi, `down --purge` forgets everything.

  python -m sandbox destroy
"""


def add(commands: Commands) -> None:
    """Declare the commands."""
    deploy = declare(
        commands, "deploy", run_deploy, "set everything up and bring a business up, with a trained model", DEPLOY
    )
    deploy.add_argument(
        "stack",
        metavar="STACK",
        help="the business's stack, such as qa; `all` for every business, of which qa is given a corpus to train on",
    )
    add_json(deploy)
    declare(commands, "destroy", run_destroy, "take every stack down, with the data in its buckets", DESTROY)


def run_deploy(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Bring a business up, or all."""
    found = deployment.deploy(settings, options.stack, Progress())
    return show(options, found, render(found, settings))


def run_destroy(options: argparse.Namespace, settings: SandboxSettings) -> int:
    """Take every stack down."""
    deployment.destroy(settings, Progress())
    return Exit.DONE
