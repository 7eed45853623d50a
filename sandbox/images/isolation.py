"""Runs the tools that need root so that they leave nothing behind, not even when killed.

Each runs in mount and process namespaces of its own: what it mounts and starts ends with it, and it ends with us.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from sandbox.errors import SandboxError

ENCLOSURE = (
    *("setpriv", "--pdeathsig", "KILL", "--"),
    *("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc", "--"),
    *("nice", "-n", "10"),
)
"""Lower priority, because a build must not slow down the regions that run beside it."""

PACKAGE_OF = {
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "setpriv": "util-linux",
    "unshare": "util-linux",
    "nice": "coreutils",
    "tar": "tar",
}
TAIL_CHARACTERS = 300
RECENT_LINES = 200
"""Lines of a failed command among which its reason is looked for."""

NO_SPACE = re.compile(r"no space left on device", re.IGNORECASE)
CAUSE = re.compile(r"^(E: |ERROR: |error: )")
"""How apt, pip and the like begin the line that says what was wrong; buildah's own last line repeats the whole step."""


def require_tools(path: str | None = None) -> None:
    """Raise SandboxError naming every missing tool and how to get it; `path` replaces $PATH."""
    missing = [tool for tool in PACKAGE_OF if shutil.which(tool, path=path) is None]
    if missing:
        packages = " ".join(sorted({PACKAGE_OF[tool] for tool in missing}))
        raise SandboxError(
            f"building images needs {', '.join(missing)}, not found; install with: apt-get install {packages}"
        )


def require_root(user: int | None = None) -> None:
    """Raise SandboxError unless we are root; `user` replaces the process's own user id."""
    actual = os.geteuid() if user is None else user
    if actual != 0:
        raise SandboxError(
            f"building images needs root (this is user id {actual}): Debian's packages are unpacked with their owners; "
            "run it with sudo"
        )


def require_space(directory: Path, needed: int, free: int | None = None) -> None:
    """Raise SandboxError unless `needed` bytes are free where `directory` is; `free` replaces what the disk says."""
    directory.mkdir(parents=True, exist_ok=True)
    available = shutil.disk_usage(directory).free if free is None else free
    if available < needed:
        raise SandboxError(
            f"{directory} has {available / 2**30:.1f} GiB free and building images takes up to {needed / 2**30:.1f}; "
            "free some, or move the cache with LANGUAGE_MODEL_CLUSTERS_CACHE"
        )


def run_enclosed(
    command: Sequence[str],
    *,
    what: str,
    log: Path,
    environment: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] = lambda line: None,
    timeout_seconds: int = 3600,
) -> None:
    """Run a command in the enclosure, its output to the file `log` and line by line to `on_line`.

    `what` completes "... failed" in the error. Raises SandboxError with the command's last words when it fails, and
    after `timeout_seconds` (kept by coreutils' timeout: reading from a command that hangs doesn't end).
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    bounded = ["timeout", "--signal=KILL", str(timeout_seconds), *command]
    recent: deque[str] = deque(maxlen=RECENT_LINES)
    with (
        log.open("a", encoding="utf-8", buffering=1) as record,
        subprocess.Popen(
            [*ENCLOSURE, *bounded],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, **(environment or {})},
        ) as process,
    ):
        record.write(f"$ {' '.join(command)}\n")
        try:
            for line in process.stdout or ():
                record.write(line)
                recent.append(line.strip())
                on_line(line.rstrip())
            status = process.wait()
        except BaseException:  # also on Ctrl-C: the enclosure ends with its first process
            process.kill()
            raise
    if status != 0:
        raise SandboxError(_explain(what, status, recent, log, timeout_seconds))


def _explain(what: str, status: int, recent: Iterable[str], log: Path, timeout_seconds: int) -> str:
    lines = [line for line in recent if line]
    if any(NO_SPACE.search(line) for line in lines):
        return (
            f"{what} failed: the disk of {log.parent} is full; free some space and run it again: it goes on from there"
        )
    if status in (-signal.SIGKILL, 128 + signal.SIGKILL):
        return (
            f"{what} was killed, or took longer than {timeout_seconds} s; run it again: it goes on from there ({log})"
        )
    causes = [line for line in lines if CAUSE.match(line)]
    cause = (causes or lines or ["no word why"])[-1]
    return f"{what} failed (status {status}): {cause[-TAIL_CHARACTERS:]}; the whole log: {log}"
