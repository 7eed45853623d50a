"""Puts Pulumi's plugins where the engine looks for them; official ones that are already there are left alone."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.toolchain.table import ALICLOUD_PLUGIN_VERSION, KUBERNETES_PLUGIN_VERSION, PULUMI_VERSION

LAUNCHER = Path(__file__).resolve().parent / "launch.py"
MARK = "# Written by the sandbox's installer of Pulumi plugins."


def install_plugins(
    destination: Path,
    python: Path,
    alicloud_binary: Path,
    pulumi_home: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> dict[str, Path]:
    """Install language host, Kubernetes provider and alicloud provider; returns where each is found.

    `python` runs the plugins written in Python and must have the sandbox's requirements. A language host on PATH or
    beside the engine, and a plugin in a user's own Pulumi home, come first: the official ones. Safe to run twice.
    `pulumi_home` is the engine's PULUMI_HOME, by default `destination/pulumi/home`. `variables` are for the alicloud
    provider, and nothing else that the engine starts: they lead it to the cloud under the cloud's real host names.
    """
    home = pulumi_home or destination / "pulumi" / "home"
    programs = destination / "bin"
    return {
        "pulumi-language-python": _language_host(programs, home, python),
        "pulumi-resource-kubernetes": _provider(
            home,
            "kubernetes",
            KUBERNETES_PLUGIN_VERSION,
            _launcher(python, "kubernetes-provider", KUBERNETES_PLUGIN_VERSION),
        ),
        "pulumi-resource-alicloud": _provider(
            home, "alicloud", ALICLOUD_PLUGIN_VERSION, alicloud_binary, variables or {}
        ),
    }


def _language_host(programs: Path, home: Path, python: Path) -> Path:
    """In the engine's plugin folder: one on PATH makes the engine warn at every command that it is not the bundled."""
    name = "pulumi-language-python"
    official = _official_language_host(programs, name)
    folder = home / "plugins" / f"language-python-v{PULUMI_VERSION}"
    if official is not None:
        _remove_ours(folder)
        return official
    return _write(folder / name, _launcher(python, "language-host", PULUMI_VERSION))


def _official_language_host(programs: Path, name: str) -> Path | None:
    engine = shutil.which("pulumi", path=f"{programs}{os.pathsep}{os.environ.get('PATH', '')}")
    beside = Path(engine).resolve().with_name(name) if engine else None
    if beside is not None and os.access(beside, os.X_OK):
        return beside
    found = shutil.which(name)
    return Path(found) if found and not _is_ours(Path(found)) else None


def _provider(
    home: Path, name: str, version: str, program: str | Path, variables: Mapping[str, str] | None = None
) -> Path:
    folder = home / "plugins" / f"resource-{name}-v{version}"
    target = folder / f"pulumi-resource-{name}"
    if target.exists() and not target.is_symlink() and not _is_ours(target):
        return target
    official = _user_home() / "plugins" / folder.name / target.name
    if os.access(official, os.X_OK) and official.resolve() != target.resolve() and not _is_ours(official):
        return _start(target, official, variables or {})
    if isinstance(program, str):
        return _write(target, program)
    if not os.access(program, os.X_OK):
        raise SandboxError(f"{program} is not a program; run `make toolchain` to obtain pulumi-resource-{name}")
    return _start(target, program, variables or {})


def _start(target: Path, program: Path, variables: Mapping[str, str]) -> Path:
    """A link to the program, or a script that runs it with these variables."""
    if not variables:
        return _link(target, program)
    words = shlex.join(["env", *(f"{name}={value}" for name, value in variables.items()), str(program.absolute())])
    return _write(target, f'#!/bin/sh\n{MARK}\nexec {words} "$@"\n')


def _user_home() -> Path:
    """Where the official engine of this machine's user keeps plugins."""
    return Path.home() / ".pulumi"


def _launcher(python: Path, plugin: str, version: str) -> str:
    words = shlex.join([str(python.absolute()), str(LAUNCHER), plugin, "--version", version])
    return f'#!/bin/sh\n{MARK}\nexec {words} "$@"\n'


def _is_ours(path: Path) -> bool:
    with path.open("rb") as stream:
        return MARK.encode() in stream.read(512)


def _remove_ours(folder: Path) -> None:
    program = folder / "pulumi-language-python"
    if program.exists() and _is_ours(program):
        shutil.rmtree(folder)


def _write(target: Path, content: str) -> Path:
    if target.exists() and not target.is_symlink() and target.read_bytes() == content.encode():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    unfinished.write_text(content)
    unfinished.chmod(0o755)
    unfinished.replace(target)
    return target


def _link(target: Path, program: Path) -> Path:
    if target.is_symlink() and target.readlink() == program:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    unfinished.symlink_to(program)
    unfinished.replace(target)
    return target
