"""buildah with a store of the project's own, in the cache: it shares nothing with other uses of buildah here."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.images.isolation import ENCLOSURE, run_enclosed

QUERY_SECONDS = 120


class ImageStore:
    """Images and layers by name; each call is one enclosed run of buildah, so no mount of it stays behind."""

    def __init__(self, folder: Path, log: Path, on_line: Callable[[str], None] = lambda line: None) -> None:
        """Keep images below `folder`; write buildah's output to `log` and show each line to `on_line`."""
        self.folder = folder
        self.log = log
        self._on_line = on_line
        self._storage = folder / "storage"
        self._running = folder / "run"
        # A killed build can't remove its temporary files, so they lie where the next one does.
        self._temporary = folder / "tmp"
        self._driver: str | None = None

    def has(self, image: str) -> bool:
        """Whether an image of this name (with its tag) is there."""
        return self._query("images", "--quiet", image).returncode == 0

    def build(
        self, image: str, context: Path, dockerfile: Path, arguments: Mapping[str, str], lent: Mapping[Path, str]
    ) -> None:
        """Build a Dockerfile; `lent` host folders are seen read-only while it runs and are no part of the image.

        Every layer is kept, so a later or an interrupted build goes on from the last one that fits.
        """
        command = [
            "build",
            "--isolation",
            "chroot",
            "--layers",
            "--pull-never",
            "--tag",
            image,
            "--file",
            str(dockerfile),
        ]
        for name, value in arguments.items():
            command += ["--build-arg", f"{name}={value}"]
        for folder, place in lent.items():
            command += ["--volume", f"{folder}:{place}:ro"]
        self._run(f"building {image.rpartition('/')[2]}", *command, str(context))

    def export(self, image: str, archive: Path) -> None:
        """Write the image to a docker-archive under its name; the file appears when it is whole."""
        partial = archive.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        self._run(f"writing {archive.name}", "push", "--quiet", image, f"docker-archive:{partial}:{image}")
        partial.replace(archive)

    def tidy(self, keep: Sequence[str]) -> None:
        """Remove the images that are not in `keep` and the layers that only they used."""
        listed = self._query("images", "--format", "{{.Name}}:{{.Tag}}").stdout.split()
        stale = [image for image in listed if image not in keep and not image.startswith("<none>")]
        if stale:
            self._run("removing old images", "rmi", *stale)
        self._run("removing unused layers", "rmi", "--prune")

    def recover(self) -> None:
        """Remove the working containers and temporary files of builds that were killed; the caller holds the lock."""
        shutil.rmtree(self._temporary, ignore_errors=True)
        if self._query("containers", "--quiet").stdout.strip():
            self._run("removing a killed build's remains", "rm", "--all")

    def run(self, image: str, command: Sequence[str], what: str) -> None:
        """Run a command in a throw-away container of the image, on the machine's network; raises SandboxError."""
        name = "language-model-clusters-run"
        self._query("rm", name)
        self._run(what, "from", "--pull-never", "--name", name, image)
        try:
            self._run(what, "run", "--isolation", "chroot", name, "--", *command)
        finally:
            self._query("rm", name)

    def _run(self, what: str, *arguments: str) -> None:
        run_enclosed(
            [*self._buildah(self._working_driver()), *arguments],
            what=what,
            log=self.log,
            environment=self._environment(),
            on_line=self._on_line,
        )

    def _environment(self) -> dict[str, str]:
        self._temporary.mkdir(parents=True, exist_ok=True)
        return {**os.environ, "TMPDIR": str(self._temporary)}

    def _query(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._call(self._working_driver(), *arguments)

    def _call(self, driver: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*ENCLOSURE, *self._buildah(driver), *arguments]
        try:
            return subprocess.run(
                command, capture_output=True, text=True, timeout=QUERY_SECONDS, check=False, env=self._environment()
            )
        except subprocess.TimeoutExpired as error:
            raise SandboxError(
                f"buildah {arguments[0]} gave no answer in {QUERY_SECONDS} s; if it does so again, delete {self.folder}"
            ) from error

    def _buildah(self, driver: str) -> list[str]:
        # What mounts exist is noted there, and each run's mounts end with it: a note from before would be wrong.
        shutil.rmtree(self._running, ignore_errors=True)
        return ["buildah", "--root", str(self._storage), "--runroot", str(self._running), "--storage-driver", driver]

    def _working_driver(self) -> str:
        """Overlay where the file system carries it; plain copies (slower, larger) elsewhere, as inside a container."""
        if self._driver is None:
            failures = []
            for driver in ("overlay", "vfs"):
                answer = self._call(driver, "info")
                if answer.returncode == 0:
                    self._driver = driver
                    return driver
                failures.append(answer.stderr.strip()[-200:])
            raise SandboxError(
                f"buildah can't keep images in {self.folder}: {failures[0]}; delete the folder and try again"
            )
        return self._driver
