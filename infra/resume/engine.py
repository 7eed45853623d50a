"""The three commands of Pulumi that taking up an update needs."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from typing import Any

from infra.resume.errors import ResumeError

QUERY_SECONDS = 120.0
REFRESH_SECONDS = 1800.0


def export(stack: str) -> dict[str, Any]:
    """The stack's state; secrets stay encrypted. Raises ResumeError."""
    found: dict[str, Any] = json.loads(_run(["stack", "export", "--stack", stack], QUERY_SECONDS))
    return found


def replace(stack: str, content: dict[str, Any]) -> None:
    """Put a changed state in the place of the stack's. Raises ResumeError."""
    _run(["stack", "import", "--stack", stack], QUERY_SECONDS, json.dumps(content))


def refresh(stack: str, urns: Iterable[str]) -> None:
    """Let these resources get the properties that the cloud says they have; what is not there goes. Raises ResumeError.

    Without the program, which may need what is not there yet.
    """
    targets = [argument for urn in urns for argument in ("--target", urn)]
    options = ["--yes", "--skip-preview", "--run-program=false", "--stack", stack]
    _run(["refresh", *options, *targets], REFRESH_SECONDS)


def _run(arguments: Sequence[str], seconds: float, stdin: str = "") -> str:
    program = shutil.which("pulumi")
    if program is None:
        raise ResumeError("no `pulumi` on PATH; install it, or prepare this shell as docs/first-stack.md says")
    try:
        result = subprocess.run(
            [program, *arguments, "--non-interactive"],
            input=stdin, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ResumeError(
            f"`pulumi {' '.join(arguments[:2])}` took longer than {seconds:.0f} s and was ended; run the command again"
        ) from None
    if result.returncode != 0:
        raise ResumeError(f"`pulumi {' '.join(arguments[:2])}` failed: {_reason(result.stdout + result.stderr)}")
    return result.stdout


def _reason(text: str) -> str:
    """The lines that say what is wrong, as one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join([line for line in lines if "error:" in line] or lines[-1:])[:1000] or "no reason given"
