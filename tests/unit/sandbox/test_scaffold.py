"""What is scaffolded runs at once: its own test passes in a copy of the tree, and fails when the action is broken."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.scaffold.generate import plan, scaffold

ROOT = Path(__file__).parents[3]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the emulator and of its tests' fixtures."""
    ignored = shutil.ignore_patterns("modules")  # what is compiled comes along
    shutil.copytree(ROOT / "sandbox", tmp_path / "sandbox", ignore=ignored)
    shutil.copytree(ROOT / "benchmarks", tmp_path / "benchmarks", ignore=ignored)
    tests = tmp_path / "tests" / "unit" / "sandbox" / "cloud"
    tests.mkdir(parents=True)
    shutil.copy(ROOT / "tests/unit/sandbox/cloud/conftest.py", tests)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def run_tests(tree: Path, *paths: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, paths)]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)


def test_a_new_services_actions_of_every_kind_pass_their_tests_and_a_broken_one_fails(tree: Path) -> None:
    tests = []
    for action in ("CreateWidget", "DescribeWidget", "ListWidgets", "ModifyWidget", "DeleteWidget"):
        tests.append(scaffold(tree, plan("Workshop", action, "2020-01-01", ""))[3])
    tests.append(scaffold(tree, plan("Kms", "CreateGadget", "", "KeyId"))[3])  # an action of a service that exists
    for action in ("CreateEngine", "DeleteEngine"):
        tests.append(scaffold(tree, plan("Garage", action, "2020-01-01", ""))[3])
    api = tree / "sandbox/cloud/garage/api.py"
    api.write_text(api.read_text().replace("repository.delete(found.identifier)", "pass"))
    done = run_tests(tree, *tests)
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert len(failed) == 1, done.stdout
    assert "test_garage_delete_engine" in failed[0]
    assert "test_what_is_deleted_is_gone" in failed[0]
    assert "1 failed, 14 passed" in done.stdout
    with pytest.raises(SandboxError, match="already"):
        scaffold(tree, plan("Workshop", "CreateWidget", "2020-01-01", ""))


def test_parameters_default_to_those_that_the_provider_sends() -> None:
    assert plan("Kms", "CreateAlias", "", "").parameters == ("AliasName", "KeyId")


@pytest.mark.parametrize(("service", "action"), [("kms", "CreateAlias"), ("Kms", "Frobnicate"), ("Kms", "Create")])
def test_a_name_that_no_template_fits_is_refused(service: str, action: str) -> None:
    with pytest.raises(SandboxError):
        plan(service, action, "", "")
