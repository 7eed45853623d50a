"""Which businesses a deployment brings up. That it does is shown by tests/sandbox/test_one_business.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.deployment import chosen_businesses
from sandbox.errors import SandboxError


@pytest.fixture
def stacks(tmp_path: Path) -> Path:
    for name in ("platform", "qa", "chatbot"):
        (tmp_path / f"Pulumi.{name}.yaml").touch()
    (tmp_path / "schema.json").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("stack", "businesses"), [("qa", ["qa"]), ("all", ["chatbot", "qa"]), ("platform", [])], ids=str
)
def test_a_stack_file_is_all_that_makes_a_business(stacks: Path, stack: str, businesses: list[str]) -> None:
    assert chosen_businesses(stack, stacks) == businesses


def test_a_name_without_a_stack_file_is_refused_with_those_that_there_are(stacks: Path) -> None:
    with pytest.raises(SandboxError, match=r"no stack file for 'qq'; there are: chatbot, platform, qa, or 'all'"):
        chosen_businesses("qq", stacks)
