"""Text files of any size, in a directory or a bucket -> lines. What can't be read is left out, counted and reported.

A file is read in pieces, each a request of its own that the store repeats when it fails, so a broken connection costs a
piece and memory holds no more than one. Plain text (.txt) and gzip (.txt.gz).
"""

from __future__ import annotations

import codecs
import hashlib
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from trainer.errors import DataError, SettingsError, StoreError
from trainer.storage.object_store import DirectoryStore, ObjectStore, open_store

ENDINGS = (".txt", ".txt.gz")
PIECE_BYTES = 8 << 20
LONGEST_LINE = 100_000
"""Bytes; a longer line is no paragraph but a file without line feeds, a table or an attack."""
_LONGEST_CHARACTER = 4
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

EMPTY, BINARY, UTF16 = "empty files", "binary files (they hold NUL bytes)", "files in UTF-16 (convert them to UTF-8)"
LONG = f"lines of more than {LONGEST_LINE:,} bytes"
CONTROL = "lines with control characters"
TRUNCATED, DAMAGED = "files that end too early (truncated)", "files that gzip can't read to their end (damaged)"


def undecodable(encoding: str) -> str:
    """What lines are counted as that are not in the encoding."""
    return f"lines that are not {encoding}"


@dataclass
class TextFile:
    """One file. `skipped` and `sha256` (of its bytes, as stored) hold once `lines` has come to its end."""

    store: ObjectStore
    key: str
    skipped: Counter[str] = field(default_factory=Counter)
    sha256: str = ""
    size: int = 0

    def lines(self, encoding: str = "utf-8") -> Iterator[str]:
        """Its lines without their line feeds, blank ones left out."""
        self.skipped.clear()
        digest = hashlib.sha256()
        is_cut = False
        for number, raw in enumerate(self._raw_lines(digest)):
            text = raw.removeprefix(codecs.BOM_UTF8) if number == 0 else raw
            try:
                line = text.decode(encoding)
            except UnicodeDecodeError as error:
                self.skipped[undecodable(encoding)] += 1
                is_cut = error.end == len(text) and len(text) - error.start < _LONGEST_CHARACTER
                continue
            is_cut = False
            if any(unicodedata.category(character) == "Cc" and character not in "\t\r\v\f" for character in line):
                self.skipped[CONTROL] += 1
            elif line.strip():
                yield line.strip()
        if is_cut:  # the last line, in the middle of a character
            self.skipped[TRUNCATED] += 1
        self.sha256 = digest.hexdigest()

    def _raw_lines(self, digest: hashlib._Hash) -> Iterator[bytes]:
        """Whole lines; of a longer one than LONGEST_LINE nothing, and no more than a piece of it in memory."""
        rest, too_long = b"", False
        pieces = self._text(digest)
        for number, piece in enumerate(pieces):
            if number == 0 and (reason := _no_text(piece)):
                self.skipped[reason] += 1
                for _ in pieces:  # to the end, for the checksum
                    pass
                return
            first, *others = piece.split(b"\n")
            rest = b"" if too_long else rest + first
            if others:
                yield from self._short([rest] if not too_long else [])
                yield from self._short(others[:-1])
                rest, too_long = others[-1], False
            if len(rest) > LONGEST_LINE:
                self.skipped[LONG] += 1
                rest, too_long = b"", True
        yield from self._short([rest])

    def _short(self, lines: list[bytes]) -> Iterator[bytes]:
        for line in lines:
            if len(line) > LONGEST_LINE:
                self.skipped[LONG] += 1
            else:
                yield line

    def _text(self, digest: hashlib._Hash) -> Iterator[bytes]:
        """The file's text in pieces, decompressed."""
        is_gzip = self.key.endswith(".gz")
        reader = zlib.decompressobj(wbits=31)
        self.size = 0
        for piece in self._pieces():
            digest.update(piece)
            self.size += len(piece)
            if not is_gzip:
                yield piece
                continue
            left = piece
            try:
                while left:
                    if reader.eof:  # another member begins
                        reader = zlib.decompressobj(wbits=31)
                    yield reader.decompress(left, PIECE_BYTES)
                    left = reader.unconsumed_tail or reader.unused_data
            except zlib.error:
                self.skipped[DAMAGED] += 1
                return
        if not self.size:
            self.skipped[EMPTY] += 1
        elif is_gzip and not reader.eof:
            self.skipped[TRUNCATED] += 1

    def _pieces(self) -> Iterator[bytes]:
        start = 0
        while True:
            try:
                piece = self.store.get(self.key, start, start + PIECE_BYTES)
            except StoreError as error:
                if start and "416" in str(error):  # the piece before ended where the object does
                    return
                raise
            if piece:
                yield piece
            if len(piece) < PIECE_BYTES:
                return
            start += PIECE_BYTES


def _no_text(first: bytes) -> str:
    """Why the file that begins so is no text; empty if it is."""
    if first.startswith(_UTF16):
        return UTF16
    return BINARY if b"\0" in first[:8192] else ""


def find(address: str, region: str = "") -> list[TextFile]:
    """The text files at an address: a file, a directory or oss://BUCKET/PREFIX, everything below it, sorted by name.

    Raises SettingsError if there is none, or the address makes no sense.
    """
    if not address.startswith("oss://") and Path(address).is_file():
        path = Path(address)
        return [TextFile(DirectoryStore(path.parent), path.name)]
    store = open_store(address, region)
    found = [TextFile(store, key) for key in store.list() if key.endswith(ENDINGS)]
    if not found:
        raise SettingsError(
            f"{address}: no file that ends in {' or '.join(ENDINGS)}; name a file, a directory or oss://"
        )
    return found


def require_encoding(name: str) -> str:
    """The encoding's own name. Raises SettingsError for one that Python doesn't know or whose lines can't be told."""
    try:
        found = codecs.lookup(name).name
    except LookupError as error:
        raise SettingsError(f"--encoding {name}: unknown; utf-8 and gb18030 are the usual ones") from error
    if found.startswith(("utf-16", "utf-32")):
        raise SettingsError(f"--encoding {name}: convert the files to UTF-8 first, as `iconv -f {name} -t utf-8` does")
    return found


def require_text(sentences: int, skipped: Counter[str]) -> None:
    """Raises DataError if nothing came of all the files, with what was left out."""
    if not sentences:
        told = ", ".join(f"{count:,} {reason}" for reason, count in sorted(skipped.items())) or "nothing left out"
        raise DataError(f"no sentence in the given text ({told}); is --encoding right, and are these files text?")
