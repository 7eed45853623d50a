"""The folders that hold a region's volumes: on the host, where each node's processes see them under the same path."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = 512
"""The unit of st_blocks, whatever the file system's own."""
LARGEST_COUNT = 20_000
"""Files of a volume that are looked at to tell how full it is: a person waits for the answer."""


@dataclass(frozen=True)
class VolumeFolders:
    """A folder a volume."""

    root: Path

    def path(self, name: str) -> Path:
        """Where a volume's data are."""
        return self.root / name

    def create(self, name: str, *, open_to_all: bool) -> Path:
        """Make a volume's folder; no effect on one that is there.

        Args:
            name: the volume's.
            open_to_all: as a new file system of NAS is; a new disk's belongs to root, and a pod that does not run as
                root needs an `fsGroup` to write to it.
        """
        folder = self.path(name)
        if not folder.is_dir():
            folder.mkdir(parents=True)
            folder.chmod(0o777 if open_to_all else 0o755)
        return folder

    def delete(self, name: str) -> None:
        """Delete a volume with its data; no effect when it is not there.

        Raises:
            OSError: when something in it cannot be deleted.
        """
        folder = self.path(name)
        if folder.is_dir():
            shutil.rmtree(folder)

    def used(self, name: str) -> int | None:
        """The bytes that a volume's files take on the disk; None when they are too many to be counted at once."""
        total = 0
        for number, entry in enumerate(_entries(self.path(name))):
            if number >= LARGEST_COUNT:
                return None
            total += entry.stat(follow_symlinks=False).st_blocks * BLOCK
        return total


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Everything below a folder, but what goes away meanwhile."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    yield from _entries(Path(entry.path))
    except FileNotFoundError:
        return
