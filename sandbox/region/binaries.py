"""Where the real programs are."""

from __future__ import annotations

import functools
from pathlib import Path

from sandbox import toolchain
from sandbox.errors import SandboxError
from sandbox.region.errors import RegionError


@functools.cache
def binary(name: str) -> Path:
    """The program of this name, from the toolchain or a Debian package.

    Raises:
        RegionError: when it is not there; it says how to obtain it.
    """
    try:
        return toolchain.binary(name)
    except SandboxError as error:
        raise RegionError(str(error)) from error
