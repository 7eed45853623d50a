"""Which businesses a deployment brings up, and how one is taken down. For real: tests/sandbox/test_one_business.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox import deployment
from sandbox.deployment import chosen_businesses, destroy_stack
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


class WritingEngine:
    """An engine whose workload writes until the first destroy has ended it; `stuck`: that fails all the same."""

    def __init__(self, objects: list[str], *, stuck: bool = False) -> None:
        self.objects = objects
        self.stuck = stuck
        self.destroyed = 0

    def outputs(self, stack: str) -> dict[str, Any]:
        return {"regions": {"cn-hangzhou": {"buckets": {"data": "data"}}}}

    def destroy(self, stack: str) -> None:
        self.destroyed += 1
        if self.destroyed == 1 and not self.stuck:
            self.objects.append("progress.json")
        if self.objects or self.stuck:
            raise SandboxError("the bucket has objects")


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the bucket holds."""
    held: list[str] = ["model"]

    def empty(settings: object, bucket: str, region: str) -> int:
        count = len(held)
        held.clear()
        return count

    monkeypatch.setattr(deployment, "empty", empty)
    return held


def test_a_bucket_that_was_written_to_while_its_writer_ended_is_emptied_again(objects: list[str]) -> None:
    engine: Any = WritingEngine(objects)
    settings: Any = None
    destroy_stack(settings, engine, "qa")
    assert engine.destroyed == 2


def test_a_destroy_that_fails_for_another_reason_is_not_repeated(objects: list[str]) -> None:
    engine: Any = WritingEngine(objects, stuck=True)
    settings: Any = None
    with pytest.raises(SandboxError, match="the bucket has objects"):
        destroy_stack(settings, engine, "qa")
    assert engine.destroyed == 1
