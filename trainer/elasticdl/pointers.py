"""Which checkpoints a run has; free of TensorFlow, for the launcher."""

from __future__ import annotations

import re
from typing import Any

from trainer.errors import ObjectNotFoundError
from trainer.storage.object_store import ObjectStore, get_json

LATEST, FINAL = "latest.json", "final.json"
"""Objects that point to the last checkpoint, and to the weights at the end of the training."""
TERM_FOLDER = re.compile(r"term-(\d{6,})/")


def term_folder(term: int) -> str:
    """The folder, in a run's, of what was written under a lease's term; none for what was written without a lease."""
    return f"term-{term:06d}/" if term else ""


def find(store: ObjectStore, prefix: str, pointer: str) -> dict[str, Any] | None:
    """What the pointer of the latest term says (version, key, sha256), if there is a checkpoint."""
    keys = {prefix + pointer: 0}
    for key in store.list(f"{prefix}term-"):
        term = TERM_FOLDER.match(key, len(prefix))
        if term and key == prefix + term[0] + pointer:
            keys[key] = int(term[1])
    try:
        return get_json(store, max(keys, key=lambda key: keys[key]))
    except ObjectNotFoundError:
        return None
