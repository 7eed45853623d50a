"""The sandbox's errors: one line that says what is wrong and what to do."""

from __future__ import annotations


class SandboxError(Exception):
    """What the command line shows as one line, without a traceback, ending with the way out."""


class UsageError(SandboxError):
    """The command or a variable of its environment is wrong in itself, whatever state the sandbox is in."""
