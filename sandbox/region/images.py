"""The images that every node has from the start: the builder of images' list, and what identifies their content."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from sandbox.region import pause_image
from sandbox.region.binaries import binary
from sandbox.region.errors import RegionError
from sandbox.settings import SandboxSettings

FORMAT = "1"
"""Changes when templates made by older code must not be used."""


@dataclass(frozen=True)
class ImageArchive:
    """An image to preload: its reference and its docker-archive."""

    reference: str
    path: Path


def templates_directory(settings: SandboxSettings) -> Path:
    """Where node templates and what is remembered of images are."""
    return settings.cache / "node-templates"


def node_images(settings: SandboxSettings) -> list[ImageArchive]:
    """Every image of a node: the pause image and the builder's."""
    pause = pause_image.ensure(binary("pause"), templates_directory(settings))
    return [ImageArchive(pause_image.REFERENCE, pause), *read_index(settings.cache / "images")]


def read_index(images: Path) -> list[ImageArchive]:
    """The images that the builder of images has listed in `index.json`; none when there is no such file.

    Raises:
        RegionError: when the list cannot be read or an archive is missing.
    """
    index = images / "index.json"
    if not index.exists():
        return []
    try:
        entries = json.loads(index.read_text())
        archives = [ImageArchive(entry["reference"], images / entry["archive"]) for entry in entries]
    except (ValueError, TypeError, KeyError) as error:
        raise RegionError(
            f"{index} is not a list of reference and archive ({error}); build the images again"
        ) from error
    for archive in archives:
        if not archive.path.is_file():
            raise RegionError(f"{archive.path}, listed in {index}, is missing; build the images again")
    return archives


def template_key(digests: dict[str, str]) -> str:
    """The name of the template for these images (digest by reference): a hash over them, in any order."""
    lines = [f"format {FORMAT}", *(f"{reference} {digest}" for reference, digest in sorted(digests.items()))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:24]


def content_digests(settings: SandboxSettings, archives: list[ImageArchive]) -> dict[str, str]:
    """Each image's SHA-256 by reference, remembered by size and time of change: archives have gigabytes."""
    memory = templates_directory(settings) / "digests.json"
    try:
        known: dict[str, str] = json.loads(memory.read_text())
    except (OSError, ValueError):
        known = {}
    remembered, result = {}, {}
    for archive in archives:
        status = archive.path.stat()
        identity = f"{archive.path} {status.st_size} {status.st_mtime_ns}"
        if identity in known:
            digest = known[identity]
        else:
            with archive.path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        remembered[identity] = digest
        result[archive.reference] = digest
    if remembered != known:
        memory.parent.mkdir(parents=True, exist_ok=True)
        temporary = memory.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(remembered, indent=1))
        temporary.replace(memory)
    return result
