"""Node templates: containerd's files with every image imported and unpacked, made once and shared by all nodes.

A template is keyed by the content of its images. A node's own root takes copies of the template's two small databases
and, for each layer and blob, a symbolic link into the template: layers of images are only ever read (overlayfs lower
directories), so a node with images of gigabytes costs no space and a few milliseconds, also across file systems.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sandbox.region import control_groups, pause_image
from sandbox.region.api import wait_until
from sandbox.region.binaries import binary
from sandbox.region.commands import clean_environment, run, succeeds
from sandbox.region.container_runtime import NAMESPACE, render_configuration
from sandbox.region.errors import RegionError
from sandbox.region.layout import MARKER_VARIABLE, RUNTIME_DIRECTORY
from sandbox.region.processes import kill_all, owned_processes
from sandbox.settings import SandboxSettings

FORMAT = "1"
"""Changes when templates made by older code must not be used."""
IMPORT_SECONDS = 900.0
CONTENT = "io.containerd.content.v1.content"
METADATA = "io.containerd.metadata.v1.bolt"
SNAPSHOTS = "io.containerd.snapshotter.v1.overlayfs"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ImageArchive:
    """An image to preload: its reference and its docker-archive."""

    reference: str
    path: Path


def read_index(images: Path) -> list[ImageArchive]:
    """The images that the builder of images has listed in `index.json`; none when there is no such file.

    Raises:
        RegionError: when the list cannot be read or an archive is missing.
    """
    index = images / "index.json"
    if not index.exists():
        return []
    try:
        entries = json.loads(index.read_text())
        archives = [ImageArchive(entry["reference"], images / entry["archive"]) for entry in entries]
    except (ValueError, TypeError, KeyError) as error:
        raise RegionError(
            f"{index} is not a list of reference and archive ({error}); build the images again"
        ) from error
    for archive in archives:
        if not archive.path.is_file():
            raise RegionError(f"{archive.path}, listed in {index}, is missing; build the images again")
    return archives


def template_key(archives: list[tuple[str, str]]) -> str:
    """The template's name: a hash over the references and content digests of its images, in any order."""
    lines = [f"format {FORMAT}", *(f"{reference} {digest}" for reference, digest in sorted(archives))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:24]


def build_node_template(settings: SandboxSettings, progress: Progress | None = None) -> Path:
    """The template for the images that there are now, made when it is not there yet.

    Args:
        settings: whose cache holds images and templates.
        progress: told in a line what takes long.

    Raises:
        RegionError: when an image cannot be imported.
    """
    with _locked(settings):
        return _build(settings, progress or (lambda line: None))


def clone_template(settings: SandboxSettings, root: Path, mark: Path, progress: Progress | None = None) -> None:
    """Fill an empty containerd root from the template.

    Args:
        settings: whose cache holds images and templates.
        root: the node's containerd root; must not exist.
        mark: file that will hold the template's name; while it does, the template is in use and stays.
        progress: told in a line what takes long.
    """
    with _locked(settings):
        template = _build(settings, progress or (lambda line: None))
        users = template / "users"
        users.mkdir(exist_ok=True)
        mark.write_text(template.name)
        (users / hashlib.sha256(str(mark).encode()).hexdigest()[:24]).write_text(str(mark))
        _link(template / "root", root)


def current_key(settings: SandboxSettings) -> str:
    """The name of the template that a new node would use."""
    return template_key(_digests(settings, _archives(settings)))


def _build(settings: SandboxSettings, progress: Progress) -> Path:
    archives = _archives(settings)
    key = template_key(_digests(settings, archives))
    template = _templates(settings) / key
    if (template / "complete").exists():
        return template
    shutil.rmtree(template, ignore_errors=True)
    (template / "root").mkdir(parents=True)
    with _containerd(settings, template) as socket:
        for archive in archives:
            progress(f"unpacking {archive.reference} for the nodes")
            _import(settings, socket, archive)
    (template / "complete").write_text("\n".join(archive.reference for archive in archives) + "\n")
    _drop_unused(settings, keep=key)
    return template


