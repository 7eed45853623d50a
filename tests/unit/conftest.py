"""Unit tests write to memory where a machine has a folder for that: the databases in them would wait for its disk.

Nor does a generated example fail because the machine is busy.
"""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import settings

MEMORY = Path("/dev/shm")

if os.access(MEMORY, os.W_OK):
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

settings.register_profile("unit", deadline=None)
settings.load_profile("unit")
