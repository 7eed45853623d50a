"""Obtaining tools, with programs of our own standing in for compilers and releases."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.progress import Progress
from sandbox.toolchain import installation, sources
from sandbox.toolchain.table import DEBIAN_PACKAGES, TOOLS, Download, GoModule, Tool, tool


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LANGUAGE_MODEL_CLUSTERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sources, "MODULES", tmp_path / "modules")
    monkeypatch.setattr(installation, "MINIMUM_FREE_BYTES", 0)
    (tmp_path / "modules" / "greeter").mkdir(parents=True)
    (tmp_path / "modules" / "greeter" / "go.mod").write_text("module greeter\n")
    return tmp_path / "cache"


def greeter(version: str = "1.2.3", release: Download | None = None) -> Tool:
    return Tool(name="greeter", version=version, module=GoModule("greeter", "."), download=release)


def program(path: Path, prints: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{prints}'\n")
    path.chmod(0o755)
    return path


def builds(monkeypatch: pytest.MonkeyPatch, prints: str) -> list[str]:
    built: list[str] = []

    def build(row: Tool, destination: Path, go: Path) -> None:
        built.append(row.name)
        program(destination, prints)

    monkeypatch.setattr(sources, "build", build)
    monkeypatch.setattr(sources, "go_compiler", lambda cache: Path("go"))
    return built


def test_the_tool_on_path_is_used_at_exactly_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = builds(monkeypatch, "greeter 1.2.3")
    monkeypatch.setenv("PATH", f"{program(tmp_path / 'bin' / 'greeter', 'greeter v1.2.3').parent}:/usr/bin:/bin")
    assert installation._obtain(greeter(), Progress()).source == "PATH"
    assert built == []


@pytest.mark.parametrize("other", ["greeter 1.2.4", "greeter 1.2.30", "greeter 11.2.3"])
def test_another_version_on_path_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str) -> None:
    built = builds(monkeypatch, "greeter 1.2.3")
    monkeypatch.setenv("PATH", f"{program(tmp_path / 'bin' / 'greeter', other).parent}:/usr/bin:/bin")
    assert installation._obtain(greeter(), Progress()).source == "build"
    assert built == ["greeter"]


def test_what_was_built_is_taken_from_the_cache_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    built = builds(monkeypatch, "greeter 1.2.3")
    assert [installation._obtain(greeter(), Progress()).source for _ in range(2)] == ["build", "cache"]
    assert built == ["greeter"]


def test_a_changed_recipe_is_built_again_and_the_old_one_dropped(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds(monkeypatch, "greeter 1.2.3")
    first = installation._obtain(greeter(), Progress()).path
    (tmp_path / "modules" / "greeter" / "go.mod").write_text("module greeter\n\ngo 1.26.0\n")
    second = installation._obtain(greeter(), Progress()).path
    assert second != first
    assert not first.exists()


def test_a_build_that_is_not_the_wanted_version_is_never_installed(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds(monkeypatch, "greeter 9.9.9")
    with pytest.raises(SandboxError, match=r"does not say that it is 1\.2\.3"):
        installation._obtain(greeter(), Progress())
    assert not installation._cached_path(greeter()).exists()


def test_a_release_is_installed_when_its_published_checksum_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = program(tmp_path / "release" / "greeter", "greeter 1.2.3")
    digest = hashlib.sha256(release.read_bytes()).hexdigest()
    checksums = tmp_path / "release" / "checksums.txt"
    checksums.write_text(f"{'0' * 64}  other\n{digest}  greeter\n")
    row = greeter(release=Download(release.as_uri(), checksums.as_uri()))
    assert installation._obtain(row, Progress()).source == "download"


def test_a_release_with_another_checksum_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = builds(monkeypatch, "greeter 1.2.3")
    release = program(tmp_path / "release" / "greeter", "greeter 1.2.3")
    checksums = tmp_path / "release" / "checksums.txt"
    checksums.write_text(f"{'0' * 64}  greeter\n")
    with pytest.raises(SandboxError, match="nothing was installed"):
        installation._obtain(greeter(release=Download(release.as_uri(), checksums.as_uri())), Progress())
    assert built == []


def test_where_the_network_allows_no_download_the_module_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = builds(monkeypatch, "greeter 1.2.3")
    absent = (tmp_path / "absent").as_uri()
    assert installation._obtain(greeter(release=Download(absent, absent)), Progress()).source == "build"
    assert built == ["greeter"]


def test_a_full_disk_is_said_before_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    built = builds(monkeypatch, "greeter 1.2.3")
    monkeypatch.setattr(installation, "MINIMUM_FREE_BYTES", 1 << 62)
    with pytest.raises(SandboxError, match="LANGUAGE_MODEL_CLUSTERS_CACHE"):
        installation._obtain(greeter(), Progress())
    assert built == []


def test_a_missing_tool_names_the_command_that_obtains_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SandboxError, match=r"kwok 0\.8\.0 is not installed; run `make toolchain`"):
        installation.binary("kwok")


def test_every_row_names_a_committed_module_and_every_name_is_unique() -> None:
    modules = Path(installation.__file__).parent / "modules"
    names = [row.name for row in TOOLS] + [package.program for package in DEBIAN_PACKAGES]
    assert len(set(names)) == len(names)
    for row in TOOLS:
        assert (modules / row.module.directory / "go.mod").is_file(), row.name
    assert tool("kubelet").expected == "v1.34.4"
