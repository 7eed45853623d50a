"""Where the sandbox keeps things on disk."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = "language-model-clusters"
REPOSITORY = Path(__file__).resolve().parent.parent


def cache_directory() -> Path:
    """What can be made again but takes long: toolchain, images, the sandbox's certificate authority.

    Outside the repository, shared by all checkouts of one user; $LANGUAGE_MODEL_CLUSTERS_CACHE moves it.
    """
    override = os.environ.get("LANGUAGE_MODEL_CLUSTERS_CACHE")
    return Path(override) if override else Path.home() / ".cache" / PROJECT


def state_directory(name: str = "sandbox") -> Path:
    """All that one sandbox remembers (the cloud's state, objects, clusters, Pulumi's state); `down --purge` removes it.

    $SANDBOX_STATE moves it.
    """
    override = os.environ.get("SANDBOX_STATE")
    return Path(override) if override else Path.home() / ".local" / "state" / PROJECT / name
