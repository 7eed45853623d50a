"""The plain `pulumi` command, as `eval "$(python -m sandbox env)"` would have it, and how long it takes."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from sandbox.environment import environment
from sandbox.paths import REPOSITORY
from sandbox.settings import SandboxSettings

TIMEOUT_SECONDS = 600.0
NO_CHANGE = "--expect-no-changes"
"""Makes a preview or an update fail when it would change anything."""


def timed(action: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    begun = time.monotonic()
    action()
    return time.monotonic() - begun


def pulumi(settings: SandboxSettings, *arguments: str, project: Path = REPOSITORY) -> str:
    """Run one command to its end; returns its output. Raises CalledProcessError, with the command's own words."""
    result = subprocess.run(
        [settings.state / "bin" / "pulumi", *arguments, "--non-interactive"],
        cwd=project,
        env={**os.environ, **environment(settings)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    if result.returncode != 0:
        error = subprocess.CalledProcessError(result.returncode, result.args)
        error.add_note(result.stdout + result.stderr)
        raise error
    return result.stdout
