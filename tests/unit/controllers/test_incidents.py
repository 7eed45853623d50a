"""The command `incidents`: a timeline and a plot of what the bucket holds."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from controllers.__main__ import main
from controllers.incidents import plot, timeline
from controllers.monitor.incidents import Incident, Repair


def incidents() -> list[Incident]:
    return [
        Incident(
            id="worker-crashed-1",
            fault="worker-crashed",
            target="elasticdl-language-model-worker-1",
            uid="u1",
            role="worker",
            owner="the monitor",
            message="exit code 1 | <odd>",
            detected_at=1_795_694_400.0,
            repairs=[Repair(at=1_795_694_400.1, what="deleted it")],
            replaced_at=1_795_694_402.0,
            recovered_at=1_795_694_408.5,
            tasks_redone=2,
            outcome="recovered",
        ),
        Incident(
            id="unschedulable-2",
            fault="unschedulable",
            target="elasticdl-language-model-worker-2",
            uid="u2",
            owner="a person",
            message="no GPU is free",
            detected_at=1_795_694_500.0,
            alert="no GPU is free",
        ),
    ]


def test_the_timeline_says_what_was_done_how_long_it_took_and_what_a_person_must_look_at() -> None:
    lines = timeline(incidents()).splitlines()
    assert "| 2026-11-26 12:00:00 | worker-crashed |" in lines[2]
    assert "| the monitor (1 repairs) | 2.0 s | 8.5 s | 2 tasks | recovered |" in lines[2]
    assert all(line.count("|") == lines[0].count("|") for line in lines[:4])
    assert lines[-1] == "- unschedulable of elasticdl-language-model-worker-2: no GPU is free"


def test_the_plot_is_valid_and_has_a_bar_an_incident() -> None:
    root = ElementTree.fromstring(plot(incidents()))  # noqa: S314 - our own text
    bars = [bar for bar in root.iter("{http://www.w3.org/2000/svg}rect") if bar.get("rx")]
    assert len(bars) == 3  # the first one's has two parts: until replaced, until at work
    assert ElementTree.fromstring(plot([])) is not None  # noqa: S314


def test_incidents_are_read_from_a_store_in_the_order_of_their_detection(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for incident in reversed(incidents()):
        file = tmp_path / "incidents/language-model/2026-11-26" / f"{incident.id}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(incident.model_dump_json())
    assert main(["incidents", "--store", str(tmp_path), "--json", "--plot", str(tmp_path / "plot.svg")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["worker-crashed-1", "unschedulable-2"]
    assert (tmp_path / "plot.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["incidents"], "give either --store"),
        (["monitor", "--settings", "/nowhere/monitor.json"], "/nowhere/monitor.json: No such file"),
    ],
)
def test_bad_input_is_one_line_with_the_reason(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_a_wrong_setting_is_named_with_its_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "monitor.json"
    file.write_text('{"business": "qa", "namespace": "qa", "region": "r", "bucket": "b", "repairs": {"per_hour": -1}}')
    assert main(["monitor", "--settings", str(file)]) == 2
    assert "repairs.per_hour: Input should be greater than or equal to 0 (given: '-1')" in capsys.readouterr().err


def test_a_damaged_incident_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "incidents/language-model/2026-11-26/x.json"
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    assert main(["incidents", "--store", str(tmp_path)]) == 1
    assert "x.json is no incident" in capsys.readouterr().err
