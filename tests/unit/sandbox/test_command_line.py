"""The sandbox's command line: what it says when it can't do what it was asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.__main__ import main
from sandbox.cloud.core.store import Store


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("LANGUAGE_MODEL_CLUSTERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SANDBOX_INDEX", "9")


def test_env_of_a_sandbox_that_never_ran_says_how_to_start_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["env"]) == 1
    assert "run `python -m sandbox up`" in capsys.readouterr().err


def test_status_without_a_cloud_is_not_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 1
    assert "not running" in capsys.readouterr().out


def test_a_wrong_index_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SANDBOX_INDEX", "many")
    assert main(["status"]) == 1
    assert capsys.readouterr().err == "error: SANDBOX_INDEX is 'many'; it must be a whole number from 0 to 15\n"


def test_down_without_root_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert main(["down"]) == 1
    assert "needs root" in capsys.readouterr().err


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the commands ask of the cloud, which answers with a rule."""
    calls: list[tuple[Any, ...]] = []
    rule = {"name": "f", "service": "Vpc", "action": "*", "region": "*", "probability": 1, "seed": 0, "reset": True}
    answer = {**rule, "latency_milliseconds": 0, "matched": 2, "struck": 1, "spent": False, "faults": [], "calls": []}

    def ask(settings: Any, *call: Any, **options: Any) -> dict[str, Any]:
        calls.append(call)
        return answer | {"now": "N", "machine": "M", "next_runs": {}, "runs": 3, "removed": 1}

    monkeypatch.setattr("sandbox.cloud_process.ask", ask)
    return calls


@pytest.mark.parametrize(
    ("words", "call"),
    [
        ("clock", ("GET", "clock")),
        ("clock advance 90d", ("POST", "clock", {"advance_seconds": 7776000.0})),
        ("fault", ("GET", "faults")),
        ("fault remove a/b", ("DELETE", "faults/a%2Fb")),
        ("fault clear", ("DELETE", "faults")),
        ("fault region-back cn-hangzhou", ("DELETE", "faults/region-out-cn-hangzhou")),
        ("logs cloud --errors --limit 7", ("GET", "calls?limit=7&errors=1")),
    ],
)
def test_commands_ask_the_cloud(words: str, call: tuple[Any, ...], asked: list[tuple[Any, ...]]) -> None:
    assert main(words.split()) == 0
    assert asked == [call]


def test_a_rule_is_sent_as_it_was_given(asked: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        "fault add --service Vpc --probability 0.5 --seed 7 --count 2 --error A --status 503 --latency 250ms --name f"
    )
    assert main(words.split()) == 0
    assert asked[0][2] == {
        "service": "Vpc",
        "region": "*",
        "action": "*",
        "probability": 0.5,
        "seed": 7,
        "reset": False,
        "error": {"code": "A", "status": 503},
        "latency_milliseconds": 250,
        "count": 2,
        "name": "f",
    }
    assert capsys.readouterr().out == "f: Vpc.* in *: connection reset; struck 1 of 2\n"
    assert main(["fault", "region-out", "cn-hangzhou"]) == 0
    assert asked[1][2]["reset"]


@pytest.mark.parametrize("words", ["clock --json", "clock show --json", "clock --json show", "fault --json list"])
def test_json_is_understood_before_and_after_an_action(
    words: str, asked: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words.split()) == 0
    assert json.loads(capsys.readouterr().out)["machine"] == "M"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("clock advance 90w", "'90w' is not a duration"),
        ("fault add --status 500", "give --error CODE too"),
        ("logs qa --errors", "for `logs cloud`"),
        ("snapshot save ../x", "cannot be named"),
        ("snapshot save one", "never started"),
        ("snapshot restore one", "there are: none"),
    ],
)
def test_what_cannot_be_done_is_one_line(words: str, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert reason in lines[0]


def test_snapshots_and_a_reset_work_while_the_cloud_is_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path / "state" / "cloud.sqlite")
    store.put("vpc", "one", "{}")
    store.close()
    for words in ("snapshot save one", "reset", "snapshot restore one", "snapshot list --json"):
        assert main(words.split()) == 0, capsys.readouterr().err
    output = capsys.readouterr().out
    assert json.loads(output[output.index("{") :])["snapshots"][0]["resources"] == {"vpc": 1}
    store = Store(tmp_path / "state" / "cloud.sqlite")
    assert store.counts() == {"vpc": 1}
    store.close()
