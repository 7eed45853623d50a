"""Stands in for pyodps, which all of ElasticDL imports (0.9 s of every start) for a source of data not used here.

In pods it comes first on PYTHONPATH. Whoever does use it is told so.
"""

from __future__ import annotations

from typing import Any

from . import models, types

__all__ = ["ODPS", "models", "types"]


class ODPS:
    """The client of MaxCompute."""

    def __init__(self, *_: Any, **__: Any) -> None:
        raise RuntimeError("MaxCompute (ODPS) is not supported as a source of data: this odps is a stand-in")
