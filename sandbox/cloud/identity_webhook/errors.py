"""Why a pod is refused."""

from __future__ import annotations

from sandbox.errors import SandboxError


class ReviewError(SandboxError):
    """The request is no review of a pod of a known cluster."""
