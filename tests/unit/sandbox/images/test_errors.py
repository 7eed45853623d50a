"""Each obstacle is one line with the way out. Real builds are in tests/sandbox/test_images.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.images import command, isolation, wheelhouse
from sandbox.images.builder import build_images
from sandbox.images.settings import TRAINER, ImagePaths
from sandbox.progress import Progress


def test_missing_tools_are_named_with_the_packages_that_have_them(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"buildah, debootstrap.*apt-get install buildah .*debootstrap") as caught:
        isolation.require_tools(path=str(tmp_path))
    assert "\n" not in str(caught.value)


def test_an_ordinary_user_is_told_to_use_sudo() -> None:
    with pytest.raises(SandboxError, match=r"needs root \(this is user id 1000\).*sudo"):
        isolation.require_root(user=1000)


def test_a_full_disk_is_refused_before_anything_is_built(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"has 1\.0 GiB free .* up to 6\.0; .*LANGUAGE_MODEL_CLUSTERS_CACHE"):
        isolation.require_space(tmp_path, 6 << 30, free=1 << 30)


def test_enough_space_is_enough(tmp_path: Path) -> None:
    isolation.require_space(tmp_path / "new", 100, free=100)
    assert (tmp_path / "new").is_dir()


@pytest.mark.parametrize(
    ("version", "machine", "message"),
    [((3, 12), "x86_64", r"Python 3\.12.*run it with python3\.11"), ((3, 11), "aarch64", "aarch64; ElasticDL's")],
)
def test_packages_that_would_not_fit_the_image_are_not_fetched(
    version: tuple[int, int], machine: str, message: str
) -> None:
    with pytest.raises(SandboxError, match=message):
        wheelhouse.require_same_python(version, machine)


@pytest.fixture
def no_enclosure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run as they are: namespaces need root."""
    monkeypatch.setattr(isolation, "ENCLOSURE", ())


@pytest.mark.usefixtures("no_enclosure")
@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo first; echo cause >&2; exit 3", r"building failed \(status 3\): cause; the whole log: .*build\.log"),
        ("echo 'write: No space left on device'; echo other; exit 1", r"building failed: the disk of .* is full; free"),
        (
            "echo 'E: Unable to locate package'; echo 'Error: building at STEP x: exit status 100'; exit 1",
            r"building failed \(status 1\): E: Unable to locate package; the whole log",
        ),
        ("exit 4", r"building failed \(status 4\): "),
        ("kill -9 $$", r"building was killed, or took longer than 60 s; run it again: it goes on from there"),
    ],
)
def test_a_command_that_fails_is_one_line(tmp_path: Path, script: str, message: str) -> None:
    with pytest.raises(SandboxError, match=message) as caught:
        isolation.run_enclosed(["sh", "-c", script], what="building", log=tmp_path / "build.log", timeout_seconds=60)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("no_enclosure")
def test_a_command_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="took longer than 1 s"):
        isolation.run_enclosed(["tail", "-f", "/dev/null"], what="reading", log=tmp_path / "log", timeout_seconds=1)


@pytest.mark.usefixtures("no_enclosure")
def test_output_is_logged_and_shown_line_by_line(tmp_path: Path) -> None:
    shown: list[str] = []
    log = tmp_path / "build.log"
    isolation.run_enclosed(["sh", "-c", "echo one; echo two"], what="printing", log=log, on_line=shown.append)
    assert shown == ["one", "two"]
    assert log.read_text(encoding="utf-8") == "$ sh -c echo one; echo two\none\ntwo\n"


def test_a_failed_download_gives_pips_own_reason(paths: ImagePaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(wheelhouse, "require_same_python", lambda: None)
    paths.work.mkdir(parents=True)
    with pytest.raises(
        SandboxError, match=r"requirements\.txt failed: No matching distribution found for numpy==1\.23\.5"
    ):
        wheelhouse.wheelhouse(paths, TRAINER, paths.work / "build.log")


def test_nothing_to_do_needs_neither_root_nor_tools(paths: ImagePaths, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*arguments: object) -> None:
        raise SandboxError("building")

    monkeypatch.setattr("sandbox.images.builder.require_root", forbidden)
    monkeypatch.setattr("sandbox.images.builder.is_current", lambda *arguments: True)
    assert build_images(paths, Progress()) == paths.index


def test_the_command_line_prints_one_line_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise SandboxError("needs root; run it with sudo")

    monkeypatch.setattr(command, "build_images", refuse)
    assert command.main(["build"]) == 1
    assert capsys.readouterr().err == "images: needs root; run it with sudo\n"


def test_an_interrupted_build_says_that_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "build_images", interrupt)
    assert command.main(["build", "trainer"]) == 130
    assert "run it again to go on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(13, "Permission denied", "/there"), "images: /there: Permission denied; mend that, or move"),
        (OSError(28, "No space left on device", "/there"), "images: the disk of /there is full; free some space"),
    ],
)
def test_what_the_disk_refuses_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: OSError, message: str
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(command, "build_images", refuse)
    assert command.main(["build"]) == 1
    assert capsys.readouterr().err.startswith(message)
