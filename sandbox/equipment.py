"""What the doctor says of what the sandbox installs or builds itself, and of what runs or is left on the machine.

Unlike the checks of `doctor`, none of these keeps `up` from starting: it obtains what is missing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

from sandbox import cloud_process, rootless
from sandbox.doctor import Finding
from sandbox.errors import SandboxError
from sandbox.region import cleanup
from sandbox.settings import SandboxSettings
from sandbox.toolchain import missing_debian_packages, missing_tools


def examine(settings: SandboxSettings) -> list[Finding]:
    """Run every check; none of them changes anything."""
    checks: tuple[Callable[[SandboxSettings], Finding], ...] = (_packages, _tools, _traces)
    if settings.rootless:
        checks = (_tools, _rootless_traces)
    return [check(settings) for check in checks]


def _packages(_: SandboxSettings) -> Finding:
    missing = missing_debian_packages()
    if not missing:
        return Finding("Debian packages", "all there")
    names = " ".join(missing)
    remedy = f"apt-get install --no-install-recommends {names} (or `python -m sandbox prepare`, which does it)"
    if shutil.which("apt-get") is None:
        remedy = f"this system has no apt-get: install what Debian calls {names} by its own means"
    return Finding("Debian packages", f"missing {', '.join(missing)}", remedy)


def _tools(settings: SandboxSettings) -> Finding:
    missing = missing_tools(rootless.TOOLS) if settings.rootless else missing_tools()
    if not missing:
        return Finding("tools", "all there")
    remedy = "`python -m sandbox toolchain` obtains them, by download or by building (all of them: about 25 minutes)"
    return Finding("tools", f"missing {', '.join(missing)}", remedy)


def _traces(settings: SandboxSettings) -> Finding:
    """Whether this sandbox runs; when it does not, nothing of it should be on the machine."""
    check = f"sandbox {settings.name}"
    process = cloud_process.process_id(settings)
    if process is not None:
        return Finding(check, f"runs on {settings.addresses.cloud} (process {process})")
    if os.geteuid() != 0:
        return Finding(check, "does not run (what is left of it is seen by root only)")
    try:
        left = cleanup.leftovers(settings.addresses, settings.state)
    except (SandboxError, OSError) as error:
        return Finding(check, f"does not run; what is left of it cannot be seen yet ({error})")
    if not left:
        return Finding(check, "does not run, and nothing of it is left")
    return Finding(check, f"does not run, but {len(left)} things of it are left, such as {left[0]}", REMOVE)


def _rootless_traces(settings: SandboxSettings) -> Finding:
    check = f"sandbox {settings.name}"
    process = cloud_process.process_id(settings)
    if process is not None:
        return Finding(check, f"runs on {settings.cloud_url} (process {process})")
    left = rootless.leftovers(settings)
    if not left:
        return Finding(check, "does not run, and nothing of it is left")
    return Finding(check, f"does not run, but {len(left)} things of it are left, such as {left[0]}", REMOVE)


REMOVE = "`python -m sandbox down` removes them"
