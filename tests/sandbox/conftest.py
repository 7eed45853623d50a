"""A sandbox of the tests' own, beside a person's: emptied before, removed after, and looked for afterwards.

`make test-sandbox` has two workers (`-n 2 --dist loadfile --no-loadscope-reorder`), since most of a test is waiting.
Each has a sandbox of its own, and takes the next module, in the order made here, when it is done with one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import lifecycle
from sandbox.progress import Progress
from sandbox.settings import SandboxSettings

FOLDER = Path(__file__).parent
ORDER = (
    *("test_isolation", "test_region", "test_network_policy", "test_engine", "test_one_business", "test_clusters"),
    *("test_images", "test_sandbox_page", "test_cloud_with_real_region", "test_interrupted_engine", "test_review"),
)
"""The longest modules first; the two longest one after the other, beside others. What is not named comes last."""
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
INDEXES_APART = 10
"""Between two workers' sandboxes: a place in the address plan that no test takes for itself, as some do."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With two workers, begin with the longest modules: whoever is done last should not be long alone."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return

    def place(item: pytest.Item) -> int:
        if not item.path.is_relative_to(FOLDER):
            return -1
        return ORDER.index(item.path.stem) if item.path.stem in ORDER else len(ORDER)

    items.sort(key=place)


@pytest.fixture(scope="session")
def settings() -> SandboxSettings:
    name = os.environ.get("SANDBOX_NAME", "test")
    index = int(os.environ.get("SANDBOX_INDEX", "1"))
    os.environ["SANDBOX_NAME"] = f"{name}-{WORKER}" if WORKER else name
    os.environ["SANDBOX_INDEX"] = str(index + WORKER * INDEXES_APART)
    return SandboxSettings.from_environment()


@pytest.fixture(scope="session")
def progress() -> Progress:
    return Progress()


@pytest.fixture(scope="module")
def empty_sandbox(settings: SandboxSettings, progress: Progress) -> Iterator[SandboxSettings]:
    """No state and no trace on the host, before and after; what the machine lacks is said first."""
    lifecycle.require_healthy_machine(settings)
    lifecycle.stop(settings, progress, purge=True)
    yield settings
    lifecycle.stop(settings, progress, purge=True)
