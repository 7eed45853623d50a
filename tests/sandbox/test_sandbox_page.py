"""The page that teaches the sandbox is true: each of its commands, as printed, in a fresh sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.paths import REPOSITORY
from sandbox.settings import SandboxSettings
from tests.sandbox.page_commands import Shell, follow

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(500)]

PAGE = REPOSITORY / "docs" / "sandbox.md"


def test_every_command_of_the_page_does_what_the_page_says(empty_sandbox: SandboxSettings, tmp_path: Path) -> None:
    variables = {"SANDBOX_NAME": empty_sandbox.name, "SANDBOX_INDEX": str(empty_sandbox.addresses.index)}
    assert follow(PAGE, Shell(REPOSITORY, tmp_path / "output", variables)) > 30
