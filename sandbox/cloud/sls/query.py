"""The query language, as far as the sandbox evaluates it.

Words and "phrases" in any field, `field: word`, `field: "phrase"`, `field: *`, numbers (`latency > 100`, `latency in
[1 5)`), a wildcard at the end or in the middle of a word (`err*`, `e?ror`), `and` (or nothing), `or`, `not`, brackets,
`*` for everything. https://help.aliyun.com/zh/sls/user-guide/search-syntax. What follows a `|` is `analysis`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.cloud.core.authorization import wildcard_match
from sandbox.cloud.sls.errors import query_invalid

LONGEST_QUERY = 10_000
DEEPEST = 50
"""Brackets and `not`s inside one another."""

Entry = Mapping[str, str]
"""A log's fields, with __topic__, __source__ and __tag__:NAME among them."""
Predicate = Callable[[Entry], bool]

TOKEN = re.compile(
    r"""\s*(?:(?P<phrase>"(?:\\.|[^"\\])*")|(?P<sign>>=|<=|[()\[\]:<>=|])|(?P<word>(?:\\.|[^\s"()\[\]:<>=|\\])+))"""
)
OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    "=": lambda value, limit: value == limit,
}


@dataclass(frozen=True)
class Tokens:
    """How an index cuts texts into words."""

    delimiters: str
    case_sensitive: bool

    def words(self, text: str) -> list[str]:
        """The words of a text."""
        plain = text if self.case_sensitive else text.lower()
        return [word for word in re.split(f"[{re.escape(self.delimiters)}]+", plain) if word] if plain else []

    def holds(self, text: str, wanted: str) -> bool:
        """Whether the text has these words, one after the other; the last may have wildcards."""
        wanted_words, words = self.words(wanted), self.words(text)
        size = len(wanted_words)
        if not size:
            return wanted in text
        return any(
            all(_fits(pattern, word) for pattern, word in zip(wanted_words, words[start : start + size], strict=True))
            for start in range(len(words) - size + 1)
        )


def _fits(pattern: str, word: str) -> bool:
    return wildcard_match(pattern, word) if "*" in pattern or "?" in pattern else pattern == word


DEFAULT_DELIMITERS = ", '\";=()[]{}?@&<>/:\n\t\r"


@dataclass(frozen=True)
class Index:
    """What can be searched: every text (full text), and fields by name."""

    line: Tokens | None
    fields: Mapping[str, Tokens]
    numbers: frozenset[str]
    included: frozenset[str] = frozenset()
    """The only fields in which words are searched, when there are any."""
    excluded: frozenset[str] = frozenset()

    def texts(self, entry: Entry) -> Iterator[str]:
        """The texts in which words are searched."""
        for name, text in entry.items():
            if name not in self.excluded and (not self.included or name in self.included):
                yield text

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Index:
        """The index of a store, from its description."""
        line, keys = document.get("line"), document.get("keys") or {}
        numbers = frozenset(name for name, key in keys.items() if key.get("type") in ("long", "double"))
        return cls(
            line=_tokens(line) if line else None,
            fields={str(name): _tokens(key) for name, key in keys.items()},
            numbers=numbers,
            included=frozenset((line or {}).get("include_keys") or ()),
            excluded=frozenset((line or {}).get("exclude_keys") or ()),
        )

    def of_field(self, name: str) -> Tokens:
        """How a field is cut; the reserved fields are always indexed."""
        if name in self.fields:
            return self.fields[name]
        if name.startswith("__") and self.line is not None:
            return self.line
        if name.startswith("__"):
            return Tokens(DEFAULT_DELIMITERS, case_sensitive=False)
        raise query_invalid(f"key ({name}) is not config as key value config")


def _tokens(description: Mapping[str, Any]) -> Tokens:
    given = description.get("token")
    delimiters = "".join(str(item) for item in given) if isinstance(given, list) else ""
    return Tokens(delimiters or DEFAULT_DELIMITERS, case_sensitive=bool(description.get("caseSensitive")))


def compile_query(text: str, index: Index) -> Predicate:
    """What tells the logs that a query asks for. Raises CloudError when it cannot be understood."""
    if len(text) > LONGEST_QUERY:
        raise query_invalid(f"the query has {len(text)} characters; at most {LONGEST_QUERY} are taken")
    return _Parser(_split(text), index).whole()


def _split(text: str) -> list[tuple[str, str]]:
    found, position = [], 0
    while text[position:].strip():
        match = TOKEN.match(text, position)
        if match is None:
            raise query_invalid(f"the query cannot be read from here on: {text[position : position + 40]!r}")
        kind = str(match.lastgroup)
        value = match[kind]
        if kind == "phrase":
            value = value[1:-1]
        if kind != "sign":
            value = re.sub(r"\\(.)", r"\1", value)
        found.append((kind, value))
        position = match.end()
    return found


