"""A small repository and cache, laid out as the real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.images.settings import ImagePaths


@pytest.fixture
def paths(tmp_path: Path) -> ImagePaths:
    """Sources of the images, one file each where one will do."""
    files = {
        "images/base/Dockerfile": "FROM scratch\n",
        "images/base/dpkg-slim.cfg": "path-exclude /usr/share/man/*\n",
        "images/trainer/Dockerfile": "FROM base\n",
        "images/trainer/requirements.txt": "numpy==1.23.5\n",
        "images/trainer/requirements-no-deps.txt": "elasticdl==0.2.0rc3\n",
        "images/controllers/Dockerfile": "FROM base\n",
        "images/controllers/requirements.txt": "pydantic==2.14.3\n",
        "controllers/__init__.py": "",
        "trainer/__init__.py": "",
        "trainer/command_line.py": "",
        "trainer/errors.py": "",
        "trainer/storage/lease.py": "",
        "trainer/storage/object_store.py": "",
        "trainer/storage/oss.py": "",
        "trainer/model/network.py": "LAYERS = 2\n",
    }
    for name, content in files.items():
        file = tmp_path / "repository" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    return ImagePaths(repository=tmp_path / "repository", cache=tmp_path / "cache")
