"""The images, really built: what they hold, what they must not hold, and what a build leaves on the machine.

Takes minutes the first time, seconds when the image is built. Keys, index and error lines are in
tests/unit/sandbox/images.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.certificates import certificate_authority
from sandbox.errors import SandboxError
from sandbox.images.builder import build_images
from sandbox.images.index import read_index
from sandbox.images.packages import host_sources
from sandbox.images.settings import CONTROLLERS_REFERENCE, TRAINER_REFERENCE, ImagePaths
from sandbox.images.store import ImageStore
from sandbox.locking import exclusive
from sandbox.paths import REPOSITORY
from sandbox.progress import Progress

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(1200)]


@dataclass
class BuiltImage:
    """The archive that nodes load, opened."""

    paths: ImagePaths
    archive: tarfile.TarFile
    configuration: dict[str, Any]
    tags: list[str]
    layers: list[str]

    def files(self) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]:
        """Every file of every layer, with the layer to read it from."""
        for layer in self.layers:
            stream = self.archive.extractfile(layer)
            assert stream is not None
            with tarfile.open(fileobj=stream) as content:
                for member in content:
                    yield member, content


@pytest.fixture(scope="module")
def image() -> Iterator[BuiltImage]:
    paths = ImagePaths.default()
    index = build_images(paths, Progress())
    with tarfile.open(paths.results / read_index(index)[TRAINER_REFERENCE]) as archive:
        manifest = json.load(archive.extractfile("manifest.json") or pytest.fail("no manifest"))[0]
        configuration = json.load(archive.extractfile(manifest["Config"]) or pytest.fail("no configuration"))
        yield BuiltImage(paths, archive, configuration, manifest["RepoTags"], manifest["Layers"])


def run_inside(image: BuiltImage, script: str, log: Path, reference: str = TRAINER_REFERENCE) -> list[str]:
    """The lines that a shell script prints in a container of an image."""
    lines: list[str] = []
    with exclusive(image.paths.lock, "testing images"):
        ImageStore(image.paths.work, log, lines.append).run(reference, ["bash", "-ec", script], "running the image")
    return lines


def test_nodes_know_the_image_by_the_reference_that_pods_ask_for(image: BuiltImage) -> None:
    assert image.tags == [TRAINER_REFERENCE]


def test_containers_are_not_root_and_use_the_systems_trust_store(image: BuiltImage) -> None:
    settings = image.configuration["config"]
    assert settings["User"] == "10001:10001"
    environment = dict(variable.split("=", 1) for variable in settings["Env"])
    assert environment["SSL_CERT_FILE"] == environment["REQUESTS_CA_BUNDLE"] == "/etc/ssl/certs/ca-certificates.crt"
    assert environment["HOME"] == "/home/trainer"


def test_nothing_of_this_machines_registries_is_left(image: BuiltImage) -> None:
    files, texts = set(), [json.dumps(image.configuration)]
    for member, layer in image.files():
        files.add(member.name)
        of_interest = member.name.startswith(("etc/apt/", "etc/pip", "root/.", "etc/hosts", "etc/resolv"))
        if member.isfile() and of_interest and (stream := layer.extractfile(member)) is not None:
            texts.append(stream.read().decode(errors="replace"))
    assert not files & {"etc/apt/sources.list", "etc/pip.conf", "root/.config/pip/pip.conf", "root/.pip/pip.conf"}
    assert not [name for name in files if name.startswith(("etc/apt/sources.list.d/machine", "mnt/", "root/.cache/"))]
    hosts = {host for text in texts for host in re.findall(r"https?://([^/\s\"]+)", text)}
    assert hosts == set()
    borrowed = {re.sub(r"^\w+://([^/]+).*", r"\1", address) for address, _ in host_sources()}
    assert not [host for host in borrowed for text in texts if host in text]
    proxies = [value for name, value in os.environ.items() if name.lower().endswith("_proxy") and "://" in value]
    assert not [proxy for proxy in proxies for text in texts if proxy in text]


def test_installers_build_tools_and_caches_are_left_out(image: BuiltImage) -> None:
    present = {member.name for member, _ in image.files()}
    unwanted = ("usr/bin/pip", "usr/bin/pip3", "usr/bin/gcc", "usr/bin/strip", "usr/bin/ld", "usr/bin/make")
    assert not present.intersection(unwanted)
    packages = "opt/trainer/venv/lib/python3.11/site-packages"
    assert not [
        name
        for name in present
        if name.startswith(
            (f"{packages}/pip/", f"{packages}/tensorflow/include/", f"{packages}/pyarrow/", "var/lib/apt/lists/deb")
        )
    ]


def test_every_user_can_read_the_code(image: BuiltImage) -> None:
    unreadable = [
        member.name for member, _ in image.files() if member.name.startswith("opt/trainer") and not member.mode & 0o004
    ]
    assert not unreadable


def test_the_image_runs_its_libraries_and_elasticdls_programs(image: BuiltImage, tmp_path: Path) -> None:
    lines = run_inside(
        image,
        "id --user; python3 -c 'import tensorflow, elasticdl, trainer; print(tensorflow.__version__)';"
        "python -c 'import elasticdl.python.master.main, elasticdl.python.worker.main';"
        "elasticdl --help | head --lines=1; source /root/.bashrc_elasticdl; basename $(command -v elasticdl_ps);"
        "elasticdl_ps -h 2>&1 | head --lines=1; touch ~/writable /tmp/writable",
        tmp_path / "run.log",
    )
    for expected in ("10001", "2.15.1", "elasticdl_ps", "Usage of elasticdl_ps:"):
        assert expected in lines
    assert any(line.startswith("usage: elasticdl") for line in lines)


def test_the_controllers_image_runs_its_program_without_tensorflow(image: BuiltImage, tmp_path: Path) -> None:
    lines = run_inside(
        image,
        "id --user; python3 -m controllers --help | head --lines=1; python3 -c 'import trainer.storage.oss, lightkube';"
        "python3 -c 'import tensorflow' 2>&1 | tail --lines=1; touch ~/writable",
        tmp_path / "run.log",
        CONTROLLERS_REFERENCE,
    )
    assert "10001" in lines
    assert any(line.startswith("usage: python -m controllers") for line in lines)
    assert "ModuleNotFoundError: No module named 'tensorflow'" in lines


def test_containers_trust_the_sandboxs_authority(image: BuiltImage, tmp_path: Path) -> None:
    authority = certificate_authority(image.paths.cache).certificate()
    serials = run_inside(
        image,
        "python3 -c 'import ssl; "
        '[print(entry["serialNumber"]) for entry in ssl.create_default_context().get_ca_certs()]\'',
        tmp_path / "run.log",
    )
    assert authority.serial_number in {int(line, 16) for line in serials if re.fullmatch("[0-9A-F]+", line)}


def test_a_second_builder_is_refused_with_the_firsts_process_id(image: BuiltImage) -> None:
    paths = ImagePaths(repository=image.paths.repository, cache=image.paths.cache)
    with (
        exclusive(paths.lock, "building images"),
        pytest.raises(SandboxError, match=f"another process \\(id {os.getpid()}\\) is building images"),
    ):
        build_images(paths, Progress(), only_base=True)


def test_a_killed_build_leaves_no_mount_and_no_process_and_the_next_one_succeeds(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sandbox.images", "build", "base"]
    environment = {**os.environ, "LANGUAGE_MODEL_CLUSTERS_CACHE": str(tmp_path)}
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment, stderr=subprocess.PIPE, text=True) as build:
        _wait_for_text(tmp_path / "images" / "build.log", "I: Extracting", build)
        build.send_signal(signal.SIGKILL)
    _wait_until_ended(str(tmp_path))
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text(encoding="utf-8")
    again = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    assert again.returncode == 0, again.stderr
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text(encoding="utf-8")


def _wait_for_text(file: Path, text: str, process: subprocess.Popen[str]) -> None:
    """Return once the log of a running process holds the text; fails when the process ends without it."""
    follow = ["timeout", "300", "sh", "-c", 'tail --pid="$1" --lines=+1 --retry -F "$2" 2>/dev/null | grep -q -m1 "$3"']
    subprocess.run([*follow, "sh", str(process.pid), str(file), text], check=True, timeout=310)


def _wait_until_ended(word: str) -> None:
    """Return once no process has the word in its command line."""
    pids = [
        entry.name
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and entry.name != str(os.getpid()) and word in _command_line(entry)
    ]
    for pid in pids:
        subprocess.run(["tail", "--pid", pid, "-f", "/dev/null"], check=True, timeout=30)


def _command_line(process: Path) -> str:
    try:
        return (process / "cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:  # it has ended
        return ""
