"""The image of the process that holds a pod's namespaces, made without an image builder: one layer, one file."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from pathlib import Path

REFERENCE = "sandbox.invalid/pause:1.0"
"""A host name that cannot exist: this image is never pulled."""
ARCHIVE = "pause.tar"


def ensure(program: Path, directory: Path) -> Path:
    """The image's docker-archive in a directory, made when missing or when the program has changed."""
    archive = directory / ARCHIVE
    content = render(program.read_bytes())
    if archive.exists() and archive.stat().st_size == len(content) and archive.read_bytes() == content:
        return archive
    directory.mkdir(parents=True, exist_ok=True)
    temporary = archive.with_suffix(f".{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(archive)
    return archive


def render(program: bytes) -> bytes:
    """The docker-archive; the same bytes for the same program."""
    return render_archive(REFERENCE, {"pause": program}, ["/pause"])


def render_archive(reference: str, programs: dict[str, bytes], entry_point: list[str]) -> bytes:
    """A docker-archive of an image that holds a few programs at its root and nothing else."""
    layer = _tar(programs, mode=0o755)
    configuration = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": entry_point, "WorkingDir": "/", "User": "65535:65535"},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
            "history": [{"created_by": "sandbox"}],
        },
        sort_keys=True,
    ).encode()
    name = f"{hashlib.sha256(configuration).hexdigest()}.json"
    manifest = json.dumps([{"Config": name, "RepoTags": [reference], "Layers": ["layer.tar"]}]).encode()
    return _tar({"layer.tar": layer, name: configuration, "manifest.json": manifest}, mode=0o644)


def _tar(files: dict[str, bytes], mode: int) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()
