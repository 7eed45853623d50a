"""Prepares, starts and stops a whole sandbox: toolchain, images, node template, the cloud and its regions."""

from __future__ import annotations

import os
import shutil

from sandbox import cloud_process, doctor
from sandbox.certificates import certificate_authority
from sandbox.errors import SandboxError
from sandbox.images.builder import build_images
from sandbox.images.settings import ImagePaths
from sandbox.paths import REPOSITORY
from sandbox.progress import Progress
from sandbox.region import build_node_template, cleanup, network
from sandbox.settings import SandboxSettings
from sandbox.toolchain import install_debian_packages, install_tools


def prepare(settings: SandboxSettings, progress: Progress, *, all_tools: bool = False) -> None:
    """Obtain and build everything that is cached: tools, the certificate authority, images, the nodes' template."""
    require_healthy_machine(settings)
    obtain_toolchain(progress, all_tools=all_tools)
    certificate_authority(settings.cache)
    build_images(ImagePaths(REPOSITORY, settings.cache), progress)
    build_node_template(settings, progress.line)


def obtain_toolchain(progress: Progress, *, all_tools: bool = False) -> None:
    """Obtain the Debian packages and the tools."""
    install_debian_packages(progress)
    install_tools(progress, include_optional=all_tools)


def require_healthy_machine(settings: SandboxSettings) -> None:
    """Raises SandboxError, naming every finding with its remedy, when the machine cannot carry a sandbox."""
    sick = [finding for finding in doctor.examine(settings) if not finding.is_well]
    if sick:
        raise SandboxError("; ".join(f"{finding.check}: {finding.found}: {finding.remedy}" for finding in sick))


def start(settings: SandboxSettings, progress: Progress) -> None:
    """Start the cloud; clusters that it remembers come back with it."""
    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    network.ensure_cloud_interface(settings.addresses)
    if not cloud_process.is_answering(settings):
        with progress.step("Starting the cloud"):
            cloud_process.start(settings)


def stop(settings: SandboxSettings, progress: Progress, *, purge: bool = False) -> list[str]:
    """Stop the cloud and every region, and remove every trace from the host; returns what could not be removed.

    What the sandbox remembers stays for the next start, unless `purge` is given.
    """
    if os.geteuid() != 0:
        raise SandboxError("stopping a sandbox needs root, as starting it did; run the command as root")
    with progress.step("Stopping the cloud and its regions"):
        cloud_process.stop(settings)
        cleanup.sweep(settings.addresses, settings.state)
        network.remove_cloud_interface(settings.addresses)
    if purge and settings.state.exists():
        with progress.step("Forgetting the sandbox's state"):
            shutil.rmtree(settings.state)
    return cleanup.leftovers(settings.addresses, settings.state)