def _link(template: Path, root: Path) -> None:
    """Share what is read, copy what is written."""
    for database in (f"{METADATA}/meta.db", f"{SNAPSHOTS}/metadata.db"):
        (root / database).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(template / database, root / database)
    for folder in (f"{CONTENT}/blobs/sha256", f"{SNAPSHOTS}/snapshots"):
        (root / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        for entry in (template / folder).iterdir():
            (root / folder / entry.name).symlink_to(entry)


@contextlib.contextmanager
def _containerd(settings: SandboxSettings, template: Path) -> Iterator[str]:
    """A containerd of our own on the template's root; gives its socket.

    It has a private mount namespace, so that no mount can stay behind; it is found by its marker if we die.
    """
    owner = f"{settings.addresses.prefix}template"
    runtime = RUNTIME_DIRECTORY / owner
    kill_all(lambda: owned_processes(lambda name: name == owner), "an earlier template builder")
    shutil.rmtree(runtime, ignore_errors=True)
    runtime.mkdir(mode=0o700)
    configuration = render_configuration(template / "root", runtime / "cni", pause_image.REFERENCE)
    configuration = configuration.replace("/run/containerd", str(runtime))
    configuration = configuration.replace(
        "disabled_plugins = [", 'disabled_plugins = [\n  "io.containerd.grpc.v1.cri",'
    )
    (runtime / "config.toml").write_text(configuration)
    groups = control_groups.create(owner)
    join = "".join(f"echo $$ > {group}/cgroup.procs\n" for group in groups)
    program = f"{join}exec unshare --mount containerd --config {runtime / 'config.toml'}"
    socket = str(runtime / "containerd.sock")
    with (template / "containerd.log").open("wb") as log:
        process = subprocess.Popen(
            ["sh", "-e", "-c", program],
            env=clean_environment({MARKER_VARIABLE: owner}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_until(
            lambda: succeeds(["ctr", "--address", socket, "version"], timeout=10),
            30,
            lambda: f"containerd did not start; its log is {template / 'containerd.log'}",
        )
        yield socket
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=20)
        kill_all(lambda: owned_processes(lambda name: name == owner), "the template builder")
        control_groups.remove(owner)
        shutil.rmtree(runtime, ignore_errors=True)


def _import(settings: SandboxSettings, socket: str, archive: ImageArchive) -> None:
    client = ["ctr", "--address", socket, "--namespace", NAMESPACE, "images"]
    before = set(run([*client, "list", "--quiet"]).split())
    run([*client, "import", str(archive.path)], timeout=IMPORT_SECONDS)
    after = run([*client, "list", "--quiet"]).split()
    if archive.reference in after:
        return
    new = [name for name in after if name not in before]
    if not new:
        raise RegionError(f"{archive.path} holds no image that is not already there under another name: {after}")
    run([*client, "tag", new[0], archive.reference])


def _archives(settings: SandboxSettings) -> list[ImageArchive]:
    pause = pause_image.ensure(binary("pause"), _templates(settings))
    return [ImageArchive(pause_image.REFERENCE, pause), *read_index(settings.cache / "images")]


def _digests(settings: SandboxSettings, archives: list[ImageArchive]) -> list[tuple[str, str]]:
    """Each archive's reference and SHA-256, remembered by size and time of change: archives have gigabytes."""
    memory = _templates(settings) / "digests.json"
    try:
        known: dict[str, str] = json.loads(memory.read_text())
    except (OSError, ValueError):
        known = {}
    remembered, result = {}, []
    for archive in archives:
        status = archive.path.stat()
        identity = f"{archive.path} {status.st_size} {status.st_mtime_ns}"
        if identity in known:
            digest = known[identity]
        else:
            with archive.path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        remembered[identity] = digest
        result.append((archive.reference, digest))
    if remembered != known:
        memory.parent.mkdir(parents=True, exist_ok=True)
        temporary = memory.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(remembered, indent=1))
        temporary.replace(memory)
    return result


def _drop_unused(settings: SandboxSettings, keep: str) -> None:
    """Remove templates that no node uses any more."""
    for template in _templates(settings).iterdir():
        if not template.is_dir() or template.name == keep:
            continue
        users = [Path(user.read_text()) for user in (template / "users").glob("*")]
        if not any(mark.exists() and mark.read_text() == template.name for mark in users):
            shutil.rmtree(template, ignore_errors=True)


def _templates(settings: SandboxSettings) -> Path:
    return settings.cache / "node-templates"


@contextlib.contextmanager
def _locked(settings: SandboxSettings) -> Iterator[None]:
    """One builder at a time; the kernel frees the lock of one that dies."""
    _templates(settings).mkdir(parents=True, exist_ok=True)
    with (_templates(settings) / "lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
