"""The data card: a page beside the data set that says what the text is, whose, and how it was cut and divided."""

from __future__ import annotations

from trainer.data.dataset import Manifest
from trainer.data.partition import PARTS, PERCENT

_PURPOSE = {
    "train": "what is fitted to text",
    "valid": "what is chosen: when to stop, settings, a mixture's weights",
    "test": "what is reported, and promotion",
}


def data_card(manifest: Manifest) -> str:
    """Markdown, for people; everything in it comes from the manifest."""
    source = manifest.source
    files = source.get("files", {})
    rows = "\n".join(
        f"| {part} | {found.sentences:,} | {found.words:,} | {found.words / max(1, found.sentences):.1f} "
        f"| {found.longest_sentence} | {found.distinct_words:,} | {found.unknown_words / max(1, found.words):.2%} "
        f"| {_PURPOSE[part]} |"
        for part in PARTS
        if (found := manifest.statistics.get(part))
    )
    listed = "\n".join(f"| `{name}` | `{checksum}` |" for name, checksum in files.items())
    skipped = "\n".join(f"* {count:,} × {reason}" for reason, count in sorted(manifest.skipped.items()))
    return f"""# Data card: version {manifest.version}

**Text:** {source.get("description", "not described")}

**Licence:** {source.get("licence", "not given: find out before you use a model that was trained on it")}

**Words:** {source.get("segmentation", "as the source has them")}. Full-width forms were made ordinary (NFKC), letters
small, numerals one symbol, and control and private characters left out; sentences of fewer than 3 words were dropped,
longer ones than 80 cut. The vocabulary has the {manifest.vocabulary_size:,} most frequent words of the training part.

| part | sentences | words | words a sentence | longest | different words | outside the vocabulary | for |
|---|---|---|---|---|---|---|---|
{rows}

A sentence's hash decides its part ({PERCENT} % of them `valid`, {PERCENT} % `test`), so the parts share no sentence,
and text that is added moves none from one part to another. Sentences of one article may be in different parts.
{manifest.repeated_sentences:,} sentences were dropped as repeated.

## Sources
{source_line(source)}

| file | SHA-256 |
|---|---|
{listed}

## Left out
{skipped or "Nothing was unreadable."}
"""


def source_line(source: dict[str, object]) -> str:
    """Where the files come from."""
    if source.get("package"):
        return f"Files of the Python package {source['package']} {source.get('version', '')}".rstrip() + "."
    return "Files that were given to `python -m trainer prepare`."
