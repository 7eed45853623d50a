"""Stack files: each rule refuses what it should, names the place and the way out, and sound files pass.

Not covered here: that a faulty file stops `pulumi preview` before the first resource; tests/sandbox/ does that.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import yaml

from infra.settings import SettingsError, check_folder, load_stack
from infra.settings.__main__ import main
from infra.settings.reference import reference_page
from infra.settings.schema import schema_text, stack_file_schema

REPOSITORY = Path(__file__).resolve().parents[3]
STACKS = REPOSITORY / "stacks"
STACK_NAMES = ("platform", "qa", "textgen", "chatbot", "summarization", "dialogue")

Edit = Callable[..., Path]


@pytest.fixture
def edit(tmp_path: Path) -> Edit:
    """Copies the committed stack files with some text of one replaced; returns the folder."""

    def edited(stack: str, *changes: tuple[str, str]) -> Path:
        folder = tmp_path / "stacks"
        folder.mkdir(exist_ok=True)
        for path in STACKS.glob("Pulumi.*.yaml"):
            text = path.read_text(encoding="utf-8")
            if path.name == f"Pulumi.{stack}.yaml":
                for old, new in changes:
                    assert old in text, f"{old!r} is not in {path.name}: correct the test"
                    text = text.replace(old, new, 1)
            (folder / path.name).write_text(text, encoding="utf-8")
        return folder

    return edited


def faults_of(folder: Path, stack: str = "qa") -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load_stack(folder, stack)
    return caught.value


def line_of(folder: Path, stack: str, text: str) -> int:
    lines = (folder / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_the_committed_stack_files_are_sound() -> None:
    files, faults = check_folder(STACKS)
    assert {file.name for file in files} >= {
        f"Pulumi.{name}.yaml" for name in ("platform", "qa", "textgen", "chatbot", "summarization", "dialogue")
    }
    assert faults == []


QA_FAULTS = [
    # change, key path, value, limit, way out
    ("retention_days: 90", "retention_days: 30", "storage.versions.infrequent_access_after_days", "30 days",
     "less than", "lower"),
    ("retention_days: 90", "retention_days: 90\n        archive_after_days: 10", "storage.versions.archive_after_days",
     "10 days", "more than", "order"),
    ("      versions:", "      backups: {archive_after_days: 20}\n      versions:",
     "storage.backups.archive_after_days", "20 days", "more than infrequent_access_after_days, 30 days", "null"),
    ("gpu: 3", "gpu: 5", "quota.gpu", "5 GPUs", "at most 4: 4 nodes of ecs.gn6i-c4g1.xlarge", "write 4 or less"),
    ("gpu: 3", "gpu: 1", "quota.gpu", "1 GPUs", "at least 3 GPUs: 3 workers", "raise `quota.gpu`"),
    ("pods: 40", "pods: 4", "quota.pods", "4 pods", "at least 14", "raise `quota.pods`"),
    ("cpu: 8", "cpu: 2", "quota.cpu", "2 cores", "at least 4.45 cores", "raise `quota.cpu`"),
    ("memory_gibibytes: 24", "memory_gibibytes: 8", "quota.memory_gibibytes", "8192 MiB", "at least", "raise"),
    ("pods: 40", "pods: 40\n      load_balancers: 0", "quota.load_balancers", "0 services", "at least 1",
     "raise `quota.load_balancers`"),
    ("cpu: 1\n", "cpu: 9\n", "training.worker.cpu", "9 cores", "at most 3.9 cores", "choose a larger `instance_type`"),
    ("gpu: 1\n", "gpu: 2\n", "training.worker.gpu", "2 GPUs", "at most 1 GPUs, what one", "larger `instance_type`"),
    ("workers: 2", "workers: 7", "training.worker.gpu", "8 GPUs for 8 workers", "at most 4 GPUs", "run fewer workers"),
    ("workers: 2", "workers: 2\n      maximum_workers: 1", "training.maximum_workers", "1 workers",
     "at least `workers`, 2", "leave it out"),
    ("workers: 2", "workers: 2\n      maximum_workers: 3", "quota.gpu", "3 GPUs", "at least 4 GPUs: 4 workers",
     "raise `quota.gpu`, or lower `training.maximum_workers`"),
    ("workers: 2", "workers: 2\n      maximum_workers: 5", "training.worker.gpu", "6 GPUs for 6 workers",
     "at most 4 GPUs: 4 nodes", "run fewer workers (`training.maximum_workers`)"),
    ("workers: 2", "workers: 0", "training.workers", "0", "at least 1", "the default is 2"),
    ("workers: 2", 'workers: "2"', "training.workers", "2", "a whole number", "give a whole number"),
    ("workers: 2", "wokers: 2", "training.wokers", "2", "the keys here are", "write `workers`"),
    ("workers: 2", "region: us-west-1\n      workers: 2", "training.region", "us-west-1",
     "one of this file's `regions[].name`", "choose one of them"),
    ("cpu: 0.1", "cpu: 40", "serving.request.cpu", "40 cores", "at most 3.9 cores, what one ecs.g7.xlarge", "larger"),
    ("maximum: 6", "maximum: 200", "serving.request.cpu", "20.35 cores for 200 servers",
     "at most 11.7 cores: 3 nodes of ecs.g7.xlarge (`regions[0].serving_nodes`)", "run fewer servers"),
    ("maximum: 6", "maximum: 1", "serving.replicas.minimum", "2 pods", "at most the maximum, 1", "lower `minimum`"),
    ("          autoscaling:", "          count: 2\n          autoscaling:", "regions[0].training_nodes", "",
     "exactly one of", "docs/settings.md"),
    ("            minimum: 0", "            minimum: 5", "regions[0].training_nodes.autoscaling.minimum", "5 nodes",
     "at most", "lower"),
    ("on_demand_base: 1", "on_demand_base: 5", "regions[0].training_nodes.spot.on_demand_base", "5 nodes",
     "at most 4, the most nodes of the pool", "lower it"),
    ("gn6i-c4g1.xlarge", "gn6i-c4g1.xlarg", "regions[0].training_nodes.instance_type", "ecs.gn6i-c4g1.xlarg", "one of",
     "write `ecs.gn6i"),
    ("ecs.gn6i-c4g1.xlarge", "ecs.g7.xlarge", "training.worker.gpu", "1 GPUs", "at most 0 GPUs, what one ecs.g7.xlarge",
     "choose a larger `instance_type`"),
    ("name: cn-hangzhou", "name: cn-hangzou", "regions[0].name", "cn-hangzou", "a region of the platform",
     "write `cn-hangzhou`"),
    ("name: cn-beijing", "name: cn-hangzhou", "regions[1].name", "cn-hangzhou", "each name once", "remove one"),
    ("lines: [unicom]", "lines: [unicom, telecom]", "regions[1].lines[1]", "telecom", "each line in one region",
     "remove it from one"),
    ("lines: [default, telecom]", "lines: [telecom]", "regions[0].lines", "no region takes `default`",
     "`default` in exactly one region", "add `default`"),
    ("lines: [unicom]", "lines: [unicom]\n        replicate_to: us-west-1", "regions[1].replicate_to", "us-west-1",
     "one of this file's `regions[].name`", "choose one of them"),
    ("lines: [unicom]", "lines: [unicom]\n        replicate_to: cn-beijing", "regions[1].replicate_to", "cn-beijing",
     "another region than its own `name`", "name another"),
    ("lines: [unicom]", "lines: [unicom]\n        kms_key: abcd1234", "regions[1].kms_key", "abcd1234",
     "only with `storage.encryption: KMS`", "remove it"),
    ("      versions:", "      encryption: KMS\n      versions:", "regions[0].name", "cn-hangzhou without `kms_key`",
     "a `kms_key` in each region", "storage.replication: false"),
    ("    backup:\n", "    backup:\n      hooks: {before: [{name: pause}]}\n", "backup.hooks.before[0]", '{"name"',
     "exactly one of `url` and `command`: neither", "docs/settings.md"),
    ("    backup:\n", "    backup:\n      hooks: {after: [{name: tell, url: 'ftp://x'}]}\n",
     "backup.hooks.after[0].url", "ftp://x", "matching `^(https?", "give text"),
    ("    backup:\n", "    backup:\n      pulumi_state: {bucket: example-state, region: us-west-1}\n",
     "backup.pulumi_state.region", "us-west-1", "one of this file's `regions[].name`", "choose one of them"),
    ("name: qa", "name: Q_A", "name", "Q_A", "matching `^[a-z]", "give text"),
    ("    owner: qa-team@example.com\n", "", "owner", "(not given)", "required", "add `owner:`"),
    ("epochs: 6", "epochs: -1", "training.schedule.epochs", "-1", "at least 1", "give"),
    ("epochs: 6", "epochs: .nan", "training.schedule.epochs", "NaN", "a whole number", "give"),
    ("trainer:0.1.0", "trainer", "training.image", "registry-vpc", "matching", "give text"),
    ("owner: qa-team", "platform: nowhere\n    owner: qa-team", "platform", "nowhere", "Pulumi.nowhere.yaml",
     "add its file"),
    ("owner: qa-team", "platform: qa\n    owner: qa-team", "platform", "qa", "the stack of a platform",
     "name the platform"),
    ("owner: qa-team", "tags: {acs:x: y}\n    owner: qa-team", "tags.acs:x", "acs:x", "the cloud's own",
     "docs/settings.md"),
    ("settings_version: 2", "settings_version: 3", "settings_version", "3", "2", "use the program that it is for"),
    ("settings_version: 2", "settings_version: 1", "settings_version", "1", "2",
     "python -m infra.settings upgrade stacks/Pulumi.qa.yaml"),
    ("    settings_version: 2\n", "", "settings_version", "(not given, which means 1)", "2", "upgrade"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "key", "value", "limit", "way_out"), QA_FAULTS, ids=[row[1][:40] for row in QA_FAULTS]
)
def test_a_fault_names_file_line_key_value_limit_and_way_out(
    edit: Edit, old: str, new: str, key: str, value: str, limit: str, way_out: str
) -> None:
    error = faults_of(edit("qa", (old, new)))
    fault = next(fault for fault in error.faults if f" {key} = {value}" in str(fault))
    text = str(fault)
    assert re.match(r"stacks/Pulumi\.qa\.yaml:\d+:\d+: ", text)
    assert limit in text
    assert "reason:" in text
    assert way_out in text.partition("way out:")[2]


PLATFORM_FAULTS = [
    ("172.16.16.0/20", "10.1.0.0/20", "switches[1].addresses", "inside the network's 172.16.0.0/12", "choose a block"),
    ("172.16.16.0/20", "172.16.0.0/21", "switches[1].addresses", "no address in common with", "choose a block"),
    ("172.17.64.0/18", "172.16.0.0/18", "switches[1].pod_addresses", "no address in common with", "choose a block"),
    ("172.16.16.0/20", "172.16.16.0/30", "switches[1].addresses", "a prefix from /16 to /28", "for example /20"),
    ("172.16.16.0/20", "172.16.16.1/20", "switches[1].addresses", "no bit set beyond its prefix", "give"),
    ("10.96.0.0/16", "172.20.0.0/16", "service_addresses", "no address in common with the network", "choose a block"),
    ("10.96.0.0/16", "8.8.0.0/16", "service_addresses", "inside 10.0.0.0/8", "choose a block"),
    ("zone: cn-hangzhou-i", "zone: cn-hangzhou-h", "switches[1].zone", "each zone once", "remove one"),
    ("zone: cn-hangzhou-i", "zone: cn-shanghai-b", "switches[1].zone", "a zone of cn-hangzhou", "write"),
    ("edition: enterprise-ultimate", "edition: enterprise-ultimat", "zone.edition", "one of `free`", "write `ent"),
    (
        "172.18.16.0/20",
        "172.16.16.0/20",
        "switches[1].addresses",
        "no address in common with `addresses` of cn-hang",
        "",
    ),
    ("172.19.64.0/18", "172.17.64.0/18", "switches[1].pod_addresses", "in common with `pod_addresses` of cn-hang", ""),
    ("organization: example", "organization: an-organization-with-a-long-name", "organization", "at most 20", "give"),
    ("owner: platform", "account: abc\n    owner: platform", "account", "matching `^[0-9]", "give text"),
]


@pytest.mark.parametrize(
    ("old", "new", "key", "limit", "way_out"), PLATFORM_FAULTS, ids=[row[1][:40] for row in PLATFORM_FAULTS]
)
def test_a_fault_of_the_platform_is_named_as_well(
    edit: Edit, old: str, new: str, key: str, limit: str, way_out: str
) -> None:
    text = str(faults_of(edit("platform", (old, new)), "platform"))
    assert re.search(rf"stacks/Pulumi\.platform\.yaml:\d+:\d+: \S*{re.escape(key)} = ", text)
    assert limit in text
    assert way_out in text


def test_a_time_to_live_is_held_against_the_edition_of_the_zone(edit: Edit) -> None:
    folder = edit("platform", ("edition: enterprise-ultimate", "edition: personal"))
    (fault,) = faults_of(folder).faults
    text = str(fault)
    assert "dns.ttl_seconds = 10 seconds" in text
    assert "at least 600 seconds" in text
    assert "zone.edition" in text


def test_nothing_of_a_file_of_another_version_is_read(edit: Edit) -> None:
    folder = edit("qa", ("    settings_version: 2\n", ""), ("workers: 2", "wokers: 2"))
    (fault,) = faults_of(folder).faults
    assert fault.problem.path == ("settings_version",)


def test_line_and_column_are_where_the_value_stands(edit: Edit) -> None:
    folder = edit("qa", ("pods: 40", "pods: 4"))
    (fault,) = faults_of(folder).faults
    assert (fault.position.line, fault.position.column) == (line_of(folder, "qa", "pods: 4"), 13)


def test_an_unknown_key_is_shown_where_the_key_stands(edit: Edit) -> None:
    folder = edit("qa", ("workers: 2", "wokers: 2"))
    (fault,) = faults_of(folder).faults
    assert (fault.position.line, fault.position.column) == (line_of(folder, "qa", "wokers"), 7)


def test_all_faults_are_reported_at_once_in_the_order_of_the_file(edit: Edit) -> None:
    folder = edit("qa", ("maximum: 3", "maximum: two"), ("workers: 2", "wokers: 2"), ("epochs: 6", "epochs: 0"))
    error = faults_of(folder)
    assert [fault.problem.path[-1] for fault in error.faults] == ["maximum", "wokers", "epochs"]
    assert str(error).startswith("3 faults in the stack settings; nothing was changed")


def test_rules_across_keys_are_all_reported_at_once(edit: Edit) -> None:
    folder = edit("qa", ("[unicom]", "[telecom]"), ("gpu: 3", "gpu: 9"), ("retention_days: 90", "retention_days: 5"))
    keys = [fault.problem.path[0] for fault in faults_of(folder).faults]
    assert keys == ["regions", "quota", "quota", "storage"]  # too many GPUs for either region


def test_an_unquoted_account_id_is_understood(edit: Edit) -> None:
    folder = edit("platform", ("owner: platform", "account: 1234567890123456\n    owner: platform"))
    assert load_stack(folder, "platform").platform.account == "1234567890123456"


def test_what_pulumi_read_wins_over_the_file(edit: Edit) -> None:
    folder = edit("qa")
    values = yaml.safe_load((folder / "Pulumi.qa.yaml").read_text())["config"]["language-model-clusters:business"]
    values["training"]["schedule"]["epochs"] = 3
    settings = load_stack(folder, "qa", {"business": values})
    assert settings.business is not None
    assert settings.business.training.schedule.epochs == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("config:\n\tx: 1\n", "2:1"),
        ("config: {a: 1\n", "correct the line"),
        ("", "one of the two"),
        ("- a\n- b\n", "one of the two"),
        ("config:\n  language-model-clusters:business: 5\n", "a mapping with the keys `settings_version`"),
        ("config:\n  language-model-clusters:busines: {}\n", "write `language-model-clusters:business`"),
        ("config:\n  alicloud:region: cn-beijing\n", "unknown key"),
        ("config: {}\nconfg: {}\n", "write `config`"),
        ("a: &x [1]\nb: *x\n", "write the value out"),
        ("config:\n  language-model-clusters:business: {name: qa, name: qb}\n", "(given twice)"),
        ("config:\n  language-model-clusters:business: {1: 2, null: 3, [a]: 4}\n", "found unhashable key"),
        ("config: " + "[" * 5000, "nested deeper than 32 levels"),
        ("\x00", "way out"),
    ],
)
def test_a_file_that_is_hardly_one_is_a_fault_and_never_a_traceback(edit: Edit, text: str, expected: str) -> None:
    folder = edit("qa")
    (folder / "Pulumi.qa.yaml").write_text(text, encoding="utf-8")
    assert expected in str(faults_of(folder))


def test_bytes_that_are_no_text_are_a_fault(edit: Edit) -> None:
    folder = edit("qa")
    (folder / "Pulumi.qa.yaml").write_bytes(b"\xff\xfe\x00\x80")
    assert "not UTF-8" in str(faults_of(folder))


def test_a_missing_file_is_a_fault_that_says_where_it_belongs(edit: Edit) -> None:
    assert "stacks/Pulumi.STACK.yaml" in str(faults_of(edit("qa"), "absent"))


def test_two_businesses_of_one_name_are_refused(edit: Edit) -> None:
    folder = edit("qa")
    (folder / "Pulumi.other.yaml").write_text((folder / "Pulumi.qa.yaml").read_text(), encoding="utf-8")
    _, faults = check_folder(folder)
    assert ["a name of its own" in str(fault) for fault in faults] == [True]


def test_check_reports_every_fault_of_every_file_and_fails(edit: Edit, capsys: pytest.CaptureFixture[str]) -> None:
    folder = edit("qa", ("pods: 40", "pods: 4"))
    (folder / "Pulumi.broken.yaml").write_text("config: [", encoding="utf-8")
    assert main(["check", str(folder)]) == 1
    shown = capsys.readouterr().out
    assert "Pulumi.qa.yaml" in shown
    assert "Pulumi.broken.yaml" in shown
    assert shown.startswith("2 faults")


def test_check_of_a_folder_without_stack_files_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path)]) == 1
    assert "no stack file" in capsys.readouterr().out


def test_the_committed_schema_and_reference_are_fresh() -> None:
    for path, text in (
        (STACKS / "schema.json", schema_text()),
        (REPOSITORY / "docs" / "settings.md", reference_page()),
    ):
        assert path.read_text(encoding="utf-8") == text, f"run: python -m infra.settings {path.stem}"


def test_the_schema_takes_the_committed_files_and_refuses_unknown_keys() -> None:
    validator = jsonschema.Draft7Validator(stack_file_schema())
    for path in STACKS.glob("Pulumi.*.yaml"):
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert list(validator.iter_errors(values)) == []
        next(iter(values["config"].values()))["surprise"] = 1
        assert list(validator.iter_errors(values)) != []


def test_the_command_needs_no_pulumi() -> None:
    code = "import sys, infra.settings.__main__; sys.exit('pulumi' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True, timeout=30)
