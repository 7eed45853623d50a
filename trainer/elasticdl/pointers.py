"""Which checkpoints a run has; free of TensorFlow, for the launcher."""

from __future__ import annotations

from typing import Any

from trainer.errors import ObjectNotFoundError
from trainer.object_store import ObjectStore, get_json

LATEST, FINAL = "latest.json", "final.json"
"""Objects that point to the last checkpoint, and to the weights at the end of the training."""


def find(store: ObjectStore, prefix: str, pointer: str) -> dict[str, Any] | None:
    """What the pointer says (version, key, sha256), if there is a checkpoint."""
    try:
        return get_json(store, prefix + pointer)
    except ObjectNotFoundError:
        return None
