"""The images' Python packages as wheels, fetched with this machine's own pip settings.

An image then installs from a folder: no registry's name, proxy or certificate of this machine gets near it.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.images.recipe import requirement_files, wheelhouse_key
from sandbox.images.settings import IMAGES, Image, ImagePaths

PIP_SECONDS = 1800
PYTHON_OF_IMAGE = (3, 11)
COMPLETE = ".complete"
NO_SPACE = "No space left on device"


def require_same_python(version: tuple[int, int] | None = None, machine: str | None = None) -> None:
    """Raise SandboxError unless wheels for this interpreter fit the image; arguments replace what the machine says."""
    actual = version or (sys.version_info.major, sys.version_info.minor)
    if actual != PYTHON_OF_IMAGE:
        raise SandboxError(
            f"this is Python {actual[0]}.{actual[1]}, and packages have to be fetched for the images' "
            f"{PYTHON_OF_IMAGE[0]}.{PYTHON_OF_IMAGE[1]}: run it with python3.11"
        )
    processor = machine or platform.machine()
    if processor != "x86_64":
        raise SandboxError(
            f"this machine's processor is {processor}; ElasticDL's parameter server exists for x86_64 only: "
            "build on such a machine"
        )


def wheelhouse(paths: ImagePaths, image: Image, log: Path) -> Path:
    """The folder of wheels for an image's pins, filled unless it is complete; raises SandboxError."""
    require_same_python()
    folder = _folder(paths, image)
    if (folder / COMPLETE).is_file():
        return folder
    needed = {_folder(paths, other) for other in IMAGES if all(map(Path.is_file, requirement_files(paths, other)))}
    for stale in set(paths.work.glob("wheels-*")) - needed:
        shutil.rmtree(stale)
    for file in requirement_files(paths, image):
        _wheels(folder, file, ["--no-deps"] if file.stem.endswith("-no-deps") else [], log)
    (folder / COMPLETE).touch()
    return folder


def _folder(paths: ImagePaths, image: Image) -> Path:
    return paths.work / f"wheels-{image.name}-{wheelhouse_key(paths, image)}"


def _wheels(folder: Path, requirements: Path, options: list[str], log: Path) -> None:
    command = [
        "nice",
        "-n",
        "10",
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--disable-pip-version-check",
        "--progress-bar=off",
    ]
    command += [*options, f"--wheel-dir={folder}", "-r", str(requirements)]
    with log.open("a", encoding="utf-8") as record:
        record.write(f"$ {' '.join(command)}\n")
        record.flush()
        try:
            done = subprocess.run(command, stdout=record, stderr=record, timeout=PIP_SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise SandboxError(
                f"fetching {requirements} took longer than {PIP_SECONDS} s; run it again: it goes on from there ({log})"
            ) from error
    if done.returncode != 0:
        raise SandboxError(_explain(requirements, log))


def _explain(requirements: Path, log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace")
    if NO_SPACE in text[-16_384:]:
        return f"fetching {requirements} failed: the disk of {log.parent} is full; free some space and run it again"
    reasons = [line for line in text.splitlines() if line.startswith("ERROR:")]
    reason = reasons[-1].removeprefix("ERROR: ") if reasons else "pip gave no reason"
    return f"fetching {requirements} failed: {reason}; correct the pin or the network; the whole log: {log}"
