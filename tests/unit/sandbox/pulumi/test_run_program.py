"""What is shown of a program that failed."""

from __future__ import annotations

import runpy
from pathlib import Path

from sandbox.pulumi.run_program import explain


class Known(Exception):  # noqa: N818 - plays pulumi.RunError
    pass


def failure(program: Path) -> BaseException:
    try:
        runpy.run_path(str(program), run_name="__main__")
    except BaseException as error:
        return error
    raise AssertionError("the program did not fail")


def test_a_known_error_is_its_message_only(tmp_path: Path) -> None:
    assert explain(Known("line one\nline two"), str(tmp_path), Known) == "line one\nline two"


def test_an_error_class_may_say_itself_that_it_speaks_to_a_person(tmp_path: Path) -> None:
    class SettingsFaultError(Exception):
        __pulumi_run_error__ = True

    assert explain(SettingsFaultError("bad value"), str(tmp_path), Known) == "bad value"


def test_a_mistake_is_shown_from_the_programs_own_line_on(tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text("def fail():\n    return {}['x']\nfail()\n")
    text = explain(failure(tmp_path), str(tmp_path), Known)
    assert text.startswith("Program failed with an unhandled exception:\nTraceback")
    assert "runpy" not in text
    assert f'File "{tmp_path}/__main__.py", line 3' in text
    assert text.rstrip().endswith("KeyError: 'x'")


def test_a_syntax_error_is_shown_without_the_way_to_it(tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text("def (:\n")
    text = explain(failure(tmp_path), str(tmp_path), Known)
    assert "SyntaxError: invalid syntax" in text
    assert "Traceback" not in text
