"""What a drill reports, and that it refuses what it can't do. The drills themselves are run in tests/sandbox."""

from __future__ import annotations

import dataclasses
import http.server
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from controllers.config.drills import DrillObjectives
from controllers.config.monitor import MonitorSettings
from controllers.drill.__main__ import main, parser
from controllers.drill.faults import Ground, kill, run_command
from controllers.drill.observation import Observer
from controllers.drill.plot import plot
from controllers.drill.probing import Counts, Probes
from controllers.drill.report import Moment, Result, kept, table
from controllers.drill.run import DRILLS
from controllers.drill.site import Commands, Site, read_objectives, read_site
from controllers.errors import DrillError, SettingsError
from controllers.monitor.model import Pod, PodSeen, Progress, Role, WorkerProgress

STACKS = Path(__file__).parents[4] / "stacks"
RESULT = Result("worker", "killed", ["elasticdl-language-model-worker-1"], 10, 0.2, 3.0, 2.5, 2, 0, ("worker-killed",))


def observer() -> Observer:
    settings = MonitorSettings(business="qa", namespace="qa", region="", bucket="")
    return Observer(None, settings)  # type: ignore[arg-type]


def ground(**commands: str) -> Ground:
    site = Site(namespace="qa", commands=Commands(**commands))
    return Ground(observer(), site, DrillObjectives(), random.Random(1))  # noqa: S311


@pytest.mark.parametrize(
    ("changed", "passed"),
    [
        ({}, True),
        ({"at_work": 10.1}, False),
        ({"at_work": None}, False),
        ({"problem": "the monitor wrote nothing down"}, False),
        ({"lost": 1}, False),
        ({"others": Counts(100, 1)}, False),
        ({"failed": Counts(100, 50)}, True),
    ],
)
def test_a_drill_passes_when_the_job_is_at_work_in_time_and_nobody_else_noticed(
    changed: dict[str, object], passed: bool
) -> None:
    assert dataclasses.replace(RESULT, **changed).passed is passed


def test_the_table_holds_a_line_a_drill_with_its_figures() -> None:
    missed = dataclasses.replace(
        RESULT, drill="node", at_work=None, problem="no job at work | again", others=Counts(1200, 3), note="why"
    )
    lines = table([RESULT, missed]).splitlines()
    assert lines[2] == (
        "| worker | killed: worker-1 | 0.2 s | 3.0 s | 2.5 s | 10 s | 2 tasks | none | - | - | worker-killed | met |"
    )
    assert "| 3 of 1,200 |" in lines[3]
    assert lines[3].endswith("| missed no job at work / again |")
    assert lines[-1] == "- `node`: why"


def test_the_picture_shows_each_drill_what_was_missed_and_what_was_there_meanwhile() -> None:
    timeline = (Moment(-2.0, 2, 2, 0, 0), Moment(0.5, 1, 2, 4, 1), Moment(2.5, 2, 2, 9, 1))
    followed = dataclasses.replace(RESULT, timeline=timeline)
    text = plot([followed, dataclasses.replace(RESULT, drill="node", at_work=None, problem="no node")])
    for words in ("2.5 s", "missed: no node", "worker: - requests failed", "workers at work"):
        assert words in text, words
    assert text == plot([followed, dataclasses.replace(RESULT, drill="node", at_work=None, problem="no node")])
    assert Result.from_json(followed.to_json()) == followed


