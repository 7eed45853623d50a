"""The base image's root file system: Debian's own packages, as lean as Debian's slim images."""

from __future__ import annotations

import shutil
from pathlib import Path

from sandbox.images.isolation import run_enclosed
from sandbox.images.packages import host_sources, mirror
from sandbox.images.recipe import root_file_system_key
from sandbox.images.settings import BASE_PACKAGES, SUITE, ImagePaths

DEBOOTSTRAP_SECONDS = 1800
NOT_FOR_IMAGES = (
    *("./dev/*", "./proc/*", "./sys/*", "./run/*", "./tmp/*", "./debootstrap"),
    *(
        "./var/cache/apt/*",
        "./var/cache/debconf/*-old",
        "./var/lib/apt/lists/*",
        "./var/log/*",
        "./var/cache/ldconfig/*",
    ),
    *(
        "./usr/share/groff/*",
        "./usr/share/info/*",
        "./usr/share/lintian/*",
        "./usr/share/locale/*",
        "./usr/share/man/*",
    ),
)
"""What a container is given anew, what only an installer reads, and what nobody reads in one."""

TRACES_OF_THE_MACHINE = ("etc/resolv.conf", "etc/hostname", "etc/apt/sources.list", "etc/machine-id")


def root_file_system(paths: ImagePaths, log: Path) -> Path:
    """The tar file of the root file system, made unless it is there; raises SandboxError.

    Interrupted, it starts again from the packages that were downloaded already.
    """
    archive = paths.work / f"rootfs-{root_file_system_key(paths)}.tar"
    if archive.is_file():
        return archive
    target = paths.work / "rootfs"
    _remove_tree(target, log)
    downloads = paths.work / "packages"
    downloads.mkdir(parents=True, exist_ok=True)
    run_enclosed(
        [
            *("debootstrap", "--variant=minbase", f"--include={','.join(BASE_PACKAGES)}", f"--cache-dir={downloads}"),
            *(SUITE, str(target), mirror(host_sources())),
        ],
        what=f"unpacking Debian's {SUITE}",
        log=log,
        environment={"DEBIAN_FRONTEND": "noninteractive"},
        timeout_seconds=DEBOOTSTRAP_SECONDS,
    )
    _make_lean_and_neutral(target, paths.base_sources)
    partial = archive.with_suffix(".partial")
    exclusions = [f"--exclude={pattern}" for pattern in NOT_FOR_IMAGES]
    run_enclosed(
        [
            *("tar", "--create", "--numeric-owner", "--sort=name", f"--file={partial}"),
            *exclusions,
            f"--directory={target}",
            ".",
        ],
        what="packing the base image's files",
        log=log,
    )
    partial.replace(archive)
    for stale in paths.work.glob("rootfs-*.tar"):
        if stale != archive:
            stale.unlink()
    _remove_tree(target, log)
    return archive


def _make_lean_and_neutral(target: Path, sources: Path) -> None:
    """Leave no trace of this machine, its package sources above all, and drop documentation but for the licences."""
    for name in TRACES_OF_THE_MACHINE:
        (target / name).unlink(missing_ok=True)
    shutil.copyfile(sources / "dpkg-slim.cfg", target / "etc/dpkg/dpkg.cfg.d/slim")
    for file in (target / "usr/share/doc").rglob("*"):
        if (file.is_symlink() or file.is_file()) and file.name != "copyright":
            file.unlink()


def _remove_tree(target: Path, log: Path) -> None:
    """Remove what a bootstrap left; in the enclosure, so that no mount of ours can be inside it."""
    if target.exists():
        run_enclosed(["rm", "-rf", "--one-file-system", str(target)], what=f"removing {target}", log=log)
