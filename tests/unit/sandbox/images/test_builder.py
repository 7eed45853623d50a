"""What a build is given. The build itself is in tests/sandbox/test_images.py."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.images.builder import FIXED_TIME, stage
from sandbox.images.recipe import image_inputs, image_key
from sandbox.images.settings import TRAINER, ImagePaths


def test_a_build_gets_exactly_the_files_of_the_key(paths: ImagePaths, tmp_path: Path) -> None:
    (paths.repository / "secret").write_text("not for images")
    stage(paths, TRAINER, "base", image_key(paths, TRAINER, "base"), tmp_path / "context")
    staged = {
        str(file.relative_to(tmp_path / "context")) for file in (tmp_path / "context").rglob("*") if file.is_file()
    }
    assert staged == {str(file.relative_to(paths.repository)) for file in image_inputs(paths, TRAINER)}


def test_layers_do_not_depend_on_times_and_modes_of_the_checkout(paths: ImagePaths, tmp_path: Path) -> None:
    program = paths.repository / "trainer/model/network.py"
    program.chmod(0o600)
    os.utime(program, (1, 1))
    stage(paths, TRAINER, "base", image_key(paths, TRAINER, "base"), tmp_path / "context")
    for path in (tmp_path / "context/trainer").rglob("*"):
        assert path.stat().st_mtime == FIXED_TIME
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644)


def test_programs_stay_executable(paths: ImagePaths, tmp_path: Path) -> None:
    (paths.repository / "trainer/model/network.py").chmod(0o700)
    stage(paths, TRAINER, "base", image_key(paths, TRAINER, "base"), tmp_path / "context")
    assert (tmp_path / "context/trainer/model/network.py").stat().st_mode & 0o777 == 0o755


def test_an_edit_in_the_middle_is_not_built_under_the_old_key(paths: ImagePaths, tmp_path: Path) -> None:
    key = image_key(paths, TRAINER, "base")
    (paths.repository / "trainer/model/network.py").write_text("LAYERS = 3\n")
    with pytest.raises(SandboxError, match=r"files of .*trainer changed while the build began; run it again"):
        stage(paths, TRAINER, "base", key, tmp_path / "context")