def test_results_of_several_runs_add_up_in_one_file_and_the_last_of_each_drill_counts(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    assert kept(path) == []
    again = dataclasses.replace(RESULT, at_work=7.0, others=Counts(9, 1))
    node = dataclasses.replace(RESULT, drill="node")
    path.write_text("\n".join(result.to_json() for result in (RESULT, node, again)))
    assert kept(path) == [again, node]
    path.write_text("{}")
    with pytest.raises(SettingsError, match="holds no results of drills"):
        kept(path)


async def test_a_command_is_run_by_the_python_that_drills() -> None:
    made = ground(heal="python -c 'import lightkube, sys; sys.exit(sys.executable.count(\"missing\"))'")
    await run_command(made, "heal")
    assert made.observer.broken_at is not None


def test_a_drill_begins_when_whoever_stands_by_is_ready_to() -> None:
    made = observer()
    for index in range(3):
        made.world.see(PodSeen(Pod(f"w{index}", f"u{index}", 1, Role.WORKER, index, phase="Running")), 0.0)
    workers = {0: WorkerProgress(0.1, 9, 90, 1.0), 1: WorkerProgress(0.1, 9, 90, 1.0)}

    def beat(version: int) -> None:
        progress = Progress(workers=workers)
        pod = Pod("m", "uid-m", version, Role.MASTER, phase="Running", progress=progress)
        made.world.see(PodSeen(pod), time.time())

    beat(2)
    assert not made.steady()
    assert [pod.index for pod in made.working()] == [0, 1]
    workers = {**workers, 2: WorkerProgress(0.1, standby=True)}
    beat(3)
    assert made.steady()
    assert [pod.index for pod in made.working()] == [0, 1]


async def test_a_drill_that_needs_a_command_says_which_key_gives_it() -> None:
    with pytest.raises(DrillError, match=r"needs commands\.kill"):
        await kill(ground(), Pod("worker-0", "u", 1, Role.WORKER))


async def test_a_command_that_fails_is_named() -> None:
    with pytest.raises(DrillError, match="`false --now worker-0` failed with exit code 1"):
        await kill(ground(kill="false --now"), Pod("worker-0", "u", 1, Role.WORKER))


def test_without_a_running_job_a_drill_says_what_there_is() -> None:
    with pytest.raises(DrillError, match="no worker runs; there are: no pods"):
        observer().working()


def test_the_help_names_every_drill_and_every_drill_has_an_objective() -> None:
    text = parser().format_help()
    for drill in DRILLS.values():
        assert drill.name in text
        assert getattr(DrillObjectives(), drill.objective) > 0


# ---- where, and to what it is held


def test_the_objectives_are_the_stack_files_and_the_defaults_where_it_says_nothing(tmp_path: Path) -> None:
    for path in STACKS.glob("Pulumi.*.yaml"):
        assert read_objectives(str(path)).worker == 10.0
    content = yaml.safe_load((STACKS / "Pulumi.qa.yaml").read_text())
    content["config"]["language-model-clusters:business"]["drills"] = {"worker": 3.5}
    (tmp_path / "stack.yaml").write_text(yaml.safe_dump(content))
    found = read_objectives(str(tmp_path / "stack.yaml"))
    assert (found.worker, found.workers) == (3.5, 60.0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("namespace: [", "is not YAML"),
        ("- 1", "holds no mapping"),
        ("names: qa", "namespace: Field required"),
        ("namespace: qa\ncommands: {murder: x}", "commands.murder: Extra inputs"),
    ],
)
def test_a_bad_site_is_refused_with_its_reason(
    tmp_path: Path, text: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=reason):
        read_site(str(path))
    assert main(["worker", "--site", str(path)]) == 2
    assert reason in capsys.readouterr().err


# ---- what others see


class Entry(http.server.BaseHTTPRequestHandler):
    """Answers those who ask by the right name."""

    def do_GET(self) -> None:
        self.send_response(200 if self.headers["Host"] == "other.example.com" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def entry() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Entry)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/readyz"
    server.shutdown()
    server.server_close()
    thread.join()


def test_whoever_is_not_answered_is_counted(entry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controllers.drill.probing.PAUSE_SECONDS", 0.001)
    with Probes({"well": f"{entry} other.example.com", "sick": entry, "gone": "http://127.0.0.1:1/"}) as probes:
        before = probes.counts()
        tick = threading.Event()
        while min((probes._requests[name] for name in ("well", "sick", "gone")), default=0) < 3:
            tick.wait(0.005)
        assert probes.unwell() == ["gone", "sick"]
    counts = probes.counts() - before
    assert counts.failed == probes._failed["sick"] + probes._failed["gone"]
    assert probes._failed["well"] == 0
    assert probes._failed["sick"] == probes._requests["sick"]
