"""The command as people run it: which stacks a change touches, and one line for whatever stops it."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from infra.review.__main__ import main
from infra.review.scope import touched
from tests.unit.infra.review.events import BUCKET, step

PLATFORM = "config: {language-model-clusters:platform: {}}\n"
BUSINESS = "config: {language-model-clusters:business: {name: %s}}\n"
STACKS = {"platform": None, "platform2": None, "qa": "platform", "chatbot": "platform", "other": "platform2"}


def test_a_stack_file_touches_its_stack_and_a_platforms_file_all_that_stand_on_it() -> None:
    assert touched(["stacks/Pulumi.qa.yaml"], STACKS) == (("qa",), ())
    assert touched(["stacks/Pulumi.platform.yaml"], STACKS) == (("platform", "chatbot", "qa"), ())


@pytest.mark.parametrize(
    "path",
    [
        "infra/components/cluster.py",
        "trainer/config.py",
        "controllers/config/monitor.py",
        "Pulumi.yaml",
        "policies/pack.py",
    ],
)
def test_the_program_touches_every_stack_platforms_first(path: str) -> None:
    assert touched([path], STACKS) == (("platform", "platform2", "chatbot", "other", "qa"), ())


@pytest.mark.parametrize(
    "path", ["README.md", "infra/review/plan.py", "infra/prices.yaml", "trainer/network/model.py", "stacks/schema.json"]
)
def test_what_provisions_nothing_touches_no_stack(path: str) -> None:
    assert touched([path], STACKS) == ((), ())


def test_a_removed_stack_file_is_told() -> None:
    assert touched(["stacks/Pulumi.gone.yaml"], STACKS) == ((), ("gone",))


# ---- the command


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project whose branch changes one business's stack file."""
    root = tmp_path / "clone"
    (root / "stacks").mkdir(parents=True)
    (root / "Pulumi.yaml").write_text("name: language-model-clusters\n")
    (root / "stacks" / "Pulumi.platform.yaml").write_text(PLATFORM)
    (root / "stacks" / "Pulumi.qa.yaml").write_text(BUSINESS % "qa")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    git(root, "branch", "base")
    (root / "stacks" / "Pulumi.qa.yaml").write_text(BUSINESS % "qa" + "# changed\n")
    git(root, "commit", "-qam", "second")
    monkeypatch.chdir(root)
    return root


def engine(
    folder: Path, monkeypatch: pytest.MonkeyPatch, events: list[str], *, known: str = '[{"name": "qa"}]'
) -> Path:
    """A `pulumi` on PATH that answers with recorded events, and keeps how it was called."""
    program, log = folder / "bin" / "pulumi", folder / "calls"
    program.parent.mkdir()
    (folder / "events").write_text("\n".join(events))
    answers = f"case \"$1 $2\" in 'stack ls') echo '{known}';; preview*) cat {folder}/events;; esac"
    program.write_text(f'#!/bin/sh\necho "$*" >> {log}\n{answers}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return log


def test_a_harmless_change_is_mergeable(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = engine(tmp_path, monkeypatch, [step("create", BUCKET, "logs", None, {})])
    assert main(["--base", "base"]) == 0
    out = capsys.readouterr().out
    assert ": mergeable" in out
    assert "pulumi up --stack qa --policy-pack policies" in out
    assert [line for line in log.read_text().splitlines() if line.startswith("preview")] == [
        "preview --stack qa --json --non-interactive --policy-pack policies"
    ]


def test_a_loss_of_data_is_not_mergeable_unless_it_is_meant(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine(tmp_path, monkeypatch, [step("delete", BUCKET, "data", {}, None)])
    assert main(["--base", "base"]) == 1
    assert "DATA WOULD BE LOST" in capsys.readouterr().out
    assert main(["--base", "base", "--accept-data-loss", "qa"]) == 0
    assert "DATA WOULD BE LOST" in capsys.readouterr().out


def test_a_new_stack_is_made_for_its_preview_and_removed_again(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = engine(tmp_path, monkeypatch, [step("create", BUCKET, "data", None, {})], known="[]")
    assert main(["--base", "base", "--output", str(tmp_path / "comment.md")]) == 0
    calls = [line.split(" --")[0] for line in log.read_text().splitlines()]
    assert calls == ["stack ls", "stack init qa", "preview", "stack rm qa"]
    assert "### `qa` (new)" in (tmp_path / "comment.md").read_text()


def test_the_same_change_has_the_same_comment(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine(tmp_path, monkeypatch, [step("create", BUCKET, name, None, {}) for name in "bca"])
    texts = []
    for _ in range(2):
        main(["--base", "base"])
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    assert texts[0].index("`a`") < texts[0].index("`b`") < texts[0].index("`c`")


def test_a_change_of_no_stack_asks_no_engine(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert main(["--base", "HEAD"]) == 0
    assert "touches no stack" in capsys.readouterr().out


@pytest.mark.parametrize("base", ["nope", "--help-me", "HEAD~99", ""])
def test_an_unknown_base_is_one_line(clone: Path, base: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"--base={base}"]) == 2
    assert (
        capsys.readouterr().err
        == f"error: git knows no commit `{base}`; give a branch, a tag or a commit, and fetch it before\n"
    )


def test_a_dirty_work_tree_is_one_line(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (clone / "Pulumi.yaml").write_text("name: other\n")
    assert main(["--base", "base"]) == 2
    assert capsys.readouterr().err.startswith("error: the work tree has changes that no commit holds (Pulumi.yaml)")


def test_an_unknown_stack_is_one_line(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--base", "base", "--stack", "qq"]) == 2
    assert capsys.readouterr().err == "error: there is no stack `qq`; the stack files are those of: platform, qa\n"


def test_no_pulumi_is_one_line(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert main(["--base", "base"]) == 2
    assert capsys.readouterr().err.startswith("error: no `pulumi` on PATH; install it")


def test_no_project_and_no_repository_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert main(["--base", "base"]) == 2
    assert "no Pulumi.yaml in" in capsys.readouterr().err
    (tmp_path / "Pulumi.yaml").write_text("name: x\n")
    assert main(["--base", "base"]) == 2
    assert "not in a git repository" in capsys.readouterr().err
