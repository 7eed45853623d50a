"""actionlint has nothing against the workflows, and is shown to have something against a faulty one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox.paths import REPOSITORY
from sandbox.progress import Progress
from sandbox.toolchain import binary, install_tools

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def actionlint(progress: Progress) -> Path:
    install_tools(progress, names=("actionlint",))
    return binary("actionlint")


def lint(program: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    files = sorted((folder / ".github" / "workflows").glob("*.yaml"))
    assert len(files) == 4
    return subprocess.run(
        [program, "-no-color", *files], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_actionlint_finds_nothing(actionlint: Path) -> None:
    result = lint(actionlint, REPOSITORY)
    assert (result.returncode, result.stdout) == (0, "")


def test_actionlint_finds_a_job_that_needs_one_which_is_not_there(actionlint: Path, tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / ".github", tmp_path / ".github")
    up = tmp_path / ".github" / "workflows" / "up.yaml"
    up.write_text(up.read_text().replace("needs: stages", "needs: stage"))
    result = lint(actionlint, tmp_path)
    assert result.returncode == 1
    assert "stage" in result.stdout
