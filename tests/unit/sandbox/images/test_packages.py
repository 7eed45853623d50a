"""Which package mirror a build borrows from the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.images.packages import host_sources, lend_apt_settings


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    folder = tmp_path / "apt"
    (folder / "sources.list.d").mkdir(parents=True)
    return folder


def test_stanzas_of_the_suite_are_borrowed_and_others_are_not(apt: Path) -> None:
    (apt / "sources.list.d" / "debian.sources").write_text(
        "Types: deb\n# a remark: with a colon\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\n"
        "Components: main contrib\nSigned-By: /somewhere\n\n"
        "Types: deb deb-src\nURIs: http://mirror.example/security\nSuites: bookworm-security\nComponents: main\n\n"
        "Types: deb\nURIs: http://other.example/node\nSuites: nodistro\nComponents: main\n\n"
        "Types: deb-src\nURIs: http://mirror.example/source\nSuites: bookworm\nComponents: main\n\n"
        "Enabled: no\nTypes: deb\nURIs: http://off.example/debian\nSuites: bookworm\nComponents: main\n"
    )
    assert host_sources(apt) == [
        ("http://mirror.example/debian", ["bookworm", "bookworm-updates"]),
        ("http://mirror.example/security", ["bookworm-security"]),
    ]


def test_lines_with_and_without_options_are_borrowed(apt: Path) -> None:
    (apt / "sources.list").write_text(
        "# deb http://off.example/debian bookworm main\n"
        "deb [arch=amd64 signed-by=/somewhere] https://mirror.example/debian bookworm main # remark\n"
        "deb-src https://mirror.example/debian bookworm main\n"
        "deb https://packages.example/apt tools-bookworm main\n"
        "deb\n"
        "deb [broken\n"
    )
    assert host_sources(apt) == [("https://mirror.example/debian", ["bookworm"])]


@pytest.mark.parametrize("content", ["", "deb http://archive.example/ubuntu noble main\n"])
def test_a_machine_without_a_source_of_the_suite_is_told_what_to_add(apt: Path, content: str) -> None:
    (apt / "sources.list").write_text(content)
    with pytest.raises(SandboxError, match=r"carries Debian bookworm.*add one below"):
        host_sources(apt)


def test_security_updates_alone_do_not_make_a_mirror_of_the_suite(apt: Path) -> None:
    (apt / "sources.list").write_text("deb http://mirror.example/security bookworm-security main\n")
    with pytest.raises(SandboxError, match="carries Debian bookworm"):
        host_sources(apt)


def test_a_build_sees_the_borrowed_sources_and_nothing_of_an_earlier_build(tmp_path: Path) -> None:
    folder = tmp_path / "lent"
    lend_apt_settings(folder, [("http://old.example/debian", ["bookworm"])])
    lend_apt_settings(folder, [("http://mirror.example/debian", ["bookworm", "bookworm-updates"])])
    sources = (folder / "sources.list.d" / "machine.sources").read_text()
    assert "URIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\n" in sources
    assert "old.example" not in sources
