"""Node templates: what makes one anew, and that nodes share layers without sharing what they write."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from sandbox.region import images, node_template, pause_image
from sandbox.region.errors import RegionError


def test_the_template_depends_on_content_and_reference_but_not_on_order() -> None:
    first = images.template_key({"a": "1", "b": "2"})
    assert images.template_key({"b": "2", "a": "1"}) == first
    assert images.template_key({"a": "1", "b": "3"}) != first
    assert images.template_key({"a": "1", "c": "2"}) != first


def test_no_index_means_no_image(tmp_path: Path) -> None:
    assert images.read_index(tmp_path) == []


@pytest.mark.parametrize("content", ["{", "{}x", '[{"reference": "a"}]', '["a"]', "5"])
def test_a_damaged_index_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "index.json").write_text(content)
    with pytest.raises(RegionError, match=r"index\.json is not a list.*build the images again"):
        images.read_index(tmp_path)


def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text(json.dumps([{"reference": "a", "archive": "a.tar"}]))
    with pytest.raises(RegionError, match=r"a\.tar, listed in .*index\.json, is missing"):
        images.read_index(tmp_path)


def test_a_node_shares_layers_and_owns_its_databases(tmp_path: Path) -> None:
    template, root = tmp_path / "template", tmp_path / "root"
    for path in (
        f"{node_template.METADATA}/meta.db",
        f"{node_template.SNAPSHOTS}/metadata.db",
        f"{node_template.SNAPSHOTS}/snapshots/1/fs/etc/file",
        f"{node_template.CONTENT}/blobs/sha256/abc",
    ):
        (template / path).parent.mkdir(parents=True, exist_ok=True)
        (template / path).write_text(path)
    node_template.link_root(template, root)
    assert (root / node_template.SNAPSHOTS / "snapshots" / "1").is_symlink()
    assert (root / node_template.SNAPSHOTS / "snapshots" / "1" / "fs" / "etc" / "file").read_text()
    (root / node_template.METADATA / "meta.db").write_text("changed")
    assert (template / node_template.METADATA / "meta.db").read_text() != "changed"


def test_the_pause_image_is_the_same_bytes_for_the_same_program_and_made_once(tmp_path: Path) -> None:
    program = tmp_path / "pause"
    program.write_bytes(b"program")
    archive = pause_image.ensure(program, tmp_path)
    before = archive.stat().st_mtime_ns
    assert pause_image.ensure(program, tmp_path).stat().st_mtime_ns == before
    program.write_bytes(b"another")
    assert pause_image.ensure(program, tmp_path).read_bytes() != pause_image.render(b"program")


def test_an_archive_holds_its_programs_and_its_reference() -> None:
    with tarfile.open(fileobj=io.BytesIO(pause_image.render_archive("a.invalid/b:1", {"b": b"x"}, ["/b"]))) as archive:
        manifest = json.loads(archive.extractfile("manifest.json").read())[0]  # type: ignore[union-attr]
        configuration = json.loads(archive.extractfile(manifest["Config"]).read())  # type: ignore[union-attr]
        layer = archive.extractfile("layer.tar").read()  # type: ignore[union-attr]
    assert manifest["RepoTags"] == ["a.invalid/b:1"]
    assert configuration["config"]["Entrypoint"] == ["/b"]
    with tarfile.open(fileobj=io.BytesIO(layer)) as inner:
        assert inner.getnames() == ["b"]


def test_an_import_that_finds_a_layer_gone_is_done_again_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    failures = [1, 1]
    imports: list[str] = []

    def run(arguments: list[str], **_: object) -> str:
        if "import" in arguments:
            imports.append(arguments[-1])
            if failures:
                failures.pop()
                raise RegionError("parent snapshot sha256:1 does not exist: not found")
        return "example/a:1\n"

    monkeypatch.setattr(node_template, "run", run)
    archive = images.ImageArchive("example/a:1", Path("a.tar"))
    node_template._import("socket", archive)
    assert imports == ["a.tar"] * 3
    failures[:] = [1] * 3
    with pytest.raises(RegionError, match="parent snapshot"):
        node_template._import("socket", archive)
