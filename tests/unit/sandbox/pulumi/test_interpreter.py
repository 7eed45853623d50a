"""The project's interpreter, and the provider SDKs installed there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.pulumi.interpreter import PulumiPackage, find_interpreter, pulumi_packages


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").write_text("")
    packages = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    return packages


def package(folder: Path, name: str, content: dict[str, object]) -> None:
    (folder / name).mkdir()
    (folder / name / "pulumi-plugin.json").write_text(json.dumps(content))


def test_the_virtual_environment_of_the_options_is_used_and_activated(tmp_path: Path, environment: Path) -> None:
    found = find_interpreter(tmp_path, {"virtualenv": ".venv"})
    assert found.python == tmp_path / ".venv" / "bin" / "python"
    variables = found.environment({"PATH": "/bin", "PYTHONHOME": "/x"})
    assert variables == {"PATH": f"{tmp_path}/.venv/bin:/bin", "VIRTUAL_ENV": f"{tmp_path}/.venv"}


def test_a_missing_environment_is_told_with_the_commands_that_make_it(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"virtualenv = '\.venv'.*python3 -m venv .*pip install -r"):
        find_interpreter(tmp_path, {"virtualenv": ".venv"})


def test_a_toolchain_that_is_not_known_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"toolchain = 'poetry'.*pip and uv"):
        find_interpreter(tmp_path, {"toolchain": "poetry"})


def test_without_a_virtual_environment_the_python_on_path_runs_the_program(tmp_path: Path) -> None:
    assert find_interpreter(tmp_path, {}).virtual_environment is None


def test_provider_sdks_are_found_with_name_version_and_server(tmp_path: Path, environment: Path) -> None:
    package(environment, "pulumi_kubernetes", {"resource": True, "name": "kubernetes", "version": "v4.0.0"})
    package(environment, "pulumi_my_own", {"resource": True, "server": "https://example.com"})
    (environment / "pulumi_my_own-1.2.3.dist-info").mkdir()
    package(environment, "pulumi_policy", {"resource": False})
    found = pulumi_packages(find_interpreter(tmp_path, {"virtualenv": ".venv"}))
    assert found == [
        PulumiPackage("kubernetes", "4.0.0", "", None),
        PulumiPackage("my-own", "1.2.3", "https://example.com", None),
    ]


def test_a_broken_plugin_description_is_named(tmp_path: Path, environment: Path) -> None:
    (environment / "pulumi_x").mkdir()
    (environment / "pulumi_x" / "pulumi-plugin.json").write_text("{")
    with pytest.raises(SandboxError, match=r"pulumi_x/pulumi-plugin\.json cannot be read"):
        pulumi_packages(find_interpreter(tmp_path, {"virtualenv": ".venv"}))
