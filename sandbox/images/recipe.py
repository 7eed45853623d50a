"""An image's key: the same key means the same inputs, so nothing has to be built again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.images.settings import BASE_PACKAGES, RECIPE, SUITE, Image, ImagePaths

KEY_LENGTH = 16
NOT_SOURCE = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", "requirements-development.txt"}
"""What tools leave behind inside a package, and what only its developers need."""


def root_file_system_key(paths: ImagePaths) -> str:
    """Key of Debian's packages as they are unpacked for the base image."""
    settings = [paths.base_sources / "dpkg-slim.cfg"]
    return digest([f"recipe {RECIPE}", SUITE, *BASE_PACKAGES], paths.repository, settings)


def base_key(paths: ImagePaths, authority: Path) -> str:
    """Key of the base image; `authority` is the PEM file of the certificate authority that it trusts."""
    return digest(
        [root_file_system_key(paths), _content(authority).decode("ascii")],
        paths.repository,
        [paths.base_sources / "Dockerfile"],
    )


def wheelhouse_key(paths: ImagePaths, image: Image) -> str:
    """Key of the Python packages that an image installs."""
    return digest([f"recipe {RECIPE}"], paths.repository, requirement_files(paths, image))


def image_key(paths: ImagePaths, image: Image, base: str) -> str:
    """Key of an image on the base image with the key `base`."""
    return digest([f"recipe {RECIPE}", base], paths.repository, image_inputs(paths, image))


def image_inputs(paths: ImagePaths, image: Image) -> list[Path]:
    """Every file that reaches an image's build, in a settled order. Raises SandboxError when a package is missing."""
    packages = [file for package in image.packages for file in _package_files(paths.repository / package)]
    return [paths.sources(image) / "Dockerfile", *requirement_files(paths, image), *packages]


def requirement_files(paths: ImagePaths, image: Image) -> list[Path]:
    """An image's pins."""
    return [paths.sources(image) / name for name in image.requirements]


def _package_files(package: Path) -> list[Path]:
    if package.is_file():
        return [package]
    files = sorted(
        path
        for path in package.rglob("*")
        if path.is_file() and not NOT_SOURCE.intersection(path.relative_to(package).parts)
    )
    if not files:
        raise SandboxError(f"{package} holds no file; the images need it: restore it from the repository")
    return files


def digest(words: Iterable[str], root: Path, files: Iterable[Path]) -> str:
    """Hash words, and files by their path below `root`, whether one may run them, and their content."""
    whole = hashlib.sha256()
    for word in words:
        whole.update(f"word {len(word)} {word}\n".encode())
    for file in files:
        content = _content(file)
        executable = bool(file.stat().st_mode & 0o100)
        whole.update(f"file {file.relative_to(root)} {executable} {len(content)}\n".encode())
        whole.update(content)
    return whole.hexdigest()[:KEY_LENGTH]


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise SandboxError(f"{file} is missing; the images are made from it: restore it from the repository") from None
