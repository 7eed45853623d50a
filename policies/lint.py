"""`python -m policies.lint`: Checkov, kube-score and kubeconform over every Kubernetes object that the stacks apply.

Each linter is a program of its own, given by its path; those that are not given are left out. What one finds counts
unless `policies/exceptions.yaml` says, with a reason, that it does not. Exit status: 0 nothing counts, 1 something
does, 2 a linter could not be run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.command_line import end
from infra.settings import SettingsError
from policies import exceptions, manifests, schemas

FOUND, UNUSABLE = 1, 2
TIMEOUT_SECONDS = 300.0
KUBERNETES_VERSION = "1.34.4"
PASSED = 10
"""kube-score's grade of a check that found nothing."""


class LintError(Exception):
    """A linter could not be run; one line."""


@dataclass(frozen=True, order=True)
class Finding:
    """What a linter says against an object, named `Kind/name`; `namespace` tells whose it is."""

    tool: str
    check: str
    object: str
    message: str
    namespace: str = ""


def checkov(program: Path, folder: Path, _: Path | None) -> list[Finding]:
    """Checkov's rules for Kubernetes."""
    report = _json([program, "--directory", folder, "--framework", "kubernetes", "--output", "json", "--compact",
                    "--quiet", "--skip-download"])  # fmt: skip
    results = report.get("results") if isinstance(report, dict) else None
    if results is None:
        raise LintError(f"{program} judged nothing; look at what it prints by itself")
    return [
        Finding("checkov", row["check_id"], *_checkov_object(row["resource"], row["check_name"]))
        for row in results.get("failed_checks", ())
    ]


def _checkov_object(name: str, message: str) -> tuple[str, str, str]:
    """`Deployment.qa.training` (or `Namespace.default.qa`) as the object, what is said of it, and its namespace."""
    kind, _, rest = name.partition(".")
    namespace, _, last = rest.partition(".")
    return f"{kind}/{last or rest}", message, namespace if last else ""


def kube_score(program: Path, folder: Path, _: Path | None) -> list[Finding]:
    """kube-score's checks, its optional ones aside."""
    report = _json([program, "score", "--output-format", "json", *sorted(folder.glob("*.yaml"))])
    if not report or not isinstance(report, list):
        raise LintError(f"{program} judged nothing; look at what it prints by itself")
    return [
        Finding(
            "kube-score",
            row["check"]["id"],
            f"{item['type_meta']['kind']}/{item['object_meta']['name']}",
            "; ".join(comment["summary"] for comment in row["comments"] or ()),
            item["object_meta"].get("namespace", ""),
        )
        for item in report
        for row in item["checks"]
        if not row["skipped"] and row["grade"] < PASSED
    ]


def kubeconform(program: Path, folder: Path, schema_folder: Path | None) -> list[Finding]:
    """Strict validation against the schemas of `python -m policies.schemas`."""
    if schema_folder is None:
        raise LintError("kubeconform needs --schemas, a folder that `python -m policies.schemas` wrote")
    report = _json([program, "-strict", "-output", "json", "-verbose", "-kubernetes-version", KUBERNETES_VERSION,
                    "-schema-location", f"{schema_folder}/{schemas.LOCATION}", folder])  # fmt: skip
    if not isinstance(report, dict) or not report.get("resources"):
        raise LintError(f"{program} judged nothing; look at what it prints by itself")
    return [
        Finding(
            "kubeconform", row["status"], f"{row['kind']}/{row['name']}", row.get("msg", ""), Path(row["filename"]).stem
        )
        for row in report["resources"]
        if row["status"] not in ("statusValid", "statusEmpty")
    ]


def _json(command: Sequence[object]) -> Any:
    """What a linter prints. They end with 1 when they find something, so only what they print tells."""
    words = [str(word) for word in command]
    try:
        ran = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
        return json.loads(ran.stdout)
    except FileNotFoundError:
        raise LintError(f"there is no {words[0]}; docs/review.md says how it is obtained") from None
    except subprocess.TimeoutExpired:
        raise LintError(f"{words[0]} took longer than {TIMEOUT_SECONDS:.0f} s and was ended") from None
    except ValueError:
        reason = (ran.stderr.strip().splitlines() or ["it printed no JSON"])[-1]
        raise LintError(f"{words[0]} failed: {reason}") from None


LINTERS: dict[str, Callable[[Path, Path, Path | None], list[Finding]]] = {
    "checkov": checkov, "kube-score": kube_score, "kubeconform": kubeconform,
}  # fmt: skip


def lint(folder: Path, programs: dict[str, Path], schema_folder: Path | None = None) -> list[Finding]:
    """Everything that the linters find, exceptions included. Raises LintError."""
    return sorted({one for name, program in programs.items() for one in LINTERS[name](program, folder, schema_folder)})


def counted(findings: Sequence[Finding]) -> list[Finding]:
    """The findings that no exception covers. Raises exceptions.ExceptionsError."""
    exemptions = exceptions.load()
    return [one for one in findings if not any(item.covers(one.tool, one.check, one.object) for item in exemptions)]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m policies.lint", description=__doc__)
    for name in LINTERS:
        parser.add_argument(f"--{name}", type=Path, metavar="PROGRAM", help=f"path of {name}")
    parser.add_argument(
        "--schemas", type=Path, metavar="DIR", help="kubeconform's schemas (python -m policies.schemas)"
    )
    options = parser.parse_args(arguments)
    given = {name: getattr(options, name.replace("-", "_")) for name in LINTERS}
    programs = {name: program for name, program in given.items() if program}
    if not programs:
        parser.error("give at least one linter")
    try:
        with tempfile.TemporaryDirectory() as folder:
            files = manifests.write(Path(folder))
            findings = lint(Path(folder), programs, options.schemas)
            remaining = counted(findings)
    except (LintError, SettingsError, exceptions.ExceptionsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return UNUSABLE
    for one in remaining:
        print(f"{one.tool} {one.check}: {one.object} of {one.namespace or 'the cluster'}: {one.message}")
    print(
        f"{len(files)} stacks, {', '.join(programs)}: {len(remaining)} failures, "
        f"{len(findings) - len(remaining)} covered by exceptions"
    )
    return FOUND if remaining else 0


if __name__ == "__main__":
    end(main)
