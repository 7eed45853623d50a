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

REGISTRY = "registry-vpc.cn-hangzhou.aliyuncs.com/language-models"
TRAINER_REFERENCE = f"{REGISTRY}/trainer:0.1.0"
CONTROLLERS_REFERENCE = f"{REGISTRY}/controllers:0.1.0"
"""The names under which pods ask for the images, as the stack files give them. In the store they have no other name,
because an archive bears every name of its image."""

RECIPE = 1
"""Raise it when the builder's code changes what comes out of the same inputs."""

GIBIBYTE = 1 << 30
FREE_SPACE_FIRST = 6 * GIBIBYTE
"""Bytes free before the first build; measured at its peak: wheels 0.4 GiB, layers 1.3, archive 1.2, and as much in
temporary files."""

FREE_SPACE_AGAIN = 3 * GIBIBYTE
"""Bytes free before a later one: the new archive is whole before the old one goes."""


@dataclass(frozen=True)
class Image:
    """An image on the base image: a folder below images/ with a Dockerfile and pins, and the packages that it holds."""

    name: str
    """Its folder below images/, and what the command line calls it."""
    reference: str
    packages: tuple[str, ...]
    """Files and folders of the repository that reach the build."""
    requirements: tuple[str, ...] = ("requirements.txt",)
    """Files of pins beside the Dockerfile; those of a `-no-deps` file are fetched without their dependencies."""


TRAINER = Image("trainer", TRAINER_REFERENCE, ("trainer",), ("requirements.txt", "requirements-no-deps.txt"))
CONTROLLERS = Image(
    "controllers",
    CONTROLLERS_REFERENCE,
    # Of the trainer only its object store and the lease in it, which need neither TensorFlow nor ElasticDL.
    ("controllers", "trainer/__init__.py", "trainer/command_line.py", "trainer/errors.py", "trainer/storage"),
)
IMAGES = (TRAINER, CONTROLLERS)
"""In the order in which they are built."""


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

    def sources(self, image: Image) -> Path:
        """An image's Dockerfile and pins."""
        return self.repository / "images" / image.name
