"""A sandbox's settings in a temporary place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.addresses import Addresses
from sandbox.certificates import certificate_authority
from sandbox.settings import SandboxSettings


@pytest.fixture
def settings(tmp_path: Path) -> SandboxSettings:
    return SandboxSettings("unit", Addresses(9), tmp_path / "state", tmp_path / "cache")


@pytest.fixture(scope="session", autouse=True)
def no_authorities_of_the_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Clients trust an authority of the tests' own: reading the machine's takes each new client 20 ms."""
    authority = certificate_authority(tmp_path_factory.mktemp("authority")).certificate_path
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(authority))
        yield