class _Parser:
    """Recursive descent: or, and, not, term."""

    def __init__(self, tokens: list[tuple[str, str]], index: Index) -> None:
        self._tokens = tokens
        self._index = index
        self._position = 0
        self._depth = 0

    def whole(self) -> Predicate:
        if not self._tokens:
            return lambda entry: True
        found = self._any()
        if self._peek() == ("sign", "|"):
            raise query_invalid("a | stands inside brackets")
        if self._position < len(self._tokens):
            raise query_invalid(f"the query is wrong near {self._tokens[self._position][1]!r}")
        return found

    def _any(self) -> Predicate:
        parts = [self._every()]
        while self._keyword("or"):
            parts.append(self._every())
        return parts[0] if len(parts) == 1 else lambda entry: any(part(entry) for part in parts)

    def _every(self) -> Predicate:
        parts = [self._negated()]
        while True:
            if self._keyword("and") or self._begins_term():
                parts.append(self._negated())
            else:
                break
        return parts[0] if len(parts) == 1 else lambda entry: all(part(entry) for part in parts)

    def _negated(self) -> Predicate:
        self._depth += 1
        if self._depth > DEEPEST:
            raise query_invalid(f"the query is nested more than {DEEPEST} deep")
        try:
            if self._keyword("not"):
                part = self._negated()
                return lambda entry: not part(entry)
            return self._term()
        finally:
            self._depth -= 1

    def _term(self) -> Predicate:
        if self._sign("("):
            found = self._any()
            if not self._sign(")"):
                raise query_invalid("a bracket is not closed")
            return found
        kind, value = self._next()
        if kind == "sign":
            raise query_invalid(f"the query is wrong near {value!r}")
        if self._sign(":"):
            # `__tag__:name: value` is the one field whose name has a colon
            if value == "__tag__" and kind == "word":
                value = f"__tag__:{self._next()[1]}"
                if not self._sign(":"):
                    raise query_invalid("after __tag__:NAME comes a colon and a value")
            return self._field(value)
        following = self._peek()
        if kind == "word" and following[0] == "sign" and following[1] in OPERATORS:
            return self._comparison(value, self._next()[1])
        if kind == "word" and following == ("word", "in") and self._peek(1)[1] in ("[", "("):
            self._next()
            return self._range(value)
        return self._word(value, phrase=kind == "phrase")

    def _word(self, value: str, *, phrase: bool) -> Predicate:
        if value == "*" and not phrase:
            return lambda entry: True
        line = self._index.line
        if line is not None:
            return lambda entry: any(line.holds(text, value) for text in self._index.texts(entry))
        fields = self._index.fields
        return lambda entry: any(tokens.holds(entry[name], value) for name, tokens in fields.items() if name in entry)

    def _field(self, name: str) -> Predicate:
        tokens = self._index.of_field(name)
        if self._peek()[0] == "sign" and self._peek()[1] in OPERATORS:
            return self._comparison(name, self._next()[1])
        if self._sign("("):
            raise query_invalid("give each word of a field its own field: (a: x or a: y)")
        kind, value = self._next()
        if kind == "sign":
            raise query_invalid(f"the field {name!r} has no value")
        if value == "*" and kind == "word":
            return lambda entry: name in entry
        if name in self._index.numbers:
            return self._number(name, "=", _number(value))
        return lambda entry: name in entry and tokens.holds(entry[name], value)

    def _comparison(self, name: str, sign: str) -> Predicate:
        self._index.of_field(name)
        return self._number(name, sign, _number(self._next()[1]))

    def _number(self, name: str, sign: str, limit: float) -> Predicate:
        if name not in self._index.numbers:
            raise query_invalid(f"key ({name}) is not indexed as long or double, and cannot be compared")
        compare = OPERATORS[sign]

        def holds(entry: Entry) -> bool:
            try:
                return compare(float(entry[name]), limit)
            except (KeyError, ValueError):
                return False

        return holds

    def _range(self, name: str) -> Predicate:
        opening = self._next()[1]
        low, high = _number(self._next()[1]), _number(self._next()[1])
        closing = self._next()[1]
        if closing not in ("]", ")"):
            raise query_invalid("a range ends with ] or )")
        lower = self._number(name, ">=" if opening == "[" else ">", low)
        upper = self._number(name, "<=" if closing == "]" else "<", high)
        return lambda entry: lower(entry) and upper(entry)

    def _begins_term(self) -> bool:
        kind, value = self._peek()
        if kind == "word":
            return value.lower() not in ("or", "and")
        return kind == "phrase" or (kind, value) == ("sign", "(")

    def _keyword(self, name: str) -> bool:
        kind, value = self._peek()
        if kind == "word" and value.lower() == name:
            self._position += 1
            return True
        return False

    def _sign(self, sign: str) -> bool:
        if self._peek() == ("sign", sign):
            self._position += 1
            return True
        return False

    def _peek(self, ahead: int = 0) -> tuple[str, str]:
        position = self._position + ahead
        return self._tokens[position] if position < len(self._tokens) else ("end", "")

    def _next(self) -> tuple[str, str]:
        found = self._peek()
        if found[0] == "end":
            raise query_invalid("the query ends too early")
        self._position += 1
        return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise query_invalid(f"{text!r} is not a number") from None
