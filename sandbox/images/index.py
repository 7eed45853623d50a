"""The list of built images that a region's nodes load: `index.json` beside the archives."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from sandbox.errors import SandboxError


def read_index(path: Path) -> dict[str, str]:
    """Archive file name by reference; empty when nothing was built yet.

    Raises SandboxError when the file is not such a list.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return {str(entry["reference"]): str(entry["archive"]) for entry in entries}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError) as error:
        raise SandboxError(
            f"{path} is not a list of images ({error}); delete it and build again: python -m sandbox.images build"
        ) from error


def is_current(path: Path, reference: str, archive: str) -> bool:
    """Whether the index names this archive for the reference and the archive is there."""
    return read_index(path).get(reference) == archive and (path.parent / archive).is_file()


def publish(path: Path, reference: str, archive: str) -> None:
    """Make `archive`, a file beside the index, what nodes load for `reference`; remove the archives that nobody names.

    A reader sees the old list or the new one, never a part, and each list's archives exist when it appears.
    """
    before = read_index(path)
    entries = {**before, reference: archive}
    _write(path, entries)
    for stale in set(before.values()) - set(entries.values()):
        (path.parent / stale).unlink(missing_ok=True)


def _write(path: Path, entries: Mapping[str, str]) -> None:
    document = [{"reference": reference, "archive": archive} for reference, archive in sorted(entries.items())]
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as stream:
        json.dump(document, stream, indent=2)
        stream.write("\n")
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
