"""The conditions of alerts: what tells from a row of a query's result whether it is an alarm. Pure.

The grammar is that of the log service, as far as rows of one query go: comparisons (`==`, `!=`, `<`, `<=`, `>`, `>=`,
`=~` and `!~` for regular expressions) of fields, numbers and quoted texts, joined by `&&`, `||`, `!` and brackets. A
field is named as in the result, or with its query in front (`$0.count`). Numbers are compared as numbers where both
sides are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from sandbox.cloud.sls.errors import invalid

Row = Mapping[str, str]
Condition = Callable[[Row], bool]
Operand = Callable[[Row], str]

TOKEN = re.compile(
    r"""\s*(?:(?P<sign>&&|\|\||==|!=|=~|!~|<=|>=|<|>|!|\(|\))
    |(?P<number>-?\d+(?:\.\d+)?)
    |(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<name>(?:\$0\.)?[A-Za-z_][\w.:@-]*))""",
    re.VERBOSE,
)
COMPARISONS: Mapping[str, Callable[[str | float, str | float], bool]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,  # type: ignore[operator]  # both are numbers, or both are texts
    "<=": lambda left, right: left <= right,  # type: ignore[operator]
    ">": lambda left, right: left > right,  # type: ignore[operator]
    ">=": lambda left, right: left >= right,  # type: ignore[operator]
}
LONGEST = 1024
"""Characters of a condition, as many as the log service takes."""


def compile_condition(text: str) -> Condition:
    """What tells whether a row meets a condition; every row meets an empty one.

    Raises:
        CloudError: when it is not one. Evaluating it raises CloudError for a row that lacks a field.
    """
    if not text.strip():
        return lambda row: True
    if len(text) > LONGEST:
        raise invalid(f"a condition has at most {LONGEST} characters, not {len(text)}")
    parser = _Parser(text)
    found = parser.either()
    parser.expect_end()
    return found


class _Parser:
    """Reads a condition from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._place = 0

    def either(self) -> Condition:
        """Parts of which one must hold."""
        parts = [self.both()]
        while self._take("||"):
            parts.append(self.both())
        return lambda row: any(part(row) for part in parts)

    def both(self) -> Condition:
        """Parts that must all hold."""
        parts = [self.single()]
        while self._take("&&"):
            parts.append(self.single())
        return lambda row: all(part(row) for part in parts)

    def single(self) -> Condition:
        """One comparison, a negation, or what is in brackets."""
        if self._take("!"):
            denied = self.single()
            return lambda row: not denied(row)
        if self._take("("):
            inside = self.either()
            if not self._take(")"):
                raise self._wrong("a bracket is not closed")
            return inside
        return self._comparison()

    def expect_end(self) -> None:
        """Nothing may follow."""
        if self._place < len(self._tokens):
            raise self._wrong(f"{self._tokens[self._place][1]!r} is not expected there")

    def _comparison(self) -> Condition:
        left, (kind, sign), right = self._operand(), self._next(), self._operand()
        if kind != "sign":
            raise self._wrong(f"{sign!r} stands where a comparison should")
        if sign in ("=~", "!~"):
            wanted = sign == "=~"
            return lambda row: (_matches(right(row), left(row)) is not None) == wanted
        compare = COMPARISONS.get(sign)
        if compare is None:
            raise self._wrong(f"{sign!r} is no comparison")
        return lambda row: compare(*_comparable(left(row), right(row)))

    def _operand(self) -> Operand:
        kind, value = self._next()
        if kind == "name":
            name = value.removeprefix("$0.")
            return lambda row: _field(row, name)
        if kind == "sign":
            raise self._wrong(f"{value!r} stands where a field, a number or a text should")
        return lambda row: value

    def _next(self) -> tuple[str, str]:
        if self._place >= len(self._tokens):
            raise self._wrong("it ends too early")
        self._place += 1
        return self._tokens[self._place - 1]

    def _take(self, sign: str) -> bool:
        if self._place < len(self._tokens) and self._tokens[self._place] == ("sign", sign):
            self._place += 1
            return True
        return False

    def _wrong(self, reason: str) -> Exception:
        return invalid(f"the condition {self._text!r} cannot be read: {reason}")


def _tokens(text: str) -> Sequence[tuple[str, str]]:
    found, place, end = [], 0, len(text.rstrip())
    while place < end:
        match = TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise invalid(f"the condition {text!r} cannot be read from {text[place:].strip()[:20]!r} on")
        value = match[match.lastgroup]
        if match.lastgroup == "quoted":
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        found.append((match.lastgroup, value))
        place = match.end()
    return found


def _field(row: Row, name: str) -> str:
    if name not in row:
        raise invalid(f"the result has no field {name}; it has {', '.join(sorted(row)) or 'none'}")
    return row[name]


def _matches(pattern: str, value: str) -> re.Match[str] | None:
    try:
        return re.search(pattern, value)
    except re.error as error:
        raise invalid(f"{pattern!r} is not a regular expression: {error}") from None


def _comparable(left: str, right: str) -> tuple[str | float, str | float]:
    try:
        return float(left), float(right)
    except ValueError:
        return left, right
