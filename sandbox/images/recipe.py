"""An image's key: the same key means the same inputs, so nothing has to be built again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.images.settings import BASE_PACKAGES, RECIPE, SUITE, ImagePaths

KEY_LENGTH = 16
NOT_SOURCE = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", "requirements-development.txt"}
"""What tools leave behind inside trainer/, and what only its developers need."""


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


def wheelhouse_key(paths: ImagePaths) -> str:
    """Key of the Python packages that the trainer image installs."""
    return digest([f"recipe {RECIPE}"], paths.repository, requirement_files(paths))


def trainer_key(paths: ImagePaths, base: str) -> str:
    """Key of the trainer image on the base image with the key `base`."""
    return digest([f"recipe {RECIPE}", base], paths.repository, trainer_inputs(paths))


def trainer_inputs(paths: ImagePaths) -> list[Path]:
    """Every file that reaches the trainer image's build, sorted. Raises SandboxError when trainer/ is missing."""
    return [paths.trainer_sources / "Dockerfile", *requirement_files(paths), *_package_files(paths)]


def requirement_files(paths: ImagePaths) -> list[Path]:
    """The trainer image's pins: those installed with, and those installed without, their dependencies."""
    return [paths.trainer_sources / name for name in ("requirements.txt", "requirements-no-deps.txt")]


def _package_files(paths: ImagePaths) -> list[Path]:
    package = paths.repository / "trainer"
    files = sorted(
        path
        for path in package.rglob("*")
        if path.is_file() and not NOT_SOURCE.intersection(path.relative_to(package).parts)
    )
    if not files:
        raise SandboxError(f"{package} holds no file; the trainer image needs it: restore it from the repository")
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
