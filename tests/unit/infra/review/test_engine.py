"""Applying a stack whose last update was killed, with Pulumi played.

Not covered here: how an update is taken up (tests/unit/infra/resume), and previews (test_command.py).
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.resume.errors import ResumeError
from infra.resume.state import Creation
from infra.resume.work import Outcome
from infra.review import engine
from infra.review.engine import Engine

NETWORK = Creation("urn:pulumi:qa::p::alicloud:vpc/network:Network::main", "alicloud:vpc/network:Network", {})


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with what was called, in order: a `pulumi` that knows qa, and `resume`, which took up a network."""
    log, program = tmp_path / "calls", tmp_path / "bin" / "pulumi"
    program.parent.mkdir()
    answers = 'case "$1 $2" in \'stack ls\') echo \'[{"name": "qa"}]\';; esac'
    program.write_text(f'#!/bin/sh\necho "$1 $2" >> {log}\n{answers}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")

    def resume(stack: str, tell: Callable[[str], None]) -> list[Outcome]:
        with log.open("a") as stream:
            stream.write(f"resume {stack}\n")
        return [Outcome(NETWORK, "vpc-1", "is the stack's now, as vpc-1")]

    monkeypatch.setattr(engine, "resume", resume)
    return log


def test_what_a_killed_update_was_making_is_taken_up_and_told_before_the_change_is_applied(
    calls: Path, tmp_path: Path
) -> None:
    told: list[str] = []
    assert Engine(tmp_path, tell=told.append).up("qa") == ""
    assert calls.read_text().splitlines() == ["stack ls", "resume qa", "up --stack"]
    assert told == ["applying qa ...", "Network main is the stack's now, as vpc-1"]


def test_a_new_stack_is_made_first(calls: Path, tmp_path: Path) -> None:
    assert Engine(tmp_path).up("textgen") == ""
    assert calls.read_text().splitlines() == ["stack ls", "stack init", "resume textgen", "up --stack"]


def test_nothing_is_applied_where_it_cannot_be_told_what_was_made(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(stack: str, tell: Callable[[str], None]) -> list[Outcome]:
        raise ResumeError("each of these could be it: vpc-1, vpc-2; delete those that nobody needs")

    monkeypatch.setattr(engine, "resume", refuse)
    reason = Engine(tmp_path).up("qa")
    assert reason.startswith("the update that was killed before cannot be taken up: each of these could be it")
    assert "up --stack" not in calls.read_text()
