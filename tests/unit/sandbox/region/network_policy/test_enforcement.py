"""Commands are run only where something differs. What the kernel makes of them is in tests/sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.region.network_policy import enforcement
from sandbox.region.network_policy.compilation import NodeRules
from sandbox.region.network_policy.enforcement import EnforcementError, Enforcer
from sandbox.region.network_policy.rendering import render
from tests.unit.sandbox.region.network_policy.cases import policy, rules

DENY = rules(policy())["left"]


class Kernel:
    """Answers as a namespace does, and keeps what was run."""

    def __init__(self) -> None:
        self.run: list[str] = []
        self.inputs: list[str] = []
        self.sets = ""
        self.forward = "-P FORWARD ACCEPT\n"
        self.refuses = ""

    def __call__(self, namespace: Path, command: list[str], standard_input: str = "") -> str:
        line = " ".join(command)
        if self.refuses and line.startswith(self.refuses):
            raise EnforcementError(f"{line}: refused")
        if line == "ipset list -name":
            return self.sets
        if "--list-rules" in line:
            return self.forward
        self.run.append(line)
        self.inputs.append(standard_input)
        return ""


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel()
    monkeypatch.setattr(enforcement, "_run", made)
    return made


@pytest.fixture
def enforcer(tmp_path: Path) -> Enforcer:
    for name in ("region.left", "region.right", "region", "other.left"):
        (tmp_path / name).touch()
    return Enforcer(tmp_path, "region.")


def test_nodes_are_the_namespaces_of_the_region(enforcer: Enforcer) -> None:
    assert enforcer.nodes() == ["left", "right"]


def test_a_node_that_needs_nothing_and_has_nothing_gets_nothing(enforcer: Enforcer, kernel: Kernel) -> None:
    assert not enforcer.enforce("left", NodeRules())
    assert kernel.run == []


def test_rules_are_written_once_and_again_only_when_they_change(enforcer: Enforcer, kernel: Kernel) -> None:
    assert enforcer.enforce("left", DENY)
    assert kernel.run == ["ipset restore", "iptables-restore --noflush --wait 10"]
    assert "-A FORWARD -j NETWORK-POLICY\nCOMMIT" in kernel.inputs[1]
    assert not enforcer.enforce("left", DENY)
    assert len(kernel.run) == 2
    assert enforcer.enforce("left", NodeRules())
    (name,) = render(DENY).sets
    assert kernel.run[2:] == ["iptables-restore --noflush --wait 10", f"ipset destroy {name}"]
    assert "-A FORWARD" not in kernel.inputs[2]


def test_what_an_earlier_process_left_is_used_and_the_rest_of_it_removed(enforcer: Enforcer, kernel: Kernel) -> None:
    (name,) = render(DENY).sets
    kernel.sets, kernel.forward = f"{name}\npolicy-old\npolicy.new\nforeign\n", "-A FORWARD -j NETWORK-POLICY\n"
    assert enforcer.enforce("left", DENY)
    assert kernel.run == [
        "ipset destroy policy.new",
        "iptables-restore --noflush --wait 10",
        "ipset destroy policy-old",
    ]
    assert "-A FORWARD" not in kernel.inputs[1]


def test_a_namespace_that_was_made_again_is_empty(enforcer: Enforcer, kernel: Kernel, tmp_path: Path) -> None:
    enforcer.enforce("left", DENY)
    (tmp_path / "replacement").touch()
    (tmp_path / "replacement").replace(tmp_path / "region.left")
    assert enforcer.enforce("left", DENY)
    assert kernel.run.count("ipset restore") == 2


def test_a_namespace_in_use_is_held_open_so_that_its_number_names_no_other_and_let_go_with_the_node(
    enforcer: Enforcer, kernel: Kernel, tmp_path: Path
) -> None:
    def held() -> int:
        links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        return sum(1 for link in links if str(link.resolve()).startswith(f"{tmp_path.resolve()}/"))

    for _ in range(3):
        enforcer.enforce("left", DENY)
        assert held() == 1
    (tmp_path / "region.left").rename(tmp_path / "gone.region.left")
    assert enforcer.nodes() == ["right"]
    assert held() == 0


def test_after_a_failure_what_is_there_is_read_again(enforcer: Enforcer, kernel: Kernel) -> None:
    kernel.refuses = "iptables-restore"
    with pytest.raises(EnforcementError, match="refused"):
        enforcer.enforce("left", DENY)
    kernel.refuses, kernel.sets = "", "".join(f"{name}\n" for name in render(DENY).sets)
    assert enforcer.enforce("left", DENY)
    assert kernel.run == ["ipset restore", "iptables-restore --noflush --wait 10"]


def test_a_node_that_has_just_gone_is_no_error(enforcer: Enforcer, kernel: Kernel) -> None:
    assert not enforcer.enforce("absent", DENY)
    assert kernel.run == []
