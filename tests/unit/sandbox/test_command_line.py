"""The sandbox's command line: help, exit statuses, JSON, and what it says when it can't do what it is asked.

That the commands do what they say is covered where that is: for real under tests/sandbox.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.__main__ import main, parser
from sandbox.cloud.core.store import Store
from sandbox.commands.common import Exit
from sandbox.errors import SandboxError, UsageError
from sandbox.paths import REPOSITORY


def status_of(words: str) -> int:
    """The exit status of a command line, also of one that is refused before it runs."""
    try:
        return main(words.split())
    except SystemExit as ended:
        assert isinstance(ended.code, int)
        return ended.code


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
    assert main(["status"]) == Exit.USAGE
    assert capsys.readouterr().err == "error: SANDBOX_INDEX is 'many'; it must be a whole number from 0 to 15\n"


def test_down_without_root_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert main(["down"]) == 1
    assert "needs root" in capsys.readouterr().err


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the commands ask of the cloud, which answers with a rule."""
    calls: list[tuple[Any, ...]] = []
    rule = {"name": "f", "service": "Vpc", "action": "*", "region": "*", "caller": "172.*", "probability": 1, "seed": 0}
    rule |= {"reset": True}
    answer = {**rule, "latency_milliseconds": 0, "matched": 2, "struck": 1, "spent": False, "faults": [], "calls": []}

    def ask(settings: Any, *call: Any, **options: Any) -> dict[str, Any]:
        calls.append(call)
        return answer | {"now": "N", "machine": "M", "next_runs": {}, "runs": 3, "removed": 1, "regions": []}

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
        ("nodes", ("GET", "nodes")),
        ("nodes real 0 cn-shanghai", ("PUT", "nodes", {"region": "cn-shanghai", "real_nodes": 0})),
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
        "caller": "*",
        "probability": 0.5,
        "seed": 7,
        "reset": False,
        "error": {"code": "A", "status": 503},
        "latency_milliseconds": 250,
        "count": 2,
        "name": "f",
    }
    assert capsys.readouterr().out == "f: Vpc.* in * from 172.*: connection reset; struck 1 of 2\n"
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
        ("fault add --latency soon", "'soon' is not a duration"),
        ("fault add --status 500", "give --error CODE too"),
        ("logs qa --errors", "for `logs cloud`"),
        ("logs cloud --limit 0", "'0' is not a whole number from 1 to 200"),
        ("snapshot save ../x", "cannot be named"),
        ("snapshot save", "the following arguments are required: NAME; see `python -m sandbox snapshot save --help`"),
        ("fly", "invalid choice: 'fly'"),
        ("", "required: COMMAND; see `python -m sandbox --help`"),
        ("up --purge", "unrecognized arguments: --purge"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_status_2(
    words: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(words) == Exit.USAGE
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert reason in lines[0]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("snapshot save one", "never started"),
        ("snapshot restore one", "there are: none"),
        ("fault list", "run `python -m sandbox up`"),
        ("env --json", "run `python -m sandbox up`"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_1(
    words: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words.split()) == Exit.FAILED
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert reason in lines[0]


@pytest.mark.parametrize(
    ("failure", "status", "text"),
    [
        (OSError(28, "No space left on device"), Exit.FAILED, "error: [Errno 28] No space left on device\n"),
        (SandboxError("first\nsecond"), Exit.FAILED, "error: first second\n"),
        (UsageError("not so"), Exit.USAGE, "error: not so\n"),
        (KeyboardInterrupt(), Exit.INTERRUPTED, "interrupted; the same command goes on from here\n"),
    ],
)
def test_each_way_to_end_has_its_status(
    failure: BaseException,
    status: Exit,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def ask(*arguments: Any, **options: Any) -> Any:
        raise failure

    monkeypatch.setattr("sandbox.cloud_process.ask", ask)
    assert main(["clock"]) == status
    assert capsys.readouterr().err == text


def test_a_reader_that_goes_away_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import time; time.sleep(0.2)\nfrom sandbox.__main__ import main; raise SystemExit(main(['status']))",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=REPOSITORY,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert (process.wait(30), process.stderr.read()) == (Exit.NO_READER, b"")
    process.stderr.close()


def every_parser(found: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield found
    for action in found._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from every_parser(child)


def test_every_command_shows_an_example_of_itself_in_its_help() -> None:
    parsers = list(every_parser(parser()))
    assert len(parsers) > 25
    for found in parsers:
        text = found.format_help()
        examples = [line for line in text.splitlines() if line.startswith("  ") and found.prog in line]
        assert examples, found.prog
        assert max(map(len, text.splitlines())) <= 120, found.prog


def test_the_statuses_are_documented() -> None:
    text = parser().format_help()
    for status in (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.INTERRUPTED):
        assert f"{int(status)} " in text[text.index("Exit status") :]


def test_every_command_with_a_result_gives_it_as_json_too() -> None:
    without = {"destroy", "prepare", "scaffold"}
    for found in every_parser(parser()):
        words = found.prog.split()[3:]
        if words and words[0] not in without:
            assert "--json" in found.format_help(), found.prog


def test_the_doctor_says_as_json_what_is_not_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sandbox.equipment.missing_tools", lambda: ["etcd"])
    monkeypatch.setattr("sandbox.equipment.missing_debian_packages", lambda: ["runc"])
    assert main(["doctor", "--json"]) == Exit.FAILED
    found = json.loads(capsys.readouterr().out)
    assert found["well"] is False
    remedies = {finding["check"]: finding["remedy"] for finding in found["findings"]}
    assert "apt-get install" in remedies["Debian packages"]
    assert "python -m sandbox toolchain" in remedies["tools"]
    assert set(found["findings"][0]) == {"check", "found", "remedy"}


def test_a_status_without_a_cloud_is_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--json"]) == Exit.FAILED
    assert json.loads(capsys.readouterr().out) == {"running": False}


def test_up_says_as_json_where_the_cloud_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("lifecycle.prepare", "lifecycle.start", "engine.Engine.prepare"):
        monkeypatch.setattr(f"sandbox.{name}", lambda *arguments: None)
    assert main(["up", "--json"]) == Exit.DONE
    found = json.loads(capsys.readouterr().out)
    assert found["started"] is True
    assert found["endpoint"] == "https://172.30.144.1"
    assert found["status_page"] == "https://172.30.144.1/_sandbox/"
    assert set(found) == {"started", "seconds", "endpoint", "dns_server", "status_page", "process", "state"}


def test_the_coverage_is_counted_by_service(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage", "--check", "--json"]) == Exit.DONE, "the page is stale"
    found = json.loads(capsys.readouterr().out)
    assert found["was_stale"] is False
    assert found["services"]["Vpc"]["answered"] > 30


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
