"""The project's own Python interpreter, and what is installed there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.errors import SandboxError

QUERY_TIMEOUT_SECONDS = 30.0
SUPPORTED_TOOLCHAINS = ("pip", "uv")


@dataclass(frozen=True)
class Interpreter:
    """An interpreter and the virtual environment that it belongs to, if any."""

    python: Path
    virtual_environment: Path | None

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """The variables of a process in this environment, as `activate` sets them."""
        variables = dict(base)
        if self.virtual_environment is not None:
            variables.pop("PYTHONHOME", None)
            variables["VIRTUAL_ENV"] = str(self.virtual_environment)
            variables["PATH"] = f"{self.virtual_environment / 'bin'}{os.pathsep}{base.get('PATH', '')}"
        return variables

    def answer(self, code: str) -> str:
        """What a line of Python prints here. Raises SandboxError."""
        try:
            result = subprocess.run(
                [self.python, "-c", code], capture_output=True, text=True, timeout=QUERY_TIMEOUT_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SandboxError(f"{self.python} does not run: {error}; make the virtual environment anew") from error
        if result.returncode != 0:
            reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise SandboxError(f"{self.python} failed: {reason}")
        return result.stdout.strip()

    def site_packages(self) -> list[Path]:
        """Where its packages are installed."""
        if self.virtual_environment is not None:
            found = sorted(self.virtual_environment.glob("lib/python3*/site-packages"))
            if found:
                return found
        return [Path(self.answer("import sysconfig; print(sysconfig.get_paths()['purelib'])"))]


def find_interpreter(root: Path, options: Mapping[str, Any]) -> Interpreter:
    """The interpreter that Pulumi.yaml's `runtime.options` ask for. Raises SandboxError with the way out."""
    toolchain = str(options.get("toolchain") or "pip")
    if toolchain not in SUPPORTED_TOOLCHAINS:
        raise SandboxError(
            f"runtime option toolchain = {toolchain!r} in Pulumi.yaml; this language host knows "
            f"{' and '.join(SUPPORTED_TOOLCHAINS)}; set one of them and `virtualenv`"
        )
    named = str(options.get("virtualenv") or (".venv" if toolchain == "uv" else ""))
    if named:
        folder = root / named
        python = folder / "bin" / "python"
        if not python.exists():
            raise SandboxError(
                f"runtime option virtualenv = {named!r} in Pulumi.yaml, but {folder} is not a virtual environment; "
                f"make it: python3 -m venv {folder} && {python} -m pip install -r {root / 'requirements.txt'}"
            )
        return Interpreter(python, folder)
    for name in filter(None, (os.environ.get("PULUMI_PYTHON_CMD"), "python3", "python")):
        found = shutil.which(name)
        if found:
            return Interpreter(Path(found), None)
    raise SandboxError("no python3 on PATH; install Python 3, or set the runtime option virtualenv in Pulumi.yaml")


@dataclass(frozen=True)
class PulumiPackage:
    """A Python package that brings a Pulumi provider's SDK, and the plugin it wants."""

    name: str
    version: str
    server: str
    parameterization: Mapping[str, Any] | None


def pulumi_packages(interpreter: Interpreter) -> list[PulumiPackage]:
    """The provider SDKs installed there, found by the `pulumi-plugin.json` that each of them holds."""
    found = {}
    for folder in interpreter.site_packages():
        for file in sorted(folder.glob("*/pulumi-plugin.json")):
            package = _package(file)
            if package is not None:
                found[package.name, package.version] = package
    return list(found.values())


def _package(file: Path) -> PulumiPackage | None:
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise SandboxError(f"{file} cannot be read: {error}; install that package again") from error
    if not content.get("resource", False):
        return None
    name = str(content.get("name") or file.parent.name.removeprefix("pulumi_").replace("_", "-"))
    version = str(content.get("version") or _distribution_version(file.parent)).removeprefix("v")
    return PulumiPackage(name, version, str(content.get("server") or ""), content.get("parameterization"))


def _distribution_version(package: Path) -> str:
    return next((version for name, version in distributions(package.parent) if name == package.name.lower()), "")


def distributions(site_packages: Path) -> Iterator[tuple[str, str]]:
    """Name (lower case, with underscores) and version of every installed distribution."""
    for folder in sorted(site_packages.glob("*.dist-info")):
        name, _, version = folder.name.removesuffix(".dist-info").partition("-")
        yield name.lower(), version
