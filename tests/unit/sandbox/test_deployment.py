"""Which businesses a deployment brings up, and how one is taken down. For real: tests/sandbox/test_one_business.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox import deployment
from sandbox.addresses import Addresses
from sandbox.deployment import chosen_businesses, destroy_stack
from sandbox.errors import SandboxError
from sandbox.progress import Progress
from sandbox.settings import SandboxSettings


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


# ---- what comes up, in which order


class PlayedEngine:
    """An engine whose stacks come up at once."""

    def __init__(self, done: list[str]) -> None:
        self.done = done

    def prepare(self) -> None:
        pass

    def up(self, stack: str) -> None:
        self.done.append(f"up {stack}")

    def outputs(self, stack: str) -> dict[str, Any]:
        return {"training_region": "cn-beijing", "regions": {"cn-beijing": {"buckets": {"data": f"{stack}-data"}}}}


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a deployment does, in order, with everything that takes time played."""
    found: list[str] = []
    for name in ("prepare", "start"):
        monkeypatch.setattr(deployment.lifecycle, name, lambda settings, progress: None)
    monkeypatch.setattr(deployment, "Engine", lambda settings: PlayedEngine(found))
    monkeypatch.setattr(deployment, "upload_corpus", lambda settings, bucket, region: found.append(f"fill {bucket}"))

    def wait(settings: object, buckets: dict[str, str], region: str, progress: object) -> dict[str, Any]:
        found.append(f"wait for the model of {buckets['data']}")
        return {"version": "v1"}

    monkeypatch.setattr(deployment, "wait_for_model", wait)
    return found


def test_of_all_businesses_the_one_with_a_corpus_comes_first_and_trains_while_the_others_come_up(
    done: list[str], tmp_path: Path
) -> None:
    settings = SandboxSettings("test", Addresses(9), tmp_path, tmp_path)
    result = deployment.deploy(settings, "all", Progress())
    assert done[:3] == ["up platform", "up qa", "fill qa-data"]
    assert sorted(done[3:-1]) == ["up chatbot", "up dialogue", "up summarization", "up textgen"]
    assert done[-1] == "wait for the model of qa-data"
    assert {name: found["models"] for name, found in result.items() if found["models"]} == {
        "qa": {"cn-beijing": {"version": "v1"}}
    }
    assert len(result) == 5


@pytest.mark.parametrize(
    ("stack", "steps"),
    [
        ("platform", ["up platform"]),
        ("textgen", ["up platform", "up textgen", "fill textgen-data", "wait for the model of textgen-data"]),
    ],
)
def test_one_stack_alone_comes_up_and_a_business_trains(
    done: list[str], tmp_path: Path, stack: str, steps: list[str]
) -> None:
    settings = SandboxSettings("test", Addresses(9), tmp_path, tmp_path)
    result = deployment.deploy(settings, stack, Progress())
    assert done == steps
    assert list(result) == [stack] * (stack != "platform")


# ---- how it is taken down


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
