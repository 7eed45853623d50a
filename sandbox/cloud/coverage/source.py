"""The provider's Go source as functions and who calls whom: enough of Go for a static scan, without a parser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FUNCTION = re.compile(r"^func (?:\((\w+) \*?(\w+)\) )?(\w+)\((.*?)^}", re.MULTILINE | re.DOTALL)
REGISTRATION = re.compile(r'"(alicloud_\w+)":\s+(\w+)\(\)')
INSTANCE = re.compile(r"\b(\w+)(?:, \w+)? :?= &?(?:New)?(\w+)[({]")
ARGUMENT = re.compile(r"\b(\w+) \*?(\w+)[,)]")
METHOD_CALL = re.compile(r"\b(\w+)\.(\w+)\b")
NOT_CODE = re.compile(r'//[^\n]*|"(?:[^"\\\n]|\\.)*"|`[^`]*`', re.DOTALL)
WORD = re.compile(r"(?<![.\w])[A-Za-z]\w+\b")
EVERYTHING = "Provider"
"""The function that refers to all resources."""


@dataclass(frozen=True)
class Function:
    """A top-level function or a method, with its text from the parameters on."""

    name: str
    text: str
    receiver: str = ""
    owner: str = ""


@dataclass
class Source:
    """All functions of one Go package."""

    functions: dict[str, Function] = field(default_factory=dict)
    methods: dict[tuple[str, str], Function] = field(default_factory=dict)
    owners: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, folder: Path) -> Source:
        """Read a package's files, without its tests."""
        source = cls()
        for path in sorted(folder.glob("*.go")):
            if not path.name.endswith("_test.go"):
                source.add(path.read_text(encoding="utf-8"))
        return source

    def add(self, text: str) -> None:
        """Read one file's text."""
        for match in FUNCTION.finditer(text):
            receiver, owner, name, body = match.groups(default="")
            function = Function(name, body, receiver, owner)
            if owner:
                self.methods[owner, name] = function
                self.owners.add(owner)
            else:
                self.functions[name] = function

    def registered(self) -> dict[str, str]:
        """The functions that make resources ("resource.alicloud_vpc") and data sources ("data.alicloud_zones")."""
        found: dict[str, str] = {}
        for match in REGISTRATION.finditer(self.functions[EVERYTHING].text):
            name, maker = match.groups()
            found[f"{'data' if maker.lower().startswith('datasource') else 'resource'}.{name}"] = maker
        return found

    def reachable(self, name: str) -> Iterator[Function]:
        """The function of this name and all that it calls or refers to, each once."""
        waiting, seen = [self.functions[name]], set()
        while waiting:
            function = waiting.pop()
            if (function.owner, function.name) in seen:
                continue
            seen.add((function.owner, function.name))
            yield function
            waiting += self._called_by(function)

    def _called_by(self, function: Function) -> Iterator[Function]:
        types = {name: owner for name, owner in ARGUMENT.findall(function.text[:400]) if owner in self.owners}
        types |= {name: owner for name, owner in INSTANCE.findall(function.text) if owner in self.owners}
        if function.owner:
            types[function.receiver] = function.owner
        for variable, name in METHOD_CALL.findall(function.text):
            method = self.methods.get((types.get(variable, ""), name))
            if method is not None:
                yield method
        for word in sorted(set(WORD.findall(NOT_CODE.sub("", function.text)))):
            if word in self.functions and word != EVERYTHING:
                yield self.functions[word]
