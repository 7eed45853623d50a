"""Stands in for the package pyrecordio, which no longer builds and which ElasticDL imports whether it is used or not.

Our data is text, read by a reader of its own; nothing here is ever called. If something does, it says so.
"""

from __future__ import annotations

from typing import NoReturn


class _Missing:
    def __init__(self, *_: object, **__: object) -> None:
        _refuse(type(self).__name__)


class Index(_Missing):
    """Would list the chunks of a RecordIO file."""


class Scanner(_Missing):
    """Would read records of a RecordIO file."""


class Writer(_Missing):
    """Would write records to a RecordIO file."""


def _refuse(name: str) -> NoReturn:
    raise RuntimeError(f"recordio.{name}: RecordIO files are not supported; the trainer's data are text shards")
