"""The sandbox's errors: one line that says what is wrong and what to do."""

from __future__ import annotations


class SandboxError(Exception):
    """What the command line shows as one line, without a traceback, ending with the way out."""
