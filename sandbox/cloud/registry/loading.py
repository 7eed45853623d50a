"""Pushes an image from a docker-archive on this machine, without a builder or a daemon."""

from __future__ import annotations

import asyncio
import tarfile
from dataclasses import dataclass
from pathlib import Path

from sandbox.cloud.registry.addressing import DIGEST, TAG, check_name, registry_of
from sandbox.cloud.registry.archives import BuiltImage, read_archive
from sandbox.cloud.registry.call import Backend, no_repository
from sandbox.cloud.registry.errors import RegistryError


@dataclass(frozen=True)
class LoadedImage:
    """What was pushed."""

    reference: str
    digest: str
    pushed: int
    """Bytes that were not in the registry before."""


async def load(backend: Backend, archive: Path, reference: str) -> LoadedImage:
    """Push the one image of an archive under HOST/NAMESPACE/NAME:TAG; what is there already is not copied again.

    Raises:
        RegistryError: when the reference or the archive is none, or the repository must not be made by a push.
    """
    host, _, rest = reference.partition("/")
    name, _, tag = rest.rpartition(":")
    registry = registry_of(host)
    if registry is None or TAG.fullmatch(tag) is None:
        raise RegistryError(
            "NAME_INVALID",
            f"{reference!r} is not a registry's host, a name and a tag, such as "
            "registry-vpc.cn-hangzhou.aliyuncs.com/NAMESPACE/NAME:1",
        )
    key = backend.repositories.create_for_push(registry, check_name(name))
    if key is None:
        raise no_repository(name, host)
    image = await asyncio.to_thread(_read, archive)
    pushed = 0
    for digest, extent in image.blobs.items():
        if backend.blobs.find(digest) is None:
            upload = backend.blobs.begin()
            await backend.blobs.append(upload, backend.blobs.read(extent, 0, extent.size))
            pushed += await backend.blobs.finish(upload, digest)
        backend.catalogue.add_blob(key, digest)
    manifest = backend.catalogue.put_manifest(key, tag, image.manifest.content, image.manifest.media_type)
    return LoadedImage(reference, manifest.digest, pushed)


def _read(archive: Path) -> BuiltImage:
    try:
        image = read_archive(archive)
    except (OSError, tarfile.TarError, ValueError, KeyError, IndexError) as error:
        reason = str(error) or type(error).__name__
        raise RegistryError(
            "MANIFEST_INVALID",
            f"{archive} is not a docker-archive of one image ({reason}); make one with "
            "`buildah push IMAGE docker-archive:FILE` or `docker save`",
        ) from None
    if any(DIGEST.fullmatch(digest) is None for digest in image.blobs):
        raise RegistryError("MANIFEST_INVALID", f"{archive} names layers by something else than SHA-256")
    return image
