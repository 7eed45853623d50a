"""The commands of a page of documentation, and what each says that it does.

Blocks of the language `sh` are commands; those of one page are one shell's, in their order. A comment behind a command
may say `prints: TEXT`, which is then in its output, or `fails: TEXT`: it must fail, with that in its output.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CLAIM = re.compile(r"\s# (?P<kind>prints|fails): (?P<text>.+)$")


@dataclass(frozen=True)
class Command:
    """One command, over one line or more."""

    script: str
    line: int
    """Where it begins on the page."""
    prints: str = ""
    fails: bool = False


def commands(page: str) -> list[Command]:
    """Every command of a page's `sh` blocks, in order."""
    return [command for block in BLOCK.finditer(page) for command in _of_block(page, block)]


def _of_block(page: str, block: re.Match[str]) -> Iterator[Command]:
    first = page.count("\n", 0, block.start(1)) + 1
    held: list[str] = []
    for number, line in enumerate(block[1].splitlines()):
        held.append(line)
        script = "\n".join(held)
        if not is_complete(script):
            continue
        if script.strip():
            claim = CLAIM.search(line)
            begun = first + number - len(held) + 1
            yield Command(script, begun, claim["text"] if claim else "", claim is not None and claim["kind"] == "fails")
        held = []
    if held:
        raise ValueError(f"line {first}: the block's last command does not end: {held[0]}")


def is_complete(script: str) -> bool:
    """Whether the shell would begin to work after these lines, rather than wait for more."""
    if script.endswith("\\"):
        return False
    found = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False, timeout=10)
    return found.returncode == 0 and "here-document" not in found.stderr
