"""The one error that leaves this package."""

from __future__ import annotations

from sandbox.errors import SandboxError


class RegionError(SandboxError):
    """A region or one of its nodes could not be brought where it was asked to be; says why and the way out."""
