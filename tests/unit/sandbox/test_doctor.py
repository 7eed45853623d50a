"""The doctor's findings: each unhealthy machine gets a remedy, a healthy one gets none."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from sandbox import doctor
from sandbox.errors import SandboxError
from sandbox.lifecycle import require_healthy_machine
from sandbox.settings import SandboxSettings


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def remedy(settings: SandboxSettings, check: str) -> str:
    return {finding.check: finding.remedy for finding in doctor.examine(settings)}[check]


def test_no_root_is_found(settings: SandboxSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "run as root" in remedy(settings, "user")


def test_an_old_kernel_is_found(settings: SandboxSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.release", lambda: "4.19.0-amd64")
    assert "at least 5.10" in remedy(settings, "kernel")


def test_a_new_kernel_is_well(settings: SandboxSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.release", lambda: "6.1.0-18-amd64")
    assert remedy(settings, "kernel") == ""


def test_a_full_disk_names_the_variables_that_move_the_folders(
    settings: SandboxSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100, 99, 1))
    found = remedy(settings, "disk")
    assert "SANDBOX_STATE" in found
    assert "LANGUAGE_MODEL_CLUSTERS_CACHE" in found


def test_too_few_inotify_instances_are_found_before_a_kubelet_fails_for_them(
    settings: SandboxSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "instances").write_text("128\n")
    monkeypatch.setattr(doctor, "INOTIFY_INSTANCES", tmp_path / "instances")
    monkeypatch.setattr(doctor, "inotify_instances", lambda leaving_out: 82)
    assert remedy(settings, "inotify instances") == ""
    monkeypatch.setattr(doctor, "inotify_instances", lambda leaving_out: 83)
    assert "sysctl -w fs.inotify.max_user_instances" in remedy(settings, "inotify instances")


def test_an_unhealthy_machine_stops_the_preparation_before_anything_is_made(
    settings: SandboxSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(SandboxError, match="run as root"):
        require_healthy_machine(settings)
    assert not settings.state.exists()
    assert not settings.cache.exists()
