"""Rules about the infrastructure program's code."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
INFRA = REPOSITORY / "infra"
COMPONENTS = sorted(path for path in (INFRA / "components").glob("*.py") if path.name != "__init__.py")
MAXIMUM_LINES = 320


def sources() -> list[Path]:
    found = sorted(INFRA.rglob("*.py"))
    assert len(found) >= 20
    return found


def classes(path: Path) -> list[ast.ClassDef]:
    return [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)]


def component(path: Path) -> ast.ClassDef:
    (found,) = [item for item in classes(path) if any("ComponentResource" in ast.unparse(base) for base in item.bases)]
    return found


def test_importing_infra_makes_nothing_opens_nothing_prints_nothing() -> None:
    modules = [
        ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")
        for path in sources()
        if path.name != "__main__.py"
    ]
    code = (
        "import sys, importlib, warnings; warnings.simplefilter('ignore')\n"
        "import pulumi\n"
        "def refuse(*a, **k): raise SystemExit('a resource was made')\n"
        "pulumi.Resource.__init__ = refuse\n"
        "sys.addaudithook(lambda event, args: refuse() if event == 'socket.connect' else None)\n"
        "[importlib.import_module(name) for name in sys.argv[1:]]\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, *modules], cwd=REPOSITORY, check=False, timeout=60, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_there_is_one_component_a_file() -> None:
    assert len(COMPONENTS) >= 8
    for path in COMPONENTS:
        assert component(path)


@pytest.mark.parametrize("path", COMPONENTS, ids=lambda path: path.stem)
def test_a_component_registers_its_outputs_once_and_last(path: Path) -> None:
    (constructor,) = [
        node for node in component(path).body if isinstance(node, ast.FunctionDef) and node.name == "__init__"
    ]
    calls = [ast.unparse(node) for node in ast.walk(constructor) if isinstance(node, ast.Call)]
    assert sum(call.startswith("self.register_outputs(") for call in calls) == 1
    assert ast.unparse(constructor.body[-1]).startswith("self.register_outputs(")


@pytest.mark.parametrize("path", COMPONENTS, ids=lambda path: path.stem)
def test_every_resource_of_a_component_is_given_options(path: Path) -> None:
    made = [call for call in _calls(component(path)) if _is_resource(call)]
    assert made
    for call in made:
        assert "opts" in {keyword.arg for keyword in call.keywords}, f"{path.name}:{call.lineno}"


def test_no_resource_is_made_inside_apply() -> None:
    applied = 0
    for path in sources():
        for call in _calls(ast.parse(path.read_text())):
            if isinstance(call.func, ast.Attribute) and call.func.attr == "apply":
                applied += 1
                assert not [inner for argument in call.args for inner in _calls(argument) if _is_resource(inner)], path
    assert applied


def test_only_one_module_makes_providers() -> None:
    makers = [path.name for path in sources() if ".Provider(" in path.read_text()]
    assert makers == ["providers.py"]


def test_only_the_settings_read_stack_configuration() -> None:
    readers = [path.relative_to(INFRA).as_posix() for path in sources() if "pulumi.Config(" in path.read_text()]
    assert readers == ["settings/stack.py"]


def test_neither_program_nor_stack_files_know_of_the_sandbox() -> None:
    stacks = sorted((REPOSITORY / "stacks").iterdir())
    assert len(stacks) >= 3
    for path in [*sources(), *stacks, REPOSITORY / "__main__.py", REPOSITORY / "Pulumi.yaml"]:
        assert "sandbox" not in path.read_text(encoding="utf-8").casefold(), path


def test_files_stay_readable() -> None:
    for path in sources():
        assert len(path.read_text().splitlines()) <= MAXIMUM_LINES, path


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _is_resource(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    last = name.rsplit(".", 1)[-1]
    return name.startswith(("alicloud.", "kubernetes.")) and last[0].isupper() and not last.endswith("Args")
