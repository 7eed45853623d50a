"""Every resource that the Terraform provider is built with is managed by a test, so that none can be forgotten.

The tests themselves, with the real provider, are in tests/sandbox/test_terraform_provider.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TOKENS = REPOSITORY / "sandbox" / "toolchain" / "modules" / "alicloud" / "tokens.json"
TESTS = REPOSITORY / "tests" / "sandbox" / "test_terraform_provider"


def supported() -> set[str]:
    """The tokens of the resources, as a program names them: vpc/Network is alicloud:vpc/network:Network."""
    found = set()
    for target in json.loads(TOKENS.read_text())["resources"].values():
        module, name = target.split("/")
        found.add(f"alicloud:{module}/{name[0].lower()}{name[1:]}:{name}")
    return found


def named_in_tests() -> Iterator[str]:
    for path in TESTS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("alicloud:"):
                yield node.value


def test_every_supported_resource_has_a_test() -> None:
    tested = set(named_in_tests())
    assert tested
    assert sorted(supported() - tested) == [], f"write a test in {TESTS}"
