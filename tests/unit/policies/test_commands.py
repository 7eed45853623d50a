"""The commands around the pack: judging without a cloud, rendering, linting."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from policies import check, lint, manifests, schemas
from policies.dry_run import plan_of
from policies.values import UNKNOWN


def test_the_committed_stacks_pass_without_a_cloud(capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main([]) == 0
    assert ": 0 mandatory and " in capsys.readouterr().out


def test_an_unknown_stack_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main(["qq"]) == 2
    assert capsys.readouterr().err.startswith("error: there is no stack `qq`; the stack files are those of: ")


def test_every_kubernetes_object_of_a_plan_is_rendered_whole(tmp_path: Path) -> None:
    plan = plan_of("qa")
    wanted = [item for item in plan.resources if item.type.startswith("kubernetes:")]
    files = manifests.write(tmp_path)
    assert tmp_path / "qa.yaml" in files
    rendered = list(yaml.safe_load_all((tmp_path / "qa.yaml").read_text()))
    assert len(rendered) == len(wanted) >= 10
    assert {item["apiVersion"] for item in rendered} >= {"v1", "apps/v1", "networking.k8s.io/v1"}
    assert UNKNOWN not in rendered


def program(folder: Path, printed: Any) -> Path:
    """A linter that prints what it is told to, and ends with 1 as linters do."""
    path = folder / "linter"
    path.write_text(f"#!/bin/sh\ncat {folder}/printed\nexit 1\n")
    (folder / "printed").write_text(printed if isinstance(printed, str) else json.dumps(printed))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_checkovs_findings_are_read(tmp_path: Path) -> None:
    row = {"check_id": "CKV_K8S_1", "check_name": "no", "resource": "Deployment.qa.training"}
    found = lint.checkov(program(tmp_path, {"results": {"failed_checks": [row]}}), tmp_path, None)
    assert found == [lint.Finding("checkov", "CKV_K8S_1", "Deployment/training", "no", "qa")]


def test_kube_scores_findings_are_read(tmp_path: Path) -> None:
    checks = [
        {"check": {"id": "a"}, "grade": 1, "skipped": False, "comments": [{"summary": "set it"}]},
        {"check": {"id": "b"}, "grade": 10, "skipped": False, "comments": None},
        {"check": {"id": "c"}, "grade": 0, "skipped": True, "comments": None},
    ]
    report = [{"type_meta": {"kind": "Deployment"}, "object_meta": {"name": "x", "namespace": "qa"}, "checks": checks}]
    assert lint.kube_score(program(tmp_path, report), tmp_path, None) == [
        lint.Finding("kube-score", "a", "Deployment/x", "set it", "qa")
    ]


def test_kubeconforms_findings_are_read(tmp_path: Path) -> None:
    rows = [
        {"kind": "Pod", "name": "good", "status": "statusValid", "filename": "qa.yaml"},
        {"kind": "Pod", "name": "bad", "status": "statusInvalid", "msg": "a key", "filename": "qa.yaml"},
    ]
    found = lint.kubeconform(program(tmp_path, {"resources": rows}), tmp_path, tmp_path)
    assert found == [lint.Finding("kubeconform", "statusInvalid", "Pod/bad", "a key", "qa")]


@pytest.mark.parametrize("printed", ["", "no JSON", "{}", "[]"])
def test_a_linter_that_judges_nothing_is_no_pass(tmp_path: Path, printed: str) -> None:
    path = program(tmp_path, printed)
    for linter in (lint.checkov, lint.kube_score, lint.kubeconform):
        with pytest.raises(lint.LintError):
            linter(path, tmp_path, tmp_path)


def test_a_linter_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert lint.main(["--kube-score", "/nowhere/kube-score"]) == 2
    assert capsys.readouterr().err == "error: there is no /nowhere/kube-score; docs/review.md says how it is obtained\n"


def test_a_schema_is_strict_holds_what_it_refers_to_and_survives_recursion() -> None:
    place = {"group": "apps.example.com", "version": "v1", "kind": "Thing"}
    document = {
        "components": {
            "schemas": {
                "t.Thing": {
                    "x-kubernetes-group-version-kind": [place],
                    "description": "gone",
                    "properties": {"spec": {"allOf": [{"$ref": "#/components/schemas/t.Spec"}], "default": {}}},
                },
                "t.Spec": {
                    "properties": {"inner": {"$ref": "#/components/schemas/t.Spec"}, "default": {"format": "x"}}
                },
                "t.Other": {"properties": {}},
            }
        }
    }
    ((name, schema),) = schemas.schemas(document)
    assert name == "thing-apps-v1.json"
    assert schema["$ref"] == "#/definitions/t.Thing"
    assert set(schema["definitions"]) == {"t.Thing", "t.Spec"}
    assert schema["definitions"]["t.Spec"]["additionalProperties"] is False
    assert schema["definitions"]["t.Spec"]["properties"]["default"] == {}
    assert schema["definitions"]["t.Thing"]["properties"]["spec"] == {"allOf": [{"$ref": "#/definitions/t.Spec"}]}
