"""Node faults at the command line: the right thing is done to the right region's node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.__main__ import main
from sandbox.commands import node_fault

NODE = "cn-shanghai.172.30.146.10"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SANDBOX_STATE", str(tmp_path))
    monkeypatch.setenv("SANDBOX_INDEX", "9")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    folder = tmp_path / "regions" / "cn-shanghai"
    (folder / "nodes" / NODE).mkdir(parents=True)
    (folder / "nodes" / NODE / "node.json").write_text("{}")
    (folder / "region.json").write_text(json.dumps({"slot": 1}))
    return tmp_path


@pytest.mark.parametrize("event", node_fault.EVENTS)
def test_an_event_is_done_to_the_node_in_its_region(
    event: str, state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[tuple[str, int, str]] = []

    def carry_out(region: Any, node: str) -> None:
        done.append((region.name, region.layout.slot, node))

    monkeypatch.setitem(node_fault.EVENTS, event, (carry_out, ""))
    assert main(["fault", "node", event, NODE, "--json"]) == 0
    assert done == [("cn-shanghai", 1, NODE)]
    assert json.loads(capsys.readouterr().out) == {"event": event, "node": NODE, "region": "cn-shanghai"}


def test_an_unknown_node_is_answered_with_those_there_are(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fault", "node", "stop", "other"]) == 1
    assert capsys.readouterr().err == f"error: there is no real node 'other'; there are: {NODE}\n"


def test_without_root_nothing_is_tried(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert main(["fault", "node", "stop", NODE]) == 1
    assert "need root" in capsys.readouterr().err
