"""How the commands of a page are found; they are run by tests/sandbox/test_sandbox_page.py."""

from __future__ import annotations

import pytest

from tests.sandbox.page_commands import Command, commands

PAGE = """Text.
```sh
one --flag    # a remark
two 'a
b'            # prints: ['x']

cat > file <<'END'
three
END
four \\
  five        # fails: ServiceUnavailable
```
```python
no
```
```sh
six
```
"""


def test_commands_are_found_with_their_lines_and_claims() -> None:
    assert commands(PAGE) == [
        Command("one --flag    # a remark", 3),
        Command("two 'a\nb'            # prints: ['x']", 4, "['x']"),
        Command("cat > file <<'END'\nthree\nEND", 7),
        Command("four \\\n  five        # fails: ServiceUnavailable", 10, "ServiceUnavailable", fails=True),
        Command("six", 17),
    ]


def test_a_command_without_an_end_is_said() -> None:
    with pytest.raises(ValueError, match="line 2: the block's last command does not end"):
        commands("```sh\necho 'a\n```\n")
