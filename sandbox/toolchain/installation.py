"""Obtains every tool of the table once and keeps it in the cache by version and recipe."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.paths import cache_directory
from sandbox.progress import Progress
from sandbox.toolchain import sources
from sandbox.toolchain.table import DEBIAN_PACKAGES, TOOLS, DebianPackage, Tool, tool

MINIMUM_FREE_BYTES = 6 * 1024**3
"""A cold build leaves about 1 GiB in the cache and 4 GiB in Go's own; less space fails half-way."""


@dataclass(frozen=True)
class Obtained:
    """Where a tool is and which source it came from: "PATH", "cache", "download" or "build"."""

    tool: Tool
    path: Path
    source: str


def binary(name: str) -> Path:
    """The verified program of this name: a tool of the table, or a program of a Debian package.

    Raises SandboxError, with the command that obtains it, when it is not there.
    """
    for package in DEBIAN_PACKAGES:
        if package.program == name:
            return _debian_program(package) or _missing(f"{name} (Debian package {package.name})")
    row = tool(name)
    cached = _cached_path(row)
    if cached.exists():
        return cached
    return sources.on_path(row) or _missing(f"{name} {row.version}")


def install_tools(
    progress: Progress, *, include_optional: bool = False, names: Collection[str] | None = None
) -> list[Obtained]:
    """Obtain every tool that is not there yet, or those of these names.

    Safe to interrupt and to run twice, also at the same time.
    """
    wanted = [row for row in TOOLS if (include_optional or not row.optional if names is None else row.name in names)]
    if all(_cached_path(row).exists() for row in wanted):
        return [Obtained(row, _cached_path(row), "cache") for row in wanted]
    with _builder_lock(progress):
        return [_obtain(row, progress) for row in wanted]


def missing_debian_packages(*, include_tests: bool = False) -> list[str]:
    """The packages of the table that are not installed."""
    wanted = [package for package in DEBIAN_PACKAGES if include_tests or not package.for_tests]
    return [package.name for package in wanted if _debian_program(package) is None]


def missing_tools(names: Collection[str] | None = None) -> list[str]:
    """The tools (of these names) that `install_tools` would have to download or build; looks at the cache only."""
    wanted = [row for row in TOOLS if (not row.optional if names is None else row.name in names)]
    return [row.name for row in wanted if not _cached_path(row).exists()]


def install_debian_packages(progress: Progress, *, include_tests: bool = False) -> None:
    """Install the packages of the table that are missing. Raises SandboxError when that cannot be done."""
    names = missing_debian_packages(include_tests=include_tests)
    if not names:
        return
    if shutil.which("apt-get") is None:
        raise SandboxError(
            f"not installed: {', '.join(names)}; this system has no apt-get: install them by its own means"
        )
    if os.geteuid() != 0:
        raise SandboxError(f"not installed: {', '.join(names)}; run as root: apt-get install {' '.join(names)}")
    with progress.step(f"Installing Debian packages {', '.join(names)}"):
        # RUNLEVEL and the policy of not starting daemons: the sandbox runs its own etcd and containerd.
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-qy", "--no-install-recommends", *names]):
            result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1800, check=False)
            if result.returncode != 0:
                reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
                raise SandboxError(f"`{' '.join(command)}` failed: {reason}; mend that and run the command again")


def _obtain(row: Tool, progress: Progress) -> Obtained:
    target = _cached_path(row)
    if target.exists():
        return Obtained(row, target, "cache")
    present = sources.on_path(row)
    if present is not None:
        progress.line(f"{row.name} {row.version}: on PATH")
        return Obtained(row, present, "PATH")
    _require_free_space(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    source = "download"
    if not sources.download(row, unfinished):
        source = "build"
        with progress.step(f"Building {row.name} {row.version} from its Go module"):
            sources.build(row, unfinished, sources.go_compiler(cache_directory()))
    if not sources.has_version(row, unfinished):
        raise SandboxError(
            f"{row.name} was obtained by {source} but does not say that it is {row.expected}; "
            f"look at `{unfinished} {' '.join(row.version_arguments)}`"
        )
    unfinished.replace(target)
    _drop_older(target)
    return Obtained(row, target, source)


def _cached_path(row: Tool) -> Path:
    return cache_directory() / "toolchain" / row.name / f"{row.version}-{sources.recipe_key(row)}" / row.name


def _drop_older(target: Path) -> None:
    for folder in target.parent.parent.iterdir():
        if folder != target.parent:
            shutil.rmtree(folder, ignore_errors=True)


def _debian_program(package: DebianPackage) -> Path | None:
    places: Iterable[str | None] = (None, "/usr/sbin:/sbin", *package.also_found_in)
    for place in places:
        found = shutil.which(package.program, path=place)
        if found:
            return Path(found)
    return None


def _missing(what: str) -> Path:
    raise SandboxError(f"{what} is not installed; run `make toolchain`")


def _require_free_space(target: Path) -> None:
    existing = next(parent for parent in target.parents if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < MINIMUM_FREE_BYTES:
        raise SandboxError(
            f"{existing} has {free / 1024**3:.1f} GiB free, "
            f"building the toolchain needs {MINIMUM_FREE_BYTES / 1024**3:.0f}; "
            f"free some, or set LANGUAGE_MODEL_CLUSTERS_CACHE to another disk"
        )


@contextmanager
def _builder_lock(progress: Progress) -> Iterator[None]:
    """One builder at a time; a second one waits, since it wants the very same result."""
    path = cache_directory() / "toolchain" / "lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("w")
    except PermissionError:
        raise SandboxError(
            f"tools are missing, and {path.parent} is not yours to write; have its owner run "
            "`python -m sandbox toolchain`, or set LANGUAGE_MODEL_CLUSTERS_CACHE to a folder of your own"
        ) from None
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with progress.step("Waiting for another process that builds the toolchain"):
                fcntl.flock(stream, fcntl.LOCK_EX)
        yield
