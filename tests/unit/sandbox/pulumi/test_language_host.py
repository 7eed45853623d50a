"""The language host's answers and the processes it runs; the engine itself is in tests/sandbox."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime.proto import language_pb2

from sandbox.pulumi.children import Children
from sandbox.pulumi.language_host import LanguageHost


class Aborted(Exception):  # noqa: N818 - what the engine sees
    pass


class Context:
    def abort(self, code: grpc.StatusCode, message: str) -> None:
        raise Aborted(message)

    def add_callback(self, action: Any) -> None:
        return

    def is_active(self) -> bool:
        return True


@pytest.fixture
def host() -> LanguageHost:
    return LanguageHost("3.256.0", "127.0.0.1:1", Children())


def information(folder: Path, **options: str) -> Any:
    struct = struct_pb2.Struct()
    struct.update(options)
    return language_pb2.ProgramInfo(
        root_directory=str(folder), program_directory=str(folder), entry_point=".", options=struct
    )


def environment(folder: Path) -> Path:
    """A virtual environment that is this very interpreter's."""
    (folder / ".venv").symlink_to(Path(sys.prefix))
    return folder


def test_about_names_the_projects_interpreter(host: LanguageHost, tmp_path: Path) -> None:
    request = language_pb2.AboutRequest(info=information(environment(tmp_path), virtualenv=".venv"))
    answer = host.About(request, Context())  # type: ignore[arg-type]
    assert answer.executable == str(tmp_path / ".venv" / "bin" / "python")
    assert answer.version == ".".join(map(str, sys.version_info[:3]))


def test_the_required_packages_are_those_installed(host: LanguageHost, tmp_path: Path) -> None:
    request = language_pb2.GetRequiredPackagesRequest(info=information(environment(tmp_path), virtualenv=".venv"))
    answer = host.GetRequiredPackages(request, Context())  # type: ignore[arg-type]
    assert {"kubernetes", "alicloud"} <= {package.name for package in answer.packages}
    assert {package.kind for package in answer.packages} == {"resource"}


def test_a_missing_environment_is_an_error_of_the_run_not_a_crash(host: LanguageHost, tmp_path: Path) -> None:
    request = language_pb2.RunRequest(pwd=str(tmp_path), info=information(tmp_path, virtualenv=".venv"))
    assert "make it: python3 -m venv" in host.Run(request, Context()).error  # type: ignore[arg-type]
    about = language_pb2.AboutRequest(info=information(tmp_path, virtualenv=".venv"))
    with pytest.raises(Aborted, match="make it: python3 -m venv"):
        host.About(about, Context())  # type: ignore[arg-type]


def test_a_plugin_streams_both_outputs_and_ends_with_its_status(host: LanguageHost, tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text(
        "import sys\nprint('port', sys.argv[1:])\nprint('oh', file=sys.stderr)\nsys.exit(3)\n"
    )
    request = language_pb2.RunPluginRequest(
        pwd=str(tmp_path),
        info=information(environment(tmp_path), virtualenv=".venv"),
        args=["address"],
        kind="resource",
    )
    answers = list(host.RunPlugin(request, Context()))  # type: ignore[arg-type]
    assert b"".join(answer.stdout for answer in answers) == b"port ['address']\n"
    assert b"".join(answer.stderr for answer in answers) == b"oh\n"
    assert answers[-1].exitcode == 3


def test_a_policy_pack_runs_in_the_sdks_frame_for_policies(host: LanguageHost, tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text("import sys\nprint(sys.argv[1:])\n")
    request = language_pb2.RunPluginRequest(
        pwd=str(tmp_path),
        info=information(environment(tmp_path), virtualenv=".venv"),
        args=["address"],
        kind="analyzer",
    )
    answers = list(host.RunPlugin(request, Context()))  # type: ignore[arg-type]
    assert b"".join(answer.stdout for answer in answers).decode() == f"['address', '{tmp_path}']\n"
    assert answers[-1].exitcode == 0


def test_nothing_to_install_installs_nothing(host: LanguageHost, tmp_path: Path) -> None:
    request = language_pb2.InstallDependenciesRequest(info=information(environment(tmp_path), virtualenv=".venv"))
    assert list(host.InstallDependencies(request, Context())) == []  # type: ignore[arg-type]


def test_all_children_end_together() -> None:
    children = Children()
    command = [sys.executable, "-c", "import threading; threading.Event().wait(60)"]
    process = children.start(command, Path("/"), None)
    children.end_all()
    assert children.wait(process) < 0
