"""The review with the real engine, providers and policy pack: it brings a platform up, and judges what comes after.

Not covered here: how a comment reads (tests/golden/review), and a business's pods (tests/sandbox/test_one_business.py).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox import lifecycle
from sandbox.engine import Engine
from sandbox.environment import environment
from sandbox.paths import REPOSITORY
from sandbox.progress import Progress
from sandbox.settings import SandboxSettings
from tests.sandbox.project import copy_program

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(900)]

Reviewer = Callable[..., "subprocess.CompletedProcess[str]"]


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program in a repository of its own, whose first commit lacks the stack files."""
    root = copy_program(tmp_path_factory.mktemp("clone"))
    (root / ".git").mkdir(exist_ok=True)
    git(root, "init", "-q")
    (root / ".git" / "info" / "exclude").write_text(".venv\n")
    git(root, "add", ".")
    git(root, "reset", "-q", "stacks")
    git(root, "commit", "-qm", "the program")
    git(root, "branch", "empty")
    git(root, "add", "stacks")
    git(root, "commit", "-qm", "the stacks")
    return root


@pytest.fixture(scope="module")
def review(clone: Path, empty_sandbox: SandboxSettings, progress: Progress) -> Reviewer:
    lifecycle.start(empty_sandbox, progress)
    Engine(empty_sandbox, clone).prepare()

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "infra.review", *arguments],
            cwd=clone, env={**os.environ, **environment(empty_sandbox)}, capture_output=True, text=True, timeout=600,
            check=False,
        )  # fmt: skip

    return run


def commit(clone: Path, stack: str, before: str, after: str) -> None:
    """A commit on a branch of its own that edits a stack file."""
    git(clone, "checkout", "-q", "-B", "change", "main")
    path = clone / "stacks" / f"Pulumi.{stack}.yaml"
    text = path.read_text()
    assert text.count(before) >= 1
    path.write_text(text.replace(before, after, 1))
    git(clone, "commit", "-qam", "an edit")


def test_a_new_platform_is_reviewed_applied_and_seen_to_be_up(clone: Path, review: Reviewer) -> None:
    result = review("--base", "empty", "--stack", "platform", "--apply")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "### `platform` (new)" in result.stdout
    assert "| `platform` | `pulumi up` | ✅ done |" in result.stdout


def test_a_new_business_is_previewed_and_its_stack_is_not_left_behind(
    clone: Path, review: Reviewer, settings: SandboxSettings
) -> None:
    result = review("--base", "empty", "--stack", "qa")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "### `qa` (new)" in result.stdout
    assert "kept, " in result.stdout
    assert Engine(settings, clone).stacks() == ["platform"]
    assert (clone / "stacks" / "Pulumi.qa.yaml").read_bytes() == (REPOSITORY / "stacks" / "Pulumi.qa.yaml").read_bytes()


def test_taking_protection_off_is_refused_by_the_policy_pack(clone: Path, review: Reviewer) -> None:
    commit(clone, "platform", "    zone:\n", "    protection:\n      zone: false\n    zone:\n")
    result = review("--base", "main", "--stack", "platform")
    assert result.returncode == 1, result.stdout + result.stderr
    assert "mandatory policies are violated: `data-is-protected`" in result.stdout


def test_bad_input_is_a_failed_preview_with_its_line(clone: Path, review: Reviewer) -> None:
    commit(clone, "platform", "    owner:", "    ownr:")
    result = review("--base", "main", "--stack", "platform")
    assert result.returncode == 1, result.stdout + result.stderr
    assert "stacks/Pulumi.platform.yaml:" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr
