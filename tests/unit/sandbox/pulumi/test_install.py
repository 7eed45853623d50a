"""Where the plugins are put, and that official ones are left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.pulumi import install
from sandbox.pulumi.install import install_plugins


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of Pulumi on PATH or in the user's home."""
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(install, "_user_home", lambda: tmp_path / "user")
    program(tmp_path / "alicloud")


def program(path: Path, content: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(0o755)
    return path


def run(tmp_path: Path) -> dict[str, Path]:
    return install_plugins(tmp_path / "state", Path(sys.executable), tmp_path / "alicloud", tmp_path / "home")


def test_all_three_are_installed_as_programs_and_a_second_time_changes_nothing(tmp_path: Path) -> None:
    first = run(tmp_path)
    times = {path: path.lstat().st_mtime_ns for path in first.values()}
    assert all(os.access(path, os.X_OK) for path in first.values())
    assert first["pulumi-resource-alicloud"].resolve() == tmp_path / "alicloud"
    assert run(tmp_path) == first
    assert {path: path.lstat().st_mtime_ns for path in first.values()} == times


def test_a_moved_interpreter_is_noticed(tmp_path: Path) -> None:
    before = run(tmp_path)["pulumi-language-python"].read_text()
    install_plugins(tmp_path / "state", tmp_path / "other python", tmp_path / "alicloud", tmp_path / "home")
    after = run(tmp_path)["pulumi-language-python"].read_text()
    assert before == after
    assert f"exec {sys.executable} " in after


def test_an_official_language_host_on_path_is_used(tmp_path: Path) -> None:
    run(tmp_path)
    official = program(tmp_path / "path" / "pulumi-language-python")
    assert run(tmp_path)["pulumi-language-python"] == official
    assert not list((tmp_path / "home" / "plugins").glob("language-*"))


def test_a_language_host_beside_the_engine_is_used(tmp_path: Path) -> None:
    program(tmp_path / "engine" / "pulumi")
    official = program(tmp_path / "engine" / "pulumi-language-python")
    (tmp_path / "state" / "bin").mkdir(parents=True)
    (tmp_path / "state" / "bin" / "pulumi").symlink_to(tmp_path / "engine" / "pulumi")
    assert run(tmp_path)["pulumi-language-python"] == official


def test_official_plugins_are_left_alone_where_they_are_and_linked_from_the_users_home(tmp_path: Path) -> None:
    folder = f"resource-kubernetes-v{install.KUBERNETES_PLUGIN_VERSION}"
    in_place = program(tmp_path / "home" / "plugins" / folder / "pulumi-resource-kubernetes", "official")
    folder = f"resource-alicloud-v{install.ALICLOUD_PLUGIN_VERSION}"
    elsewhere = program(tmp_path / "user" / "plugins" / folder / "pulumi-resource-alicloud", "official")
    found = run(tmp_path)
    assert found["pulumi-resource-kubernetes"] == in_place
    assert in_place.read_text() == "official"
    assert found["pulumi-resource-alicloud"].resolve() == elsewhere


def test_a_missing_alicloud_plugin_is_told_with_the_command_that_obtains_it(tmp_path: Path) -> None:
    (tmp_path / "alicloud").unlink()
    with pytest.raises(SandboxError, match="make toolchain"):
        run(tmp_path)


def test_the_alicloud_provider_alone_is_led_through_a_proxy(tmp_path: Path) -> None:
    program(tmp_path / "alicloud", '#!/bin/sh\necho "$HTTPS_PROXY $1"\n')
    proxy = {"HTTPS_PROXY": "http://172.30.0.1:3128"}
    places = (tmp_path / "state", Path(sys.executable), tmp_path / "alicloud", tmp_path / "home")
    found = install_plugins(*places, proxy)
    command = [found["pulumi-resource-alicloud"], "engine"]
    started = subprocess.run(command, env={"PATH": os.defpath}, capture_output=True, text=True, check=True)
    assert started.stdout == "http://172.30.0.1:3128 engine\n"
    assert "172.30.0.1" not in found["pulumi-resource-kubernetes"].read_text()
    assert install_plugins(*places, proxy) == found
