"""Node templates: containerd's files with every image imported and unpacked, made once and shared by all nodes.

A template is keyed by the content of its images. A node's own root takes copies of the template's two small databases
and, for each layer and blob, a symbolic link into the template: layers of images are only ever read (overlayfs lower
directories), so a node with images of gigabytes costs no space and a few milliseconds, also across file systems.

A new template starts from the newest old one (hard links), so that only images and layers that changed are unpacked:
measured with an image of 1.2 GB on two busy cores, 22 to 38 s from nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from sandbox.region import control_groups, pause_image
from sandbox.region.api import wait_until
from sandbox.region.binaries import binary
from sandbox.region.commands import clean_environment, remove_tree, run, succeeds
from sandbox.region.container_runtime import NAMESPACE, render_configuration
from sandbox.region.errors import RegionError
from sandbox.region.images import ImageArchive, content_digests, node_images, template_key, templates_directory
from sandbox.region.layout import MARKER_VARIABLE, RUNTIME_DIRECTORY
from sandbox.region.processes import kill_all, owned_processes
from sandbox.settings import SandboxSettings

IMPORT_SECONDS = 900.0
CONTENT = "io.containerd.content.v1.content"
METADATA = "io.containerd.metadata.v1.bolt"
SNAPSHOTS = "io.containerd.snapshotter.v1.overlayfs"
DATABASES = (f"{METADATA}/meta.db", f"{SNAPSHOTS}/metadata.db")
"""What a node or a newer template changes."""
SHARED = (f"{CONTENT}/blobs/sha256", f"{SNAPSHOTS}/snapshots")
"""Directories whose entries are never changed once made."""

Progress = Callable[[str], None]


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
        link_root(template / "root", root)


def current_key(settings: SandboxSettings) -> str:
    """The name of the template that a new node would use."""
    return template_key(content_digests(settings, node_images(settings)))


def link_root(template: Path, root: Path) -> None:
    """A node's root: share what is only read, copy what is written."""
    for database in DATABASES:
        (root / database).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(template / database, root / database)
    for folder in SHARED:
        (root / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        for entry in (template / folder).iterdir():
            (root / folder / entry.name).symlink_to(entry)


def _build(settings: SandboxSettings, progress: Progress) -> Path:
    archives = node_images(settings)
    digests = content_digests(settings, archives)
    template = templates_directory(settings) / template_key(digests)
    if (template / "complete").exists():
        return template
    remove_tree(template)
    present = _start_from_newest(settings, template)
    with _containerd(settings, template) as socket:
        for archive in archives:
            if present.get(archive.reference) != digests[archive.reference]:
                progress(f"unpacking {archive.reference} for the nodes")
                _import(socket, archive)
        _remove_images(socket, sorted(present.keys() - digests.keys()))
    (template / "complete").write_text(json.dumps(digests, indent=1))
    _drop_unused(settings, keep=template.name)
    return template


def _start_from_newest(settings: SandboxSettings, template: Path) -> dict[str, str]:
    """Begin a template with the newest complete one's images; their digests by reference."""
    root = template / "root"
    root.mkdir(parents=True)
    complete = list(templates_directory(settings).glob("*/complete"))
    if not complete:
        return {}
    newest = max(complete, key=lambda path: path.stat().st_mtime_ns)
    try:
        present: dict[str, str] = json.loads(newest.read_text())
    except ValueError:  # made by older code
        return {}
    for database in DATABASES:
        (root / database).parent.mkdir(parents=True)
        shutil.copyfile(newest.parent / "root" / database, root / database)
    for folder in SHARED:
        (root / folder).parent.mkdir(parents=True, exist_ok=True)
        run(["cp", "--archive", "--link", str(newest.parent / "root" / folder), str(root / folder)], timeout=300)
    return present


@contextlib.contextmanager
def _containerd(settings: SandboxSettings, template: Path) -> Iterator[str]:
    """A containerd of our own on the template's root; gives its socket.

    It has a private mount namespace, so that no mount can stay behind; it is found by its marker if we die.
    """
    owner = f"{settings.addresses.prefix}template"
    runtime = RUNTIME_DIRECTORY / owner
    kill_all(lambda: owned_processes(lambda name: name == owner), "an earlier template builder")
    remove_tree(runtime)
    runtime.mkdir(mode=0o700)
    configuration = render_configuration(template / "root", runtime / "cni", pause_image.REFERENCE)
    configuration = configuration.replace("/run/containerd", str(runtime))
    configuration = configuration.replace(
        "disabled_plugins = [", 'disabled_plugins = [\n  "io.containerd.grpc.v1.cri",'
    )
    (runtime / "config.toml").write_text(configuration)
    groups = control_groups.create(owner)
    join = "".join(f"echo $$ > {group}/cgroup.procs\n" for group in groups)
    program = f"{join}exec unshare --mount {binary('containerd')} --config {runtime / 'config.toml'}"
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
        remove_tree(runtime)


IMPORTS = 3
"""An import may find a layer gone that it was to build on (`parent snapshot does not exist`): containerd is deleting
what the image before it replaced. The next one unpacks it anew."""


def _import(socket: str, archive: ImageArchive) -> None:
    client = ["ctr", "--address", socket, "--namespace", NAMESPACE, "images"]
    before = set(run([*client, "list", "--quiet"]).split())
    for left in reversed(range(IMPORTS)):
        try:
            run([*client, "import", str(archive.path)], timeout=IMPORT_SECONDS)
            break
        except RegionError:
            if not left:
                raise
    after = run([*client, "list", "--quiet"]).split()
    if archive.reference in after:
        return
    new = [name for name in after if name not in before]
    if not new:
        raise RegionError(f"{archive.path} holds no image {archive.reference}; its images are among {after}")
    run([*client, "tag", new[0], archive.reference])


def _remove_images(socket: str, references: list[str]) -> None:
    """Forget images, and have containerd delete what no image needs any more before it is stopped."""
    client = ["ctr", "--address", socket, "--namespace", NAMESPACE, "images"]
    passing = "sandbox.invalid/passing:1"  # a removal is what starts containerd's collection of garbage
    run([*client, "tag", "--force", pause_image.REFERENCE, passing])
    run([*client, "remove", "--sync", *references, passing], timeout=IMPORT_SECONDS)


def _drop_unused(settings: SandboxSettings, keep: str) -> None:
    """Remove templates that no node uses any more."""
    for template in templates_directory(settings).iterdir():
        if not template.is_dir() or template.name == keep:
            continue
        users = [Path(user.read_text()) for user in (template / "users").glob("*")]
        if not any(mark.exists() and mark.read_text() == template.name for mark in users):
            remove_tree(template)


@contextlib.contextmanager
def _locked(settings: SandboxSettings) -> Iterator[None]:
    """One builder at a time; the kernel frees the lock of one that dies."""
    templates_directory(settings).mkdir(parents=True, exist_ok=True)
    with (templates_directory(settings) / "lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
