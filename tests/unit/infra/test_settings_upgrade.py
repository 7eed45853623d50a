"""Older stack files become current ones in place, with their comments, or stay exactly as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from infra.settings import load_stack
from infra.settings.__main__ import main
from infra.settings.upgrade import UpgradeError, upgrade

STACKS = Path(__file__).resolve().parents[3] / "stacks"
FIRST_BUSINESS = """\
# The business's own comment.
config:
  language-model-clusters:business:
    name: qa
    owner: qa-team@example.com  # who answers
    regions:
      - name: cn-hangzhou
        # The nodes' comment.
        nodes:
          instance_type: ecs.gn6i-c4g1.xlarge
          count: 2
    quota:
      gpu: 2
      cpu: 8
      memory_gibibytes: 24
    storage:
      encryption: KMS
      kms_key: abcd1234-key
      backup:
        retention_days: 60
    training:
      image: registry.example.com/trainer:1
      worker: {cpu: 1, memory_mebibytes: 4096, gpu: 1}
encryptionsalt: v1:x
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("platform", "qa"):
        (tmp_path / f"Pulumi.{name}.yaml").write_text((STACKS / f"Pulumi.{name}.yaml").read_text())
    return tmp_path


def first(folder: Path, text: str = FIRST_BUSINESS) -> Path:
    path = folder / "Pulumi.qa.yaml"
    path.write_text(text)
    return path


def test_a_file_of_the_first_version_becomes_one_that_is_read(folder: Path) -> None:
    path = first(folder)
    assert upgrade(path) == (1, 2)
    business = load_stack(folder, "qa").business
    assert business is not None
    (region,) = business.regions
    assert (region.lines, region.training_nodes.count, region.kms_key) == (("default",), 2, "abcd1234-key")
    assert business.kind == "qa"
    assert business.storage.versions.retention_days == 60


def test_comments_order_and_what_pulumi_wrote_stay(folder: Path) -> None:
    path = first(folder)
    upgrade(path)
    text = path.read_text()
    for kept in ("# The business's own comment.", "# who answers", "# The nodes' comment.", "encryptionsalt: v1:x"):
        assert kept in text
    business = yaml.safe_load(text)["config"]["language-model-clusters:business"]
    assert set(list(business)[:2]) == {"settings_version", "kind"}
    assert list(business)[2:] == ["name", "owner", "regions", "quota", "storage", "training"]


def test_a_file_in_flow_style_is_upgraded_too(folder: Path) -> None:
    values = yaml.safe_load(FIRST_BUSINESS)
    del values["config"]["language-model-clusters:business"]["storage"]
    path = first(folder, yaml.safe_dump(values, default_flow_style=True))
    assert upgrade(path) == (1, 2)
    assert load_stack(folder, "qa").business is not None


def test_a_platform_is_upgraded(folder: Path) -> None:
    path = folder / "Pulumi.platform.yaml"
    path.write_text(path.read_text().replace("    settings_version: 2\n", ""))
    assert upgrade(path) == (1, 2)
    assert load_stack(folder, "platform").business is None


def test_a_current_file_is_not_touched(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "Pulumi.qa.yaml"
    before = path.read_bytes()
    assert main(["upgrade", str(path)]) == 0
    assert path.read_bytes() == before
    assert "has version 2 already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("config: [", "cannot be read"),
        ("config: {}\n", "neither a platform's nor a business's"),
        ("config:\n  language-model-clusters:business: {settings_version: 9}\n", "knows the versions 1 to 2"),
        ("config:\n  language-model-clusters:business: {}\n", "no mapping"),
        (FIRST_BUSINESS.replace("      kms_key: abcd1234-key\n", "").replace("storage:\n", "storage: {kms_key: k,")
         .replace("      encryption: KMS\n      backup:\n        retention_days: 60\n", "      encryption: KMS}\n"),
         "a line of its own"),
    ],
)  # fmt: skip
def test_what_cannot_be_upgraded_stays_as_it_is(
    folder: Path, text: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = first(folder, text)
    with pytest.raises(UpgradeError, match=reason):
        upgrade(path)
    assert main(["upgrade", str(path)]) == 1
    assert "the file is as it was" in capsys.readouterr().out
    assert path.read_text() == text
