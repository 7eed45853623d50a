"""The program and its stack files in a folder of their own, so that a test's edit changes no committed file."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from sandbox.environment import environment
from sandbox.paths import REPOSITORY
from sandbox.settings import SandboxSettings

FOLDERS = ("controllers", "infra", "policies", "stacks", "trainer")
FILES = ("Pulumi.yaml", "__main__.py", "requirements.txt", ".gitignore")
COMMAND_SECONDS = 300.0
PREVIEWS_AT_ONCE = 2


def copy_program(folder: Path) -> Path:
    """Program, policies and stack files in a folder that is there, with this project's Python environment."""
    for name in FOLDERS:
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(REPOSITORY / name, folder / name)
    (folder / ".venv").symlink_to(REPOSITORY / ".venv")
    return folder


class Project:
    """A copy of the program, and Pulumi in it."""

    def __init__(self, settings: SandboxSettings, folder: Path) -> None:
        self.folder = copy_program(folder)
        self._settings = settings

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One command; the caller judges how it ended."""
        return subprocess.run(
            [self._settings.state / "bin" / "pulumi", *arguments, "--non-interactive"],
            cwd=self.folder,
            env={**os.environ, **environment(self._settings)},
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def changed(self, stacks: Iterable[str]) -> list[str]:
        """What previews say of these stacks that would be changed, or cannot be previewed; empty as all is well."""

        def preview(stack: str) -> str:
            done = self.pulumi("preview", "--expect-no-changes", "--stack", stack)
            return "" if done.returncode == 0 else f"{stack}: {done.stdout[-2000:]}{done.stderr[-2000:]}"

        with ThreadPoolExecutor(PREVIEWS_AT_ONCE) as pool:
            return [said for said in pool.map(preview, stacks) if said]

    @contextmanager
    def misspelt(self, stack: str, key: str, wrong: str) -> Iterator[int]:
        """The stack's file with a key misspelt; gives its line. The file is as before afterwards."""
        path = self.folder / "stacks" / f"Pulumi.{stack}.yaml"
        good = path.read_text(encoding="utf-8")
        number = next(number for number, line in enumerate(good.splitlines(), 1) if line.strip().startswith(f"{key}:"))
        lines = good.splitlines(keepends=True)
        lines[number - 1] = lines[number - 1].replace(f"{key}:", f"{wrong}:", 1)
        path.write_text("".join(lines), encoding="utf-8")
        try:
            yield number
        finally:
            path.write_text(good, encoding="utf-8")
