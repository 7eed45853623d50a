"""A sandbox without root: what it needs, how a state becomes one's, and how all of it ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.region import processes
from sandbox.region.commands import remove_tree
from sandbox.settings import SandboxSettings, rootless_mark

TOOLS = (
    *("pulumi", "pulumi-resource-alicloud", "kubectl"),
    *("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"),
)
"""The toolchain's part of what it runs; etcd comes from the system."""


def as_rootless(settings: SandboxSettings) -> SandboxSettings:
    """The same sandbox, rootless; `mark` makes that last.

    Raises:
        SandboxError: when it has real regions already.
    """
    if not settings.rootless and (settings.state / "cloud.sqlite").exists():
        raise SandboxError(
            f"sandbox {settings.name!r} was started with real nodes before, and stays so; take another "
            "$SANDBOX_NAME and $SANDBOX_INDEX, or forget this one with `python -m sandbox down --purge`"
        )
    return replace(settings, rootless=True)


def mark(settings: SandboxSettings) -> None:
    """Write down that the sandbox is rootless, for the commands to come."""
    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    rootless_mark(settings.state).touch()


def sweep(settings: SandboxSettings) -> None:
    """Kill every process of a rootless sandbox, and remove what only they need."""
    processes.kill_all(lambda: _own(settings), f"sandbox {settings.name}")
    for runtime in _runtimes(settings):
        remove_tree(runtime)


def leftovers(settings: SandboxSettings) -> list[str]:
    """What of a rootless sandbox runs now, one line a process; empty after a clean stop."""
    return [f"process {pid}" for pid in sorted(_own(settings))]


def _own(settings: SandboxSettings) -> set[int]:
    return processes.owned_processes(lambda owner: owner.startswith(settings.prefix))


def _runtimes(settings: SandboxSettings) -> list[Path]:
    return sorted((settings.state / "regions").glob("*/run"))
