"""Builds the base image and those on it, or finds that they are built, and tells the nodes by the index."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from sandbox.certificates import certificate_authority
from sandbox.errors import SandboxError
from sandbox.images.base import root_file_system
from sandbox.images.index import is_current, publish
from sandbox.images.isolation import require_root, require_space, require_tools
from sandbox.images.packages import host_sources, lend_apt_settings
from sandbox.images.recipe import base_key, image_inputs, image_key
from sandbox.images.settings import (
    BASE_NAME,
    FREE_SPACE_AGAIN,
    FREE_SPACE_FIRST,
    IMAGES,
    Image,
    ImagePaths,
)
from sandbox.images.store import ImageStore
from sandbox.images.wheelhouse import require_same_python, wheelhouse
from sandbox.locking import exclusive
from sandbox.progress import Progress

FIXED_TIME = 1_704_067_200
"""Time of the files that a build gets (2024-01-01): a fresh checkout must find the layers of an older one."""

WHEELS_PLACE = "/mnt"
"""Empty in every Debian image, so nothing of the lent folder's place stays in a layer."""


def build_images(
    paths: ImagePaths, progress: Progress, *, only_base: bool = False, images: Sequence[Image] = IMAGES
) -> Path:
    """Bring images up to date and return the index; nothing is done when the sources are as they were.

    Raises SandboxError, one line with the way out, when the machine can't build or a build fails.
    """
    authority = certificate_authority(paths.cache).certificate_path
    base = base_key(paths, authority)
    keys = {image: image_key(paths, image, base) for image in images}
    stale = [image for image in images if not is_current(paths.index, image.reference, _archive(image, keys[image]))]
    if not only_base and not stale:
        progress.line(f"images: up to date ({', '.join(_archive(image, keys[image]) for image in images)})")
        return paths.index
    require_root()
    require_tools()
    require_space(paths.results, FREE_SPACE_AGAIN if paths.index.exists() else FREE_SPACE_FIRST)
    with exclusive(paths.lock, "building images"):
        log = _new_log(paths)
        store = ImageStore(paths.work, log, on_line=lambda line: _show_step(progress, line))
        store.recover()
        base_image = f"{BASE_NAME}:{base}"
        _build_base(paths, store, base_image, authority, progress)
        if only_base:
            return paths.index
        for image in stale:
            _build(paths, store, image, base, keys[image], progress)
            archive = _archive(image, keys[image])
            with progress.step(f"images: writing {archive}"):
                store.export(image.reference, paths.results / archive)
                publish(paths.index, image.reference, archive)
        store.tidy(keep=[base_image, *(image.reference for image in IMAGES)])
    return paths.index


def _archive(image: Image, key: str) -> str:
    return f"{image.name}-{key}.tar"


def _build_base(paths: ImagePaths, store: ImageStore, image: str, authority: Path, progress: Progress) -> None:
    if store.has(image):
        return
    with progress.step("images: base image from Debian's packages"):
        archive = root_file_system(paths, store.log)
        context = _empty(paths.work / "context-base")
        (context / "rootfs.tar").hardlink_to(archive)
        _lay_out(context, [(paths.base_sources / "Dockerfile", "Dockerfile"), (authority, "sandbox-authority.crt")])
        store.build(image, context, context / "Dockerfile", {}, {})
        shutil.rmtree(context)


def _build(paths: ImagePaths, store: ImageStore, image: Image, base: str, key: str, progress: Progress) -> None:
    require_same_python()
    with progress.step(f"images: Python packages of {image.name}"):
        wheels = wheelhouse(paths, image, store.log)
    with progress.step(f"images: {image.name} image"):
        context = _empty(paths.work / f"context-{image.name}")
        stage(paths, image, base, key, context)
        store.build(
            image.reference,
            context,
            context / "images" / image.name / "Dockerfile",
            {"BASE_IMAGE": f"{BASE_NAME}:{base}", "PIP_OPTIONS": f"--no-index --find-links={WHEELS_PLACE}"},
            {lend_apt_settings(paths.work / "apt", host_sources()): "/etc/apt", wheels: WHEELS_PLACE},
        )
        shutil.rmtree(context)


def stage(paths: ImagePaths, image: Image, base: str, key: str, context: Path) -> None:
    """Copy an image's inputs into `context`; raises SandboxError when they aren't what `key` stands for.

    An image under another content's key would be taken for up to date later.
    """
    try:
        _lay_out(context, [(file, str(file.relative_to(paths.repository))) for file in image_inputs(paths, image)])
    except FileNotFoundError as error:
        raise SandboxError(f"{error.filename} went away while it was copied; run it again") from None
    if image_key(ImagePaths(repository=context, cache=paths.cache), image, base) != key:
        raise SandboxError(
            f"files of {paths.repository / image.packages[0]} changed while the build began; run it again"
        )


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _lay_out(context: Path, files: Iterable[tuple[Path, str]]) -> None:
    """Copy files into a build's context with settled times and modes, which are part of a layer's identity."""
    for source, place in files:
        target = context / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)
        os.utime(target, (FIXED_TIME, FIXED_TIME))
    for folder in (folder for folder in context.rglob("*") if folder.is_dir()):
        folder.chmod(0o755)
        os.utime(folder, (FIXED_TIME, FIXED_TIME))


def _new_log(paths: ImagePaths) -> Path:
    log = paths.results / "build.log"
    log.write_text("", encoding="utf-8")
    return log


def _show_step(progress: Progress, line: str) -> None:
    if line.startswith("STEP "):
        progress.line(f"  {line[:110]}")
