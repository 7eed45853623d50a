"""What holds for all tests."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

COLLECTED_AT = 100_000
"""Objects made before the next collection, in place of 700: what tests make is gone before, most often, or small."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[object]:
    """Leave what was imported out of all later garbage collections.

    The classes of the cloud's SDKs stay until the end; to walk them again and again took a third of the tests' time.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(COLLECTED_AT)
        gc.enable()
