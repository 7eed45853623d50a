"""Where the real programs are."""

from __future__ import annotations

import shutil
from pathlib import Path

from sandbox import toolchain
from sandbox.region.commands import SYSTEM_PATH
from sandbox.region.errors import RegionError
from sandbox.settings import SandboxSettings


def binary(settings: SandboxSettings, name: str) -> Path:
    """The program of this name: from the toolchain, or a Debian package's.

    Raises:
        RegionError: when it is nowhere.
    """
    lookup = getattr(toolchain, "binary", None)
    warm = settings.cache / "warm" / name
    if lookup is None and warm.exists():
        return warm
    found = shutil.which(name, path=SYSTEM_PATH)
    if found is not None:
        return Path(found)
    if lookup is not None:
        return Path(lookup(name))
    raise RegionError(f"{name} is not built yet; run `make toolchain`")
