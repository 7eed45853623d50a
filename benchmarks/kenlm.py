"""KenLM (Heafield 2013), the reference for n-gram models: its estimator and query program, built from its source.

The source comes from the package index (the Python package holds all of it, but builds only a library that answers).
Building needs cmake, a C++ compiler and Boost:
    apt-get install cmake g++ libboost-{program-options,system,thread,test}-dev zlib1g-dev libbz2-dev liblzma-dev
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from trainer.data.vocabulary import Ids

VERSION = "0.3.0"
FOLDER = Path("build") / f"kenlm-{VERSION}"
PROGRAMS = ("lmplz", "query")
TIMEOUT_SECONDS = 1800


class KenlmError(Exception):
    """KenLM could not be obtained, built or run; the message says which and what to do."""


def build(folder: Path = FOLDER) -> dict[str, Path]:
    """The programs' paths; downloads and builds what is missing. Raises KenlmError."""
    programs = {name: folder / "build" / "bin" / name for name in PROGRAMS}
    if all(path.exists() for path in programs.values()):
        return programs
    (folder / "build").mkdir(parents=True, exist_ok=True)
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
    _run([*download, "--no-build-isolation", "--dest", str(folder), f"kenlm=={VERSION}"], "obtaining KenLM's source")
    with tarfile.open(folder / f"kenlm-{VERSION}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    configure = ["cmake", "-S", str(folder / f"kenlm-{VERSION}"), "-B", str(folder / "build")]
    _run([*configure, "-DCMAKE_BUILD_TYPE=Release"], "configuring KenLM")
    _run(["cmake", "--build", str(folder / "build"), "--target", *PROGRAMS, "--parallel", "2"], "building KenLM")
    return programs


def log_probabilities(
    train: Sequence[Ids], test: Sequence[Ids], order: int, folder: Path, programs: dict[str, Path]
) -> NDArray[np.float64]:
    """log P (natural) of each word of the test text and each sentence's end, by an interpolated modified Kneser-Ney
    model of the training text, unpruned; shape (positions,). Raises KenlmError."""
    for name, sentences in (("train", train), ("test", test)):
        lines = (" ".join(f"w{word}" for word in sentence.tolist()) for sentence in sentences)
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    model = folder / "model.arpa"
    estimate = [str(programs["lmplz"]), "--order", str(order), "--temp_prefix", f"{folder}/", "--memory", "1G"]
    _run([*estimate, "--text", str(folder / "train.txt"), "--arpa", str(model)], "estimating with KenLM")
    with (folder / "test.txt").open() as text:
        answer = _run([str(programs["query"]), "-v", "word", str(model)], "asking KenLM", stdin=text)
    found = [float(token.split(" ")[2]) for line in answer.splitlines() for token in line.split("\t") if "=" in token]
    return np.asarray(np.array(found) * np.log(10.0), dtype=np.float64)


def _run(command: list[str], what: str, stdin: int | TextIO = subprocess.DEVNULL) -> str:
    try:
        done = subprocess.run(
            command,
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise KenlmError(f"{what}: there is no {command[0]}; see benchmarks/kenlm.py for what to install") from error
    if done.returncode:
        reason = " ".join((done.stderr or done.stdout).split())[-300:]
        raise KenlmError(f"{what} failed ({reason}); see benchmarks/kenlm.py for what to install")
    return done.stdout
