"""Sentences -> training, validation and test parts: without repetitions, each sentence's part decided by its own hash.

What a part is for: `train` for everything that is fitted to text (the network, the counts, the hidden Markov model);
`valid` for what is chosen (when to stop, hyper-parameters, the mixture's weights); `test` for what is reported and for
promotion, and for nothing else. As the hash decides, a sentence never changes sides when text is added or removed, so
no later data set has a test sentence of an earlier one in its training part.

Text of any size passes through a spool on disk: sentences go into one of 256 files by the first byte of their hash, and
each of these fits in memory by itself.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from trainer.errors import DataError

Part = Literal["train", "valid", "test"]
PARTS: tuple[Part, ...] = get_args(Part)
PERCENT = 5
"""Of the sentences that are held out for validation, and again for the test."""
BUCKETS = 256
_STATE = "state.json"


@dataclass(frozen=True)
class Split:
    """Each part's sentences, in an order that depends on their text alone; and how many were dropped as repeated."""

    train: list[str]
    valid: list[str]
    test: list[str] = field(default_factory=list)
    repeated: int = 0

    def lines(self, part: Part) -> Iterable[str]:
        """One part's sentences."""
        return {"train": self.train, "valid": self.valid, "test": self.test}[part]


def digest_of(line: str) -> bytes:
    """The hash that decides a sentence's place and part."""
    return hashlib.blake2b(line.encode(), digest_size=16).digest()


def part_of(digest: bytes, percent: int = PERCENT) -> Part:
    """The part of the sentence with this hash. Its first bytes give the order, so its last ones decide the part."""
    place = int.from_bytes(digest[-4:], "big") % 100
    if place < percent:
        return "valid"
    return "test" if place >= 100 - percent else "train"


def split(found: Iterable[str], percent: int = PERCENT) -> Split:
    """All parts in memory. The order is that of the hashes, so that neighbouring lines come from different articles.

    Raises DataError if a part stays empty.
    """
    by_digest: dict[bytes, str] = {}
    read = 0
    for line in found:
        by_digest[digest_of(line)] = line
        read += 1
    parts: dict[Part, list[str]] = {part: [] for part in PARTS}
    for digest in sorted(by_digest):
        parts[part_of(digest, percent)].append(by_digest[digest])
    require_all({part: len(lines) for part, lines in parts.items()})
    return Split(**parts, repeated=read - len(by_digest))


def require_all(sentences: dict[Part, int]) -> None:
    """Raises DataError if a part has none."""
    if not all(sentences.get(part) for part in PARTS):
        counts = ", ".join(f"{sentences.get(part, 0)} {part}" for part in PARTS)
        raise DataError(f"{counts} sentences: too little text for all three parts; give more text")


class Spool:
    """Sentences on disk, source by source; what was read of a source is kept, so that a later call goes on from there.

    Below the folder: 00.txt to ff.txt, the sentences by hash; state.json, the sources that are whole in them and the
    files' sizes at that time. A source that was interrupted is cut off again when the spool is opened.
    """

    def __init__(self, folder: Path, fingerprint: str = "") -> None:
        """`fingerprint`: how the sources are read. Another one than the folder's begins anew."""
        self._folder = folder
        self._fingerprint = fingerprint
        folder.mkdir(parents=True, exist_ok=True)
        self._paths = [folder / f"{number:02x}.txt" for number in range(BUCKETS)]
        self._state: dict[str, Any] = self._read_state()
        sizes = self._state["sizes"]
        for path in self._paths:
            with path.open("ab") as file:
                file.truncate(sizes.get(path.name, 0))
        self.repeated = 0

    @property
    def sources(self) -> dict[str, dict[str, Any]]:
        """What is whole in the spool: each source's name, with what its reader noted of it."""
        return dict(self._state["sources"])

    def add(self, lines: Iterable[str]) -> None:
        """Take in sentences. They count once `finish_source` was called."""
        waiting: list[list[bytes]] = [[] for _ in range(BUCKETS)]
        for count, line in enumerate(lines, start=1):
            waiting[digest_of(line)[0]].append(line.encode())
            if count % 100_000 == 0:
                self._write(waiting)
        self._write(waiting)

    def finish_source(self, name: str, noted: dict[str, object]) -> None:
        """Everything added since the last call is this source's, and the source is whole."""
        self._state["sources"][name] = noted
        self._state["sizes"] = {path.name: path.stat().st_size for path in self._paths}
        written = self._folder / f"{_STATE}.new"
        written.write_text(json.dumps(self._state, ensure_ascii=False))
        written.replace(self._folder / _STATE)

    def lines(self, part: Part) -> Iterator[str]:
        """One part's sentences, in the order of their hashes, without repetitions."""
        for digest, line in self._sorted():
            if part_of(digest) == part:
                yield line

    def count(self) -> dict[Part, int]:
        """Sentences of each part; and sets `repeated`, how many more were added."""
        found: dict[Part, int] = dict.fromkeys(PARTS, 0)
        for digest, _ in self._sorted():
            found[part_of(digest)] += 1
        written = 0
        for path in self._paths:
            with path.open("rb") as file:
                written += sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
        self.repeated = written - sum(found.values())
        return found

    def remove(self) -> None:
        """The text is in the data set now."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _sorted(self) -> Iterator[tuple[bytes, str]]:
        for path in self._paths:
            by_digest = {digest_of(line): line for line in path.read_text(encoding="utf-8").split("\n") if line}
            yield from ((digest, by_digest[digest]) for digest in sorted(by_digest))

    def _write(self, waiting: list[list[bytes]]) -> None:
        for path, lines in zip(self._paths, waiting, strict=True):
            if lines:
                with path.open("ab") as file:
                    file.write(b"\n".join(lines) + b"\n")
                lines.clear()

    def _read_state(self) -> dict[str, Any]:
        fresh: dict[str, Any] = {"fingerprint": self._fingerprint, "sources": {}, "sizes": {}}
        try:
            found = json.loads((self._folder / _STATE).read_text())
        except (FileNotFoundError, ValueError):
            return fresh
        if not isinstance(found, dict) or found.get("fingerprint") != self._fingerprint:
            return fresh
        return {**fresh, **found}
