"""The commands of a page of documentation, what each says that it does, and a shell in which they do it.

Blocks of the language `sh` are commands; those of one page are one shell's, in their order. A comment behind a command
may say `prints: TEXT`, which is then in its output, or `fails: TEXT`: it must fail, with that in its output.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "--page-command-ended--"
SHOWN = 3000
"""Characters of the output of a command that did otherwise than the page says."""
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


class Shell:
    """One bash for all commands, as a reader has it."""

    def __init__(self, folder: Path, output: Path, variables: Mapping[str, str]) -> None:
        self._output = output
        self._process = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=folder,
            env={**os.environ, **variables},
        )

    def run(self, command: Command) -> tuple[int, str]:
        """Exit status and output of one command; it runs in this shell itself, so that what it exports stays."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{{\n{command.script}\n}} > '{self._output}' 2>&1 < /dev/null\necho {MARK} $?\n")
        self._process.stdin.flush()
        status = self._process.stdout.readline().removeprefix(MARK)
        return int(status), self._output.read_text(errors="replace")

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


def follow(page: Path, shell: Shell) -> int:
    """Run every command of a page, as printed; how many there were. Fails at the first that does otherwise."""
    found = commands(page.read_text(encoding="utf-8"))
    try:
        for command in found:
            begun = time.monotonic()
            status, output = shell.run(command)
            print(f"{time.monotonic() - begun:5.1f} s  {command.script.splitlines()[0]}")
            place = f"{page.name}:{command.line}: {command.script}\nexit status {status}:\n{output[-SHOWN:]}"
            assert (status != 0) == command.fails, place
            assert command.prints in output, place
    finally:
        shell.close()
    return len(found)
