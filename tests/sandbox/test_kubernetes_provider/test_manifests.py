"""Everything that the stacks apply, against the linters of the field, with the schemas of the real API server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from policies import lint, manifests, schemas
from sandbox.progress import Progress
from sandbox.toolchain import binary, install_tools

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def programs(progress: Progress) -> dict[str, Path]:
    install_tools(progress, names=("kube-score", "kubeconform"))
    return {name: binary(name) for name in ("kube-score", "kubeconform")}


@pytest.fixture(scope="module")
def schema_folder(api_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("schemas")
    written = schemas.write(api_server.client.get, folder)
    assert written > 100
    assert (folder / "deployment-apps-v1.json").exists()
    return folder


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("manifests")
    assert manifests.write(folder)
    return folder


def test_everything_that_the_stacks_apply_passes_kube_score_and_kubeconform(
    programs: dict[str, Path], schema_folder: Path, objects: Path
) -> None:
    assert lint.counted(lint.lint(objects, programs, schema_folder)) == []


def test_a_misspelt_key_is_found(programs: dict[str, Path], schema_folder: Path, objects: Path, tmp_path: Path) -> None:
    found = [item for path in objects.glob("*.yaml") for item in yaml.safe_load_all(path.read_text())]
    deployment = next(item for item in found if item["kind"] == "Deployment")
    deployment["spec"]["template"]["spec"]["nodeSelectors"] = {}
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(deployment))
    (finding,) = lint.lint(tmp_path, {"kubeconform": programs["kubeconform"]}, schema_folder)
    assert "nodeSelectors" in finding.message
