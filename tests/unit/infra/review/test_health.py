"""What is said of workloads and names after a change was applied.

Not covered here: a real engine and cluster; that is what tests/sandbox/test_review.py does.
"""

from __future__ import annotations

import json
import socket
import stat
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from dnslib import RR, DNSRecord

from infra.review import health
from infra.review.engine import Engine
from infra.review.errors import ReviewError
from infra.review.plan import Preview

OUTPUTS = {
    "platform": {"kubeconfigs": {"cn-hangzhou": "kind: Config\n"}},
    "qa": {"regions": {"cn-hangzhou": {"namespace": "qa"}}, "dns_name": "qa.language.example.com"},
}
BUSINESS = "config: {language-model-clusters:business: {name: qa}}\n"
PLATFORM = "config: {language-model-clusters:platform: {}}\n"


def deployment(ready: int, wanted: int = 2, observed: int = 3) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"name": "serving", "generation": 3},
        "spec": {"replicas": wanted},
        "status": {"readyReplicas": ready, "observedGeneration": observed},
    }


JOB = {"kind": "Job", "metadata": {"name": "restore"}}
FAILED = {"conditions": [{"type": "Failed", "status": "True"}]}


@pytest.mark.parametrize(
    ("item", "healthy", "state"),
    [
        (deployment(2), True, "2 of 2 ready"),
        (deployment(1), False, "1 of 2 ready"),
        (deployment(2, observed=2), False, "2 of 2 ready, not yet rolled out"),
        (deployment(0, wanted=0), True, "0 of 0 ready"),
        ({**JOB, "status": {"succeeded": 1}}, True, "succeeded"),
        ({**JOB, "status": FAILED}, False, "failed"),
        ({**JOB, "status": {}}, True, "running"),
        (
            {"kind": "CronJob", "metadata": {"name": "b"}, "spec": {"schedule": "0 3 * * *"}},
            True,
            "scheduled `0 3 * * *`",
        ),
        ({"kind": "CronJob", "metadata": {"name": "b"}, "spec": {"suspend": True}}, False, "suspended"),
    ],
)
def test_a_workload_is_healthy_when_all_of_it_is(item: dict[str, Any], healthy: bool, state: str) -> None:
    what, found, words = health.workload_state(item)
    assert (found, words) == (healthy, state)
    assert what == f"{item['kind']} `{item['metadata']['name']}`"


# ---- after `pulumi up`


class AppliedEngine(Engine):
    """An engine whose every `up` succeeds but those of `failing`, with recorded outputs."""

    failing: tuple[str, ...] = ()

    def up(self, stack: str) -> str:
        return "the quota is used up" if stack in self.failing else ""

    def run(self, arguments: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 0, json.dumps(OUTPUTS[arguments[-1]]), "")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two stacks, and a `kubectl` that answers with what lies in `workloads`."""
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "Pulumi.platform.yaml").write_text(PLATFORM)
    (tmp_path / "stacks" / "Pulumi.qa.yaml").write_text(BUSINESS)
    program = tmp_path / "bin" / "kubectl"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\ntest "$(cat "$2")" = "kind: Config" && cat {tmp_path}/workloads\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    (tmp_path / "workloads").write_text(json.dumps({"items": [deployment(2)]}))
    return tmp_path


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A DNS server on loopback that gives every name one address; the port that is asked is its own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)

        def answer() -> None:
            question, client = server.recvfrom(512)
            record = DNSRecord.parse(question)
            reply = record.reply()
            reply.add_answer(*RR.fromZone(f"{record.q.qname} 60 A 47.96.0.10"))
            server.sendto(reply.pack(), client)

        thread = threading.Thread(target=answer)
        thread.start()
        send = DNSRecord.send
        port = server.getsockname()[1]
        monkeypatch.setattr(DNSRecord, "send", lambda self, address, _, **options: send(self, address, port, **options))
        yield "127.0.0.1"
        thread.join(10)


def previews(*stacks: str) -> list[Preview]:
    return [Preview(stack) for stack in stacks]


def test_what_came_up_is_listed_with_workloads_and_the_names_answer(root: Path, name_server: str) -> None:
    lines, failed = health.apply_and_look(AppliedEngine(root), previews("platform", "qa"), name_server)
    assert failed == []
    assert lines[2:] == [
        "| `platform` | `pulumi up` | ✅ done |",
        "| `qa` | `pulumi up` | ✅ done |",
        "| `qa` in cn-hangzhou | Deployment `serving` | ✅ 2 of 2 ready |",
        "| `qa` | DNS name `qa.language.example.com` | ✅ 47.96.0.10 |",
    ]


def test_what_is_not_healthy_stands_against_the_change(
    root: Path, name_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "WORKLOAD_PATIENCE_SECONDS", 0.0)
    (root / "workloads").write_text(json.dumps({"items": [deployment(1)]}))
    lines, failed = health.apply_and_look(AppliedEngine(root), previews("qa"), name_server)
    assert failed == ["`qa`: Deployment `serving` in `qa` in cn-hangzhou is not healthy: 1 of 2 ready"]
    assert "| `qa` in cn-hangzhou | Deployment `serving` | ❌ 1 of 2 ready |" in lines


def test_a_failed_up_ends_the_applying_and_says_why(root: Path) -> None:
    engine = AppliedEngine(root)
    object.__setattr__(engine, "failing", ("platform",))
    lines, failed = health.apply_and_look(engine, previews("platform", "qa"), None)
    assert failed == ["`platform`: `pulumi up` failed: the quota is used up; what was applied before it stays"]
    assert len(lines) == 2


def test_no_kubectl_is_one_line(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ReviewError, match="no `kubectl` on PATH"):
        health.apply_and_look(AppliedEngine(root), previews("qa"), None)
