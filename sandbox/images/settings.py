"""What the images are called, what they are made of, and where the builder keeps its things."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sandbox.paths import REPOSITORY, cache_directory

SUITE = "bookworm"
"""Debian 12: its Python 3.11 is the newest that TensorFlow 2.15, and so ElasticDL, runs on."""

BASE_PACKAGES = ("ca-certificates",)
"""Beyond debootstrap's minimal set: the trust store, which gets the sandbox's authority."""

BASE_NAME = "localhost/language-model-clusters/base"
"""Name in the builder's own store; its tag is its key. No node ever sees it."""

TRAINER_REFERENCE = "registry-vpc.cn-hangzhou.aliyuncs.com/language-models/trainer:0.1.0"
"""The name under which pods ask for the trainer, as the stack files give it. In the store it has no other name, because
an archive bears every name of its image."""

RECIPE = 1
"""Raise it when the builder's code changes what comes out of the same inputs."""

GIBIBYTE = 1 << 30
FREE_SPACE_FIRST = 6 * GIBIBYTE
"""Bytes free before the first build; measured at its peak: wheels 0.4 GiB, layers 1.3, archive 1.2, and as much in
temporary files."""

FREE_SPACE_AGAIN = 3 * GIBIBYTE
"""Bytes free before a later one: the new archive is whole before the old one goes."""


@dataclass(frozen=True)
class ImagePaths:
    """Sources in the repository, results in the cache."""

    repository: Path
    cache: Path

    @classmethod
    def default(cls) -> ImagePaths:
        """This checkout and this user's cache."""
        return cls(repository=REPOSITORY, cache=cache_directory())

    @property
    def results(self) -> Path:
        """The folder of the index and of the archives that nodes load."""
        return self.cache / "images"

    @property
    def index(self) -> Path:
        """What the nodes read: a list of reference and archive."""
        return self.results / "index.json"

    @property
    def work(self) -> Path:
        """The builder's own things; deleting the folder costs time only."""
        return self.results / "buildah"

    @property
    def lock(self) -> Path:
        """Held while building."""
        return self.results / "lock"

    @property
    def base_sources(self) -> Path:
        """The base image's Dockerfile and Debian configuration."""
        return self.repository / "images" / "base"

    @property
    def trainer_sources(self) -> Path:
        """The trainer image's Dockerfile and pins."""
        return self.repository / "images" / "trainer"
