"""Names that two sides must give alike because neither may import the other."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from sandbox.images.settings import CONTROLLERS, CONTROLLERS_REFERENCE, TRAINER_REFERENCE
from sandbox.toolchain.table import ALICLOUD_PLUGIN_VERSION, KUBERNETES_PLUGIN_VERSION, PULUMI_VERSION

ROOT = Path(__file__).resolve().parents[2]


def test_every_business_asks_for_the_images_that_the_sandbox_builds() -> None:
    images = []
    for path in sorted((ROOT / "stacks").glob("Pulumi.*.yaml")):
        business = yaml.safe_load(path.read_text())["config"].get("language-model-clusters:business")
        if business:
            images.append((business["training"]["image"], business["monitor"]["image"]))
    assert images
    assert set(images) == {(TRAINER_REFERENCE, CONTROLLERS_REFERENCE)}


def test_engine_and_plugins_are_the_versions_of_their_python_packages() -> None:
    pins = dict(line.split("==") for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line)
    assert pins["pulumi"] == PULUMI_VERSION
    assert pins["pulumi-alicloud"] == ALICLOUD_PLUGIN_VERSION
    assert pins["pulumi-kubernetes"] == KUBERNETES_PLUGIN_VERSION


def test_continuous_integration_runs_the_readmes_test_command() -> None:
    assert "\nmake test" in (ROOT / "README.md").read_text()
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_the_controllers_image_holds_every_module_of_the_trainer_that_they_import() -> None:
    """In both lists: what the sandbox's builder stages, and what Docker's takes."""
    imported = {
        f"trainer/{name.replace('.', '/')}.py"
        for path in (ROOT / "controllers").rglob("*.py")
        for name in re.findall(r"^\s*from trainer\.([\w.]+) import", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert "trainer/storage/lease.py" in imported
    # A module by itself, or its whole folder.
    assert all({name, str(Path(name).parent)} & set(CONTROLLERS.packages) for name in imported)
    taken = (ROOT / "images" / "controllers" / "Dockerfile.dockerignore").read_text(encoding="utf-8").split()
    assert all({f"!{name}", f"!{Path(name).parent}/"} & set(taken) for name in imported)
