"""The engine's leftovers: locks of killed engines go, a living one's stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from sandbox.engine import Engine
from sandbox.settings import SandboxSettings


def lock(settings: SandboxSettings, name: str, holder: int) -> Path:
    path = settings.state / "pulumi/backend/.pulumi/locks/organization/project/qa" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"pid": holder, "hostname": "here"}))
    return path


def test_the_lock_of_a_dead_engine_is_removed_and_a_living_ones_kept(settings: SandboxSettings) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait(timeout=30)
    dead, living = lock(settings, "dead", ended.pid), lock(settings, "living", os.getpid())
    Engine(settings)._release_dead_locks("qa")
    assert not dead.exists()
    assert living.exists()


def test_the_locks_of_other_stacks_are_left_alone(settings: SandboxSettings) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait(timeout=30)
    other = lock(settings, "dead", ended.pid)
    Engine(settings)._release_dead_locks("platform")
    assert other.exists()
