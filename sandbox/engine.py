"""Runs the real Pulumi engine against the sandbox, as a person would on the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sandbox.environment import environment, provider_environment
from sandbox.errors import SandboxError
from sandbox.paths import REPOSITORY
from sandbox.pulumi.install import install_plugins
from sandbox.region.layout import MARKER_VARIABLE
from sandbox.region.processes import start_time
from sandbox.settings import SandboxSettings
from sandbox.toolchain import binary

UPDATE_TIMEOUT_SECONDS = 1800.0
QUERY_TIMEOUT_SECONDS = 120.0


class Engine:
    """The project's stacks in the sandbox's own backend."""

    def __init__(self, settings: SandboxSettings, project: Path = REPOSITORY) -> None:
        self._settings = settings
        self._project = project

    def prepare(self) -> None:
        """Put the engine, its language host and its plugins where the environment's variables point."""
        programs = self._settings.state / "bin"
        programs.mkdir(parents=True, exist_ok=True)
        for name in ("pulumi", "kubectl"):
            link = programs / name
            if not link.is_symlink() or link.readlink() != binary(name):
                link.unlink(missing_ok=True)
                link.symlink_to(binary(name))
        install_plugins(
            destination=self._settings.state,
            pulumi_home=self._settings.state / "pulumi" / "home",
            python=Path(sys.executable),
            alicloud_binary=binary("pulumi-resource-alicloud"),
            variables=provider_environment(self._settings),
        )

    def stacks(self) -> list[str]:
        """Names of the stacks that exist in the backend."""
        rows = json.loads(self._output(["stack", "ls", "--json"]))
        return [str(row["name"]).rsplit("/", 1)[-1] for row in rows]

    def ensure_stack(self, stack: str) -> None:
        """Create the stack in the backend unless it is there."""
        if stack not in self.stacks():
            self._stream(["stack", "init", stack])

    def up(self, stack: str) -> None:
        """Bring the stack to what its file says; prints the engine's own progress. Raises SandboxError."""
        self.ensure_stack(stack)
        self.resume(stack)
        self._stream(["up", "--yes", "--skip-preview", "--stack", stack])

    def destroy(self, stack: str) -> None:
        """Remove everything of the stack, protected resources too: this is the sandbox. Raises SandboxError."""
        self.resume(stack)
        self._stream(["state", "unprotect", "--all", "--yes", "--stack", stack])
        # Without the program, which would protect again what the line above gave free.
        self._stream(["destroy", "--yes", "--skip-preview", "--run-program=false", "--stack", stack])

    def resume(self, stack: str) -> None:
        """Let the stack know what a killed engine was making, by the program's own command. Raises SandboxError."""
        self._release_dead_locks(stack)
        result = subprocess.run(
            [sys.executable, "-m", "infra.resume", "--stack", stack],
            cwd=self._project,
            env={**self._environment(), "PYTHONPATH": str(REPOSITORY)},
            stdin=subprocess.DEVNULL,
            timeout=UPDATE_TIMEOUT_SECONDS,
            check=False,
        )
        if result.returncode != 0:
            raise SandboxError(f"the interrupted update of {stack!r} cannot be taken up; its reason stands above")

    def outputs(self, stack: str) -> dict[str, Any]:
        """The stack's outputs, secrets included."""
        answer: dict[str, Any] = json.loads(self._output(["stack", "output", "--json", "--show-secrets", "-s", stack]))
        return answer

    def state(self, stack: str) -> dict[str, Any]:
        """The stack as `pulumi stack export` prints it; secrets stay encrypted."""
        answer: dict[str, Any] = json.loads(self._output(["stack", "export", "--stack", stack]))
        return answer

    def _release_dead_locks(self, stack: str) -> None:
        """Remove the locks of engines that were killed: each names its process, and only a dead one's is removed."""
        locks = self._settings.state / "pulumi" / "backend" / ".pulumi" / "locks"
        for lock in locks.rglob(f"{stack}/*.json"):
            holder = int(json.loads(lock.read_text())["pid"])
            if start_time(holder) is None:
                lock.unlink(missing_ok=True)

    def _environment(self) -> dict[str, str]:
        # The mark lets `down` find an engine whose starter was killed.
        mark = {MARKER_VARIABLE: f"{self._settings.prefix}engine"}
        return {**os.environ, **environment(self._settings), **mark}

    def _stream(self, arguments: Sequence[str]) -> None:
        result = self._run(arguments, UPDATE_TIMEOUT_SECONDS, capture=False)
        if result.returncode != 0:
            raise SandboxError(f"`pulumi {' '.join(arguments)}` failed; its reason stands above")

    def _output(self, arguments: Sequence[str]) -> str:
        result = self._run(arguments, QUERY_TIMEOUT_SECONDS, capture=True)
        if result.returncode != 0:
            reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise SandboxError(f"`pulumi {' '.join(arguments)}` failed: {reason}")
        return result.stdout

    def _run(self, arguments: Sequence[str], seconds: float, *, capture: bool) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                ["pulumi", *arguments, "--non-interactive"],
                executable=self._settings.state / "bin" / "pulumi",
                cwd=self._project,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                capture_output=capture,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise SandboxError(
                f"`pulumi {' '.join(arguments)}` took longer than {seconds:.0f} s and was ended; "
                f"`python -m sandbox status` shows the cloud, `pulumi cancel` frees the stack"
            ) from None
