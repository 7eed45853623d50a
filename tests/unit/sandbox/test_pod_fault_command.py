"""Pod faults at the command line: the right signal to the right pod of the right region."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from sandbox.__main__ import main
from sandbox.region import Region

ARGUMENTS = ["worker-0", "--namespace", "qa"]


@pytest.fixture
def done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    monkeypatch.setenv("SANDBOX_STATE", str(tmp_path))
    monkeypatch.setenv("SANDBOX_INDEX", "9")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    region(tmp_path, "cn-shanghai", 1)
    found: list[tuple[object, ...]] = []

    def record(self: Region, *arguments: object) -> None:
        found.append((self.name, self.layout.slot, *arguments))

    monkeypatch.setattr(Region, "signal_container", record)
    return found


def region(state: Path, name: str, slot: int) -> None:
    folder = state / "regions" / name
    folder.mkdir(parents=True)
    (folder / "region.json").write_text(json.dumps({"slot": slot}))


@pytest.mark.parametrize(
    ("event", "number"), [("kill", signal.SIGKILL), ("freeze", signal.SIGSTOP), ("thaw", signal.SIGCONT)]
)
def test_an_event_is_a_signal_to_the_pods_process(
    event: str, number: signal.Signals, done: list[tuple[object, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fault", "pod", event, *ARGUMENTS, "--json"]) == 0
    assert done == [("cn-shanghai", 1, "qa", "worker-0", number)]
    assert json.loads(capsys.readouterr().out)["event"] == event


def test_among_several_regions_one_must_be_named(
    done: list[tuple[object, ...]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    region(tmp_path, "cn-hangzhou", 0)
    assert main(["fault", "pod", "kill", *ARGUMENTS]) == 1
    assert "which region? name one with --region; there are: cn-hangzhou, cn-shanghai" in capsys.readouterr().err
    assert main(["fault", "pod", "kill", *ARGUMENTS, "--region", "cn-hangzhou"]) == 0
    assert done[0][:2] == ("cn-hangzhou", 0)


def test_an_unknown_region_is_answered_with_those_there_are(
    done: list[tuple[object, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fault", "pod", "kill", *ARGUMENTS, "--region", "x"]) == 1
    assert "there is no region 'x'; there are: cn-shanghai" in capsys.readouterr().err


def test_without_root_nothing_is_tried(
    done: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert main(["fault", "pod", "kill", *ARGUMENTS]) == 1
    assert "need root" in capsys.readouterr().err
    assert done == []
