"""`python -m sandbox.images`: build the images, list what is built."""

from __future__ import annotations

import argparse
import errno
import sys
from collections.abc import Sequence

from sandbox.errors import SandboxError
from sandbox.images.builder import build_images
from sandbox.images.index import read_index
from sandbox.images.settings import IMAGES, ImagePaths
from sandbox.progress import Progress

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0 done, 1 an error on one line, 130 interrupted."""
    options = _parser().parse_args(arguments)
    paths = ImagePaths.default()
    try:
        if options.action == "build":
            wanted = [image for image in IMAGES if options.image in ("all", image.name)]
            build_images(paths, Progress(), only_base=options.image == "base", images=wanted or IMAGES)
        _show(paths)
    except SandboxError as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"images: {_way_out(error, paths)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("images: stopped; what is built so far is kept: run it again to go on", file=sys.stderr)
        return INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.images",
        description="The images that the sandbox's nodes run, built from images/ without a Docker daemon (needs root).",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    build = actions.add_parser(
        "build", help="build what its sources changed; the first time takes minutes, a change seconds"
    )
    build.add_argument(
        "image",
        nargs="?",
        choices=["all", *(image.name for image in IMAGES), "base"],
        default="all",
        help="which one (default: all of them)",
    )
    actions.add_parser("list", help="show each image's reference and archive")
    return parser


def _way_out(error: OSError, paths: ImagePaths) -> str:
    place = error.filename or paths.cache
    if error.errno == errno.ENOSPC:
        return f"the disk of {place} is full; free some space and run it again: it goes on from there"
    return f"{place}: {error.strerror}; mend that, or move the cache with LANGUAGE_MODEL_CLUSTERS_CACHE"


def _show(paths: ImagePaths) -> None:
    entries = read_index(paths.index)
    if not entries:
        print("no image is built yet: python -m sandbox.images build")
    for reference, archive in entries.items():
        file = paths.results / archive
        size = f"{file.stat().st_size / 1e6:.0f} MB" if file.is_file() else "missing: build again"
        print(f"{reference}  {file}  {size}")
