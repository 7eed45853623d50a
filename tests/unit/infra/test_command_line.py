"""How commands end: with their status, and without a word when nobody reads their output any more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infra.command_line import NO_READER, end

ROOT = Path(__file__).resolve().parents[3]
PRINTING = "from {package}.command_line import end\nend(lambda: print('x' * {count}) or 0)"


@pytest.mark.parametrize("count", [10, 1_000_000], ids=["a line", "more than a pipe holds"])
@pytest.mark.parametrize("package", ["infra", "trainer"])
def test_a_reader_that_goes_away_is_no_error(package: str, count: int) -> None:
    command = [sys.executable, "-c", PRINTING.format(package=package, count=count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert (process.stderr.read(), process.wait(30)) == (b"", NO_READER)


def test_the_status_is_the_commands() -> None:
    with pytest.raises(SystemExit) as ended:
        end(lambda: 2)
    assert ended.value.code == 2


def test_every_command_ends_so() -> None:
    """The sandbox's ends so by itself: tests/unit/sandbox/test_command_line.py."""
    files = [
        file for folder in ("controllers", "infra", "policies", "trainer") for file in (ROOT / folder).rglob("*.py")
    ]
    commands = [file for file in files if "\nif __name__ ==" in file.read_text()]
    assert len(commands) > 8
    ending = '\nif __name__ == "__main__":\n    end(main)\n'
    assert [file for file in commands if not file.read_text().endswith(ending)] == []
