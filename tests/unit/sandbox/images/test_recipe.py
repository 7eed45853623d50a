"""Keys: the same for the same inputs, another one for every input that changes. Building is in tests/sandbox."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.images.recipe import (
    base_key,
    digest,
    image_inputs,
    image_key,
    root_file_system_key,
    wheelhouse_key,
)
from sandbox.images.settings import CONTROLLERS, IMAGES, TRAINER, Image, ImagePaths


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    file = tmp_path / "ca.pem"
    file.write_text("-----BEGIN CERTIFICATE-----\n", encoding="ascii")
    return file


def test_unchanged_sources_keep_their_keys(paths: ImagePaths, authority: Path) -> None:
    assert base_key(paths, authority) == base_key(paths, authority)
    assert image_key(paths, TRAINER, "base") == image_key(paths, TRAINER, "base")


@pytest.mark.parametrize(
    "changed",
    [
        "images/trainer/Dockerfile",
        "images/trainer/requirements.txt",
        "images/trainer/requirements-no-deps.txt",
        "trainer/__init__.py",
        "trainer/model/network.py",
        "trainer/model/new.py",
    ],
)
def test_every_file_of_the_trainer_image_is_part_of_its_key(paths: ImagePaths, changed: str) -> None:
    before = image_key(paths, TRAINER, "base")
    (paths.repository / changed).write_text("changed\n", encoding="utf-8")
    assert image_key(paths, TRAINER, "base") != before


def test_a_new_base_makes_a_new_trainer_image(paths: ImagePaths) -> None:
    assert image_key(paths, TRAINER, "one") != image_key(paths, TRAINER, "two")


def test_a_new_authority_makes_a_new_base_image_from_the_same_packages(paths: ImagePaths, authority: Path) -> None:
    image, packages = base_key(paths, authority), root_file_system_key(paths)
    authority.write_text("another\n", encoding="ascii")
    assert base_key(paths, authority) != image
    assert root_file_system_key(paths) == packages


@pytest.mark.parametrize("changed", ["dpkg-slim.cfg"])
def test_debian_settings_make_a_new_base_image(paths: ImagePaths, authority: Path, changed: str) -> None:
    before = base_key(paths, authority)
    (paths.base_sources / changed).write_text("changed\n", encoding="utf-8")
    assert base_key(paths, authority) != before


@pytest.mark.parametrize(
    ("change", "fetches_packages"),
    [
        (lambda paths: (paths.repository / "trainer/__init__.py").write_text("VERSION = 2\n"), False),
        (lambda paths: (paths.sources(TRAINER) / "requirements.txt").write_text("numpy==1.23.4\n"), True),
    ],
    ids=["code", "pin"],
)
def test_only_pins_decide_which_packages_are_fetched(
    paths: ImagePaths, change: Callable[[ImagePaths], int], fetches_packages: bool
) -> None:
    before = wheelhouse_key(paths, TRAINER)
    change(paths)
    assert (wheelhouse_key(paths, TRAINER) != before) is fetches_packages


def test_what_tools_leave_behind_is_no_input(paths: ImagePaths) -> None:
    before = image_key(paths, TRAINER, "base")
    for leftover in ("trainer/__pycache__/network.pyc", "trainer/model/.mypy_cache/data"):
        file = paths.repository / leftover
        file.parent.mkdir(parents=True)
        file.write_text("noise", encoding="utf-8")
    assert image_key(paths, TRAINER, "base") == before
    assert not [file for file in image_inputs(paths, TRAINER) if "cache" in str(file.relative_to(paths.repository))]


def test_a_checkout_below_a_folder_named_like_a_leftover_has_its_files(paths: ImagePaths, tmp_path: Path) -> None:
    moved = tmp_path / "__pycache__" / "checkout"
    moved.parent.mkdir()
    paths.repository.rename(moved)
    there = ImagePaths(repository=moved, cache=paths.cache)
    assert moved / "trainer/model/network.py" in image_inputs(there, TRAINER)


def test_another_place_of_the_repository_gives_the_same_key(paths: ImagePaths, tmp_path: Path) -> None:
    before = image_key(paths, TRAINER, "base")
    paths.repository.rename(tmp_path / "elsewhere")
    assert image_key(ImagePaths(tmp_path / "elsewhere", paths.cache), TRAINER, "base") == before


def test_moving_bytes_between_files_changes_the_digest(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"ab")
    two.write_bytes(b"c")
    before = digest([], tmp_path, [one, two])
    one.write_bytes(b"a")
    two.write_bytes(b"bc")
    assert digest([], tmp_path, [one, two]) != before


@pytest.mark.parametrize("name", ["images/trainer/requirements-no-deps.txt", "images/trainer/Dockerfile"])
def test_a_missing_source_is_named(paths: ImagePaths, name: str) -> None:
    (paths.repository / name).unlink()
    with pytest.raises(SandboxError, match=f"{Path(name).name} is missing.*restore it"):
        image_key(paths, TRAINER, "base")


@pytest.mark.parametrize(
    ("changed", "stale"),
    [
        ("trainer/model/network.py", {TRAINER}),
        ("controllers/__init__.py", {CONTROLLERS}),
        ("images/controllers/requirements.txt", {CONTROLLERS}),
        ("trainer/storage/object_store.py", {TRAINER, CONTROLLERS}),
    ],
)
def test_an_edit_rebuilds_just_the_images_that_hold_it(paths: ImagePaths, changed: str, stale: set[Image]) -> None:
    before = {image: image_key(paths, image, "base") for image in IMAGES}
    (paths.repository / changed).write_text("changed\n", encoding="utf-8")
    assert {image for image in IMAGES if image_key(paths, image, "base") != before[image]} == stale
