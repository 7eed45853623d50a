"""The workflows: pinned, with the least rights, and no secret within reach of a fork's code.

Not covered here: whether GitHub takes them; that is what actionlint is asked in tests/sandbox/test_workflows.py.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.yaml"))
OWN_BRANCH = "github.event.pull_request.head.repo.full_name == github.repository"


def load(name: str) -> dict[str, Any]:
    content: dict[Any, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yaml").read_text())
    content["on"] = content.pop(True)  # YAML 1.1 reads `on` as a truth value
    return content


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_there_is_a_workflow_for_each_moment() -> None:
    assert [path.stem for path in WORKFLOWS] == ["comment", "drift", "review", "up"]


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_action_is_pinned_to_a_whole_version(path: Path) -> None:
    used = re.findall(r"uses: (\S+)", path.read_text())
    for action in used:
        assert action.startswith("./") or re.fullmatch(r"[\w-]+/[\w-]+@v\d+\.\d+\.\d+", action), action


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_job_has_a_time_limit_and_every_workflow_its_rights(path: Path) -> None:
    workflow = load(path.stem)
    assert workflow["permissions"]
    assert "write-all" not in path.read_text()
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 120, name


def test_no_workflow_runs_a_pull_requests_code_with_the_bases_rights() -> None:
    for path in WORKFLOWS:
        assert "pull_request_target" not in path.read_text()


def test_a_fork_gets_no_secret() -> None:
    review = load("review")
    assert review["permissions"] == {"contents": "read"}
    with_secrets = {name for name, job in review["jobs"].items() if "secrets." in yaml.safe_dump(job)}
    assert with_secrets == {"preview"}
    assert review["jobs"]["preview"]["if"] == OWN_BRANCH


def test_what_may_write_a_comment_runs_none_of_the_pull_requests_code() -> None:
    comment = load("comment")
    assert list(comment["on"]) == ["workflow_run"]
    assert comment["permissions"] == {"actions": "read", "pull-requests": "write"}
    assert not [step for step in steps(comment) if "uses" in step]
    for step in steps(comment):
        assert "${{" not in step["run"], "an expression in a script is code of whoever chose its value"


@pytest.mark.parametrize("name", ["comment", "drift", "review", "up"])
def test_no_expression_stands_in_a_script(name: str) -> None:
    for step in steps(load(name)):
        assert "${{" not in step.get("run", ""), step.get("name")


def test_the_comment_is_found_again_by_the_mark_that_the_review_writes() -> None:
    from infra.review.comment import MARK

    assert load("comment")["jobs"]["comment"]["env"]["MARK"] == MARK


def test_regions_are_applied_one_after_the_other_each_in_its_environment() -> None:
    region = load("up")["jobs"]["region"]
    assert region["strategy"]["max-parallel"] == 1
    assert region["strategy"]["fail-fast"] is True
    assert region["environment"] == "${{ matrix.region }}"
    assert load("up")["concurrency"] == {"group": "up", "cancel-in-progress": False}


def test_drift_is_looked_for_every_night_against_the_real_cloud() -> None:
    drift = load("drift")
    assert drift["on"]["schedule"]
    (command,) = [step["run"] for step in steps(drift) if "pulumi preview" in step.get("run", "")]
    assert "--refresh --expect-no-changes" in command
