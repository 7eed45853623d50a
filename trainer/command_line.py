"""How the process of a command of the trainer or of the controllers ends; `infra`, unknown to them, has the like."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NoReturn

NO_READER = 141
"""Exit status when whoever read the output (`| head`) went away, as shells number it."""


def end(main: Callable[[], int]) -> NoReturn:
    """Run a command and end with its exit status; when nobody reads its output any more, quietly with `NO_READER`."""
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it ends
        status = NO_READER
    sys.exit(status)
