"""A lock between processes, held by the kernel: it ends with its holder, also after kill -9."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.errors import SandboxError


@contextmanager
def exclusive(path: Path, doing: str) -> Iterator[None]:
    """Hold the lock file `path`; a second holder is refused at once with the first one's process id.

    Raises SandboxError when another process holds it. `doing` completes the sentence "another process is ...".
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            holder = stream.read().strip() or "unknown"
            raise SandboxError(
                f"another process (id {holder}) is {doing}; wait for it to end, or end it, and try again ({path})"
            ) from None
        stream.seek(0)
        stream.truncate()
        stream.write(str(os.getpid()))
        stream.flush()
        yield
        stream.seek(0)
        stream.truncate()
