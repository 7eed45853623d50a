"""Prepares, starts and stops a whole sandbox: toolchain, images, node template, the cloud and its regions."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

from sandbox import cloud_process, doctor, replacement, rootless
from sandbox.certificates import certificate_authority
from sandbox.errors import SandboxError
from sandbox.images.builder import build_images
from sandbox.images.settings import ImagePaths
from sandbox.locking import exclusive
from sandbox.paths import REPOSITORY
from sandbox.progress import Progress
from sandbox.region import build_node_template, cleanup, network
from sandbox.settings import SandboxSettings
from sandbox.toolchain import Obtained, install_debian_packages, install_tools


def prepare(settings: SandboxSettings, progress: Progress, *, for_tests: bool = False) -> None:
    """Obtain and build everything that is cached: tools, the certificate authority, images, the nodes' template.

    A rootless sandbox runs no container: it needs fewer tools, no image and no template. `for_tests` obtains, too, what
    only this project's own tests need (a browser).
    """
    require_healthy_machine(settings)
    if settings.rootless:
        install_tools(progress, names=rootless.TOOLS)
        certificate_authority(settings.cache)
        return
    obtain_toolchain(progress, for_tests=for_tests)
    certificate_authority(settings.cache)
    build_images(ImagePaths(REPOSITORY, settings.cache), progress)
    build_node_template(settings, progress.line)


def obtain_toolchain(progress: Progress, *, all_tools: bool = False, for_tests: bool = False) -> list[Obtained]:
    """Obtain the Debian packages and the tools; where each tool came from."""
    install_debian_packages(progress, include_tests=for_tests)
    return install_tools(progress, include_optional=all_tools)


def require_healthy_machine(settings: SandboxSettings) -> None:
    """Raises SandboxError, naming every finding with its remedy, when the machine cannot carry a sandbox."""
    sick = [finding for finding in doctor.examine(settings) if not finding.is_well]
    if sick:
        raise SandboxError("; ".join(f"{finding.check}: {finding.found}: {finding.remedy}" for finding in sick))


def start(settings: SandboxSettings, progress: Progress) -> None:
    """Start the cloud; clusters that it remembers come back with it."""
    cloud_process.require_own_index(settings)
    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    if settings.rootless:
        rootless.mark(settings)
    else:
        network.ensure_cloud_interface(settings.addresses)
    if not cloud_process.is_answering(settings):
        with progress.step("Starting the cloud"):
            cloud_process.start(settings)


def replace_state(settings: SandboxSettings, progress: Progress, stage: Callable[[], None]) -> None:
    """Put the state that `stage` makes ready in the place of the cloud's; the cloud is stopped for it if it runs.

    Raises:
        SandboxError: when the cloud was started by hand, another process replaces the state, or a region does not end.
    """
    arguments = cloud_process.own_arguments(settings)
    if arguments:
        raise SandboxError(
            f"the cloud was started by hand (python -m sandbox.cloud {' '.join(arguments)}); end it, run this command "
            "again, and start it again"
        )
    was_running = cloud_process.process_id(settings) is not None
    with exclusive(settings.state / "replacement.lock", "replacing this sandbox's state"):
        stage()
        if was_running:
            with progress.step("Stopping the cloud"):
                cloud_process.stop(settings)
        try:
            with exclusive(settings.state / "cloud.lock", "serving this sandbox's cloud"):
                replacement.finish(settings)  # one that was interrupted goes first
                replacement.commit(settings)
                replacement.finish(settings)
        finally:
            if was_running:
                start(settings, progress)


def stop(settings: SandboxSettings, progress: Progress, *, purge: bool = False) -> list[str]:
    """Stop the cloud and every region, and remove every trace from the host; returns what could not be removed.

    What the sandbox remembers stays for the next start, unless `purge` is given.
    """
    if os.geteuid() != 0 and not settings.rootless:
        raise SandboxError("stopping a sandbox needs root, as starting it did; run the command as root")
    cloud_process.require_own_index(settings)
    with progress.step("Stopping the cloud and its regions"):
        cloud_process.stop(settings)
        if settings.rootless:
            rootless.sweep(settings)
        else:
            cleanup.sweep(settings.addresses, settings.state)
            network.remove_cloud_interface(settings.addresses)
    if purge and settings.state.exists():
        with progress.step("Forgetting the sandbox's state"):
            shutil.rmtree(settings.state)
    return rootless.leftovers(settings) if settings.rootless else cleanup.leftovers(settings.addresses, settings.state)
