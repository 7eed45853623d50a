"""The page that teaches the sandbox is true: each of its commands, as printed, in a fresh sandbox."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from sandbox.paths import REPOSITORY
from sandbox.settings import SandboxSettings
from tests.sandbox.page_commands import Command, commands

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(500)]

PAGE = REPOSITORY / "docs" / "sandbox.md"
MARK = "--page-command-ended--"


class Shell:
    """One bash for all commands, as a reader has it."""

    def __init__(self, output: Path, variables: dict[str, str]) -> None:
        self._output = output
        self._process = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, **variables},
        )

    def run(self, command: Command) -> tuple[int, str]:
        """Exit status and output of one command; it runs in this shell itself, so that what it exports stays."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{{\n{command.script}\n}} > '{self._output}' 2>&1 < /dev/null\necho {MARK} $?\n")
        self._process.stdin.flush()
        status = self._process.stdout.readline().removeprefix(MARK)
        return int(status), self._output.read_text(errors="replace")

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


def test_every_command_of_the_page_does_what_the_page_says(empty_sandbox: SandboxSettings, tmp_path: Path) -> None:
    variables = {"SANDBOX_NAME": empty_sandbox.name, "SANDBOX_INDEX": str(empty_sandbox.addresses.index)}
    shell = Shell(tmp_path / "output", variables)
    found = commands(PAGE.read_text())
    assert len(found) > 30
    try:
        for command in found:
            begun = time.monotonic()
            status, output = shell.run(command)
            print(f"{time.monotonic() - begun:5.1f} s  {command.script.splitlines()[0]}")
            place = f"docs/sandbox.md:{command.line}: {command.script}\nexit status {status}:\n{output[-3000:]}"
            assert (status != 0) == command.fails, place
            assert command.prints in output, place
    finally:
        shell.close()
