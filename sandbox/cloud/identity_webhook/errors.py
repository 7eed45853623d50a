"""What can go wrong when a cluster is spoken to."""

from __future__ import annotations

from sandbox.errors import SandboxError


class KubernetesError(SandboxError):
    """The cluster's API server did not answer, or refused."""
