"""Images that the sandbox built, as if they had been pushed: read from their archives where those lie, never copied.

A docker-archive holds each layer uncompressed as a file in a tar, so a layer is a range of the archive, and its digest
stands in the image's configuration.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.cloud.core.wire import json_bytes
from sandbox.cloud.registry.blobs import Extent
from sandbox.cloud.registry.catalogue import DOCKER_MANIFEST, Manifest

CONFIGURATION = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar"


@dataclass(frozen=True)
class BuiltImage:
    """An image in an archive: its manifest, and where its blobs are."""

    manifest: Manifest
    blobs: dict[str, Extent]


class BuiltImages:
    """The images that the builder's index names (`sandbox/images`). `index` is the index's path."""

    def __init__(self, index: Path) -> None:
        self._index = index
        self._read: dict[tuple[str, int, int], BuiltImage] = {}

    def find(self, hosts: tuple[str, ...], name: str, reference: str) -> BuiltImage | None:
        """The image of a repository (at one of these host names) by tag or digest; None when none was built."""
        for wanted, archive in self._archives().items():
            host, _, rest = wanted.partition("/")
            built_name, _, tag = rest.rpartition(":")
            if host not in hosts or built_name != name:
                continue
            image = self._image(archive)
            if image is not None and reference in (tag, image.manifest.digest):
                return image
        return None

    def blob(self, hosts: tuple[str, ...], name: str, digest: str) -> Extent | None:
        """A blob of any image of a repository."""
        for wanted, archive in self._archives().items():
            host, _, rest = wanted.partition("/")
            if host in hosts and rest.rpartition(":")[0] == name:
                image = self._image(archive)
                if image is not None and digest in image.blobs:
                    return image.blobs[digest]
        return None

    def tags(self, hosts: tuple[str, ...], name: str) -> list[str]:
        """The tags of a repository's images."""
        rests = [wanted.partition("/")[2] for wanted in self._archives() if wanted.partition("/")[0] in hosts]
        return [tag for built, _, tag in (rest.rpartition(":") for rest in rests) if built == name]

    def _archives(self) -> dict[str, Path]:
        try:
            entries = json.loads(self._index.read_text(encoding="utf-8"))
            return {str(entry["reference"]): self._index.parent / str(entry["archive"]) for entry in entries}
        except (OSError, ValueError, TypeError, KeyError):
            return {}  # nothing was built; the builder tells when its index is damaged

    def _image(self, archive: Path) -> BuiltImage | None:
        try:
            status = archive.stat()
            key = (str(archive), status.st_size, status.st_mtime_ns)
            if key not in self._read:
                self._read = {known: image for known, image in self._read.items() if known[0] != key[0]}
                self._read[key] = read_archive(archive)
            return self._read[key]
        except (OSError, tarfile.TarError, ValueError, KeyError, IndexError):
            return None


def read_archive(path: Path) -> BuiltImage:
    """The one image of a docker-archive. Raises OSError, ValueError, KeyError or TarError when it is none."""
    with tarfile.open(path, mode="r:") as archive:
        members = {member.name: member for member in archive}
        description = json.loads(_content(archive, members["manifest.json"]))[0]
        configuration = _content(archive, members[description["Config"]])
        layers = []
        for name in description["Layers"]:
            member = members[name]
            while member.issym() or member.islnk():
                member = members[member.linkname.removeprefix("../")]
            layers.append(Extent(path, member.offset_data, member.size))
        place = members[description["Config"]]
    digests = [str(digest) for digest in json.loads(configuration)["rootfs"]["diff_ids"]]
    digest = f"sha256:{hashlib.sha256(configuration).hexdigest()}"
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": {"mediaType": CONFIGURATION, "size": len(configuration), "digest": digest},
        "layers": [
            {"mediaType": LAYER, "size": layer.size, "digest": own} for own, layer in zip(digests, layers, strict=True)
        ],
    }
    content = json_bytes(document)
    blobs = dict(zip(digests, layers, strict=True)) | {digest: Extent(path, place.offset_data, place.size)}
    size = sum(extent.size for extent in blobs.values())
    own = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return BuiltImage(Manifest(own, DOCKER_MANIFEST, content, size), blobs)


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(member)
    if stream is None:
        raise ValueError(f"{member.name} is not a file")
    return stream.read()
