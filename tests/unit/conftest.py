"""Unit tests write to memory where a machine has a folder for that: the databases in them would wait for its disk."""

from __future__ import annotations

import os
from pathlib import Path

MEMORY = Path("/dev/shm")

if os.access(MEMORY, os.W_OK):
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
