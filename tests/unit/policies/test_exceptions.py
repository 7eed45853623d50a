"""Exceptions: read whole or refused with the place, and covering just what they name."""

from __future__ import annotations

from pathlib import Path

import pytest

from policies.exceptions import ExceptionsError, Exemption, load, uncovered
from policies.model import Resource, Violation
from policies.reference import PAGE, page

ROOT = Path(__file__).resolve().parents[3]
REASON = "the probe answers before the model is there"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "exceptions.yaml"
    path.write_text(text)
    return path


def test_the_committed_file_is_sound_and_names_known_tools() -> None:
    assert {exemption.tool for exemption in load()} <= {"policies", "checkov", "kube-score", "kubeconform"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [", "cannot be read"),
        ("exceptions:", "no list `exceptions`"),
        ("exceptions: [{tool: checkov}]", r"exceptions\[0\] must have the keys check, objects, reason, tool"),
        ("exceptions: [{tool: a, check: b, objects: c, reason: because}]", "too short to convince"),
        ("exceptions: [{tool: a, check: b, objects: 3, reason: one two three four five}]", "each with a text"),
    ],
)
def test_a_faulty_file_is_refused_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ExceptionsError, match=says):
        load(written(tmp_path, text))


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ExceptionsError) as caught:
        load(tmp_path / "none.yaml")
    assert "\n" not in str(caught.value)


def test_an_exception_covers_its_rule_and_its_objects_alone() -> None:
    exemption = Exemption("policies", "bucket-is-private", "qa-*", REASON)
    qa, chatbot = (Violation("open", Resource("t", {}, name)) for name in ("qa-bucket", "chatbot-bucket"))
    whole = Violation("open")
    assert uncovered("bucket-is-private", [qa, chatbot, whole], [exemption]) == [chatbot, whole]
    assert uncovered("disk-is-encrypted", [qa], [exemption]) == [qa]


def test_the_page_is_the_one_that_the_command_writes() -> None:
    assert (ROOT / PAGE).read_text(encoding="utf-8") == page(load()), "run: python -m policies.reference"
