"""The registry's protocol: pushes and pulls, their errors, who may do what, and images that the sandbox built."""

from __future__ import annotations

import datetime
import io
import json
import os
import tarfile
from pathlib import Path

import httpx
import pytest

from benchmarks.in_process_cloud import SimulatedCloud
from tests.unit.sandbox.cloud.cr.conftest import MANIFEST, RegistryClient, digest_of

NAME = "models/trainer"


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, str(answer.json()["errors"][0]["code"])


def test_an_image_that_was_pushed_is_pulled_as_it_was(registry: RegistryClient) -> None:
    layer = os.urandom(3 * 1024 * 1024)
    digest = registry.push_image(NAME, "1", layer)
    for reference in ("1", digest):
        found = registry("GET", f"/v2/{NAME}/manifests/{reference}")
        assert (found.headers["Docker-Content-Digest"], found.headers["Content-Type"]) == (digest, MANIFEST)
        assert digest_of(found.content) == digest
    head = registry("HEAD", f"/v2/{NAME}/manifests/1")
    assert (int(head.headers["Content-Length"]), head.content) == (len(found.content), b"")
    path = f"/v2/{NAME}/blobs/{digest_of(layer)}"
    assert registry("GET", path).content == layer
    part = registry("GET", path, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, layer[10:20])
    assert registry("GET", path, headers={"Range": "bytes=99999999-"}).status_code == 416


def test_a_blob_comes_in_chunks_that_must_follow_each_other(registry: RegistryClient) -> None:
    place = registry("POST", f"/v2/{NAME}/blobs/uploads/").headers["Location"]
    first = registry("PATCH", place, content=b"hello ", headers={"Content-Range": "0-5"})
    assert (first.status_code, first.headers["Range"]) == (202, "0-5")
    assert registry("PATCH", place, content=b"world", headers={"Content-Range": "9-13"}).status_code == 416
    assert registry("GET", place).headers["Range"] == "0-5"
    registry("PATCH", place, content=b"world", headers={"Content-Range": "6-10"})
    wrong = registry("PUT", place, params={"digest": digest_of(b"other")})
    assert code_of(wrong) == (400, "DIGEST_INVALID")
    assert code_of(registry("PATCH", place, content=b"more")) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_a_blob_of_another_repository_is_mounted_without_being_sent(registry: RegistryClient) -> None:
    digest = registry.push_blob(NAME, b"shared")
    mounted = registry("POST", "/v2/models/server/blobs/uploads/", params={"mount": digest, "from": NAME})
    assert mounted.status_code in (201, 202)  # a token for one repository lets it be sent again, as the protocol says
    unknown = registry("POST", "/v2/models/server/blobs/uploads/", params={"mount": digest_of(b"none"), "from": NAME})
    assert unknown.status_code == 202


def test_a_manifest_needs_all_its_parts(registry: RegistryClient) -> None:
    registry.push_blob(NAME, b"{}")
    layer = {"digest": digest_of(b"never sent"), "size": 10}
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": {"digest": digest_of(b"{}"), "size": 2}}
    path = f"/v2/{NAME}/manifests/1"
    missing = registry("PUT", path, content=json.dumps({**document, "layers": [layer]}))
    assert code_of(missing) == (400, "MANIFEST_BLOB_UNKNOWN")
    for content in (b"[]", b"{", json.dumps(document).encode(), b'{"schemaVersion": 1}'):
        assert code_of(registry("PUT", path, content=content)) == (400, "MANIFEST_INVALID")


def test_tags_are_listed_page_by_page_and_deleted(registry: RegistryClient) -> None:
    digests = {tag: registry.push_image(NAME, tag, tag.encode()) for tag in ("b", "a", "c")}
    first = registry("GET", f"/v2/{NAME}/tags/list", params={"n": "2"})
    assert first.json() == {"name": NAME, "tags": ["a", "b"]}
    assert registry("GET", first.links["next"]["url"]).json()["tags"] == ["c"]
    assert registry("DELETE", f"/v2/{NAME}/manifests/{digests['b']}").status_code == 202
    assert registry("GET", f"/v2/{NAME}/tags/list").json()["tags"] == ["a", "c"]
    assert code_of(registry("GET", f"/v2/{NAME}/manifests/b")) == (404, "MANIFEST_UNKNOWN")


def test_an_artifact_is_found_by_its_subject(registry: RegistryClient) -> None:
    subject = registry.push_image(NAME, "1")
    registry.push_blob(NAME, b"{}")
    media_type = "application/vnd.oci.image.manifest.v1+json"
    empty = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest_of(b"{}"), "size": 2}
    document = {"schemaVersion": 2, "mediaType": media_type, "artifactType": "application/x-sbom", "config": empty}
    document |= {"layers": [empty], "subject": {"mediaType": MANIFEST, "digest": subject, "size": 1}}
    content = json.dumps(document).encode()
    put = registry("PUT", f"/v2/{NAME}/manifests/{digest_of(content)}", content=content)
    assert put.headers["OCI-Subject"] == subject
    found = registry("GET", f"/v2/{NAME}/referrers/{subject}").json()["manifests"]
    assert [(one["digest"], one["artifactType"]) for one in found] == [(digest_of(content), "application/x-sbom")]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", f"/v2/{NAME}/manifests/none", (404, "MANIFEST_UNKNOWN")),
        ("GET", f"/v2/{NAME}/blobs/{digest_of(b'none')}", (404, "BLOB_UNKNOWN")),
        ("GET", f"/v2/{NAME}/blobs/sha256:12", (400, "DIGEST_INVALID")),
        ("GET", "/v2/Models/trainer/manifests/1", (400, "NAME_INVALID")),
        ("GET", "/v2/onlyone/manifests/1", (400, "NAME_INVALID")),
        ("POST", f"/v2/{NAME}/manifests/1", (405, "UNSUPPORTED")),
        ("GET", "/v2/_catalog", (404, "UNSUPPORTED")),
    ],
)
def test_errors_have_the_protocols_codes(
    registry: RegistryClient, method: str, path: str, expected: tuple[int, str]
) -> None:
    registry.push_image(NAME, "1")
    assert code_of(registry(method, path)) == expected


def test_a_private_image_needs_a_login_and_a_public_one_none(
    served_cloud: SimulatedCloud, registry: RegistryClient
) -> None:
    registry.push_image(NAME, "1")
    anybody = RegistryClient(served_cloud)
    assert anybody("GET", f"/v2/{NAME}/manifests/1").status_code == 401
    service = next(service for service in served_cloud.cloud.services if service.name == "Cr")
    images = service.images  # type: ignore[attr-defined]
    images.update_repository(images.repository("cn-hangzhou", "", *NAME.split("/")), visibility="PUBLIC")
    assert anybody("GET", f"/v2/{NAME}/manifests/1").status_code == 200
    assert anybody("POST", f"/v2/{NAME}/blobs/uploads/").status_code == 401


def test_wrong_and_expired_logins_are_refused(served_cloud: SimulatedCloud, registry: RegistryClient) -> None:
    wrong = RegistryClient(served_cloud, login=("cr_temp_user", "wrong"))
    assert code_of(wrong("GET", "/v2/")) == (401, "UNAUTHORIZED")
    assert registry("GET", "/v2/").status_code == 200
    served_cloud.cloud.context.clock.advance(datetime.timedelta(hours=2))
    assert code_of(registry("GET", "/v2/")) == (401, "UNAUTHORIZED")


def test_a_user_needs_a_policy(served_cloud: SimulatedCloud, registry: RegistryClient) -> None:
    registry.push_image(NAME, "1")
    service = next(service for service in served_cloud.cloud.services if service.name == "Cr")
    accounts = served_cloud.cloud.context.accounts
    key = accounts.create_key("nobody")
    principal = accounts.find(key.access_key_id).principal  # type: ignore[union-attr]
    place = service.images.registry_of("cn-hangzhou", None)  # type: ignore[attr-defined]
    password, _ = service.tokens.temporary_password(principal, place)  # type: ignore[attr-defined]
    nobody = RegistryClient(served_cloud, login=("cr_temp_user", password))
    assert nobody("GET", f"/v2/{NAME}/manifests/1").status_code == 401


def test_a_push_makes_a_repository_only_where_its_namespace_says_so(registry: RegistryClient) -> None:
    refused = registry("POST", "/v2/nowhere/trainer/blobs/uploads/")
    assert code_of(refused) == (403, "DENIED")
    assert "auto_create" in refused.text


def test_a_registry_outside_the_cloud_is_refused_loudly(registry: RegistryClient) -> None:
    answer = registry("GET", "/v2/library/nginx/manifests/1", params={"ns": "docker.io"})
    assert code_of(answer) == (404, "NAME_UNKNOWN")
    assert "nothing outside can be reached" in answer.text


def write_archive(path: Path) -> tuple[bytes, bytes]:
    """A docker-archive with one layer; its configuration and its layer."""
    layer = os.urandom(10_000)
    configuration = json.dumps({"rootfs": {"diff_ids": [digest_of(layer)]}}).encode()
    description = [{"Config": "config.json", "RepoTags": [], "Layers": ["layer.tar"]}]
    contents = {"layer.tar": layer, "config.json": configuration, "manifest.json": json.dumps(description).encode()}
    with tarfile.open(path, "w") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return configuration, layer


def test_an_image_that_the_sandbox_built_is_pulled_from_its_archive(
    served_cloud: SimulatedCloud, tmp_path: Path
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    configuration, layer = write_archive(folder / "built.tar")
    reference = "registry-vpc.cn-hangzhou.aliyuncs.com/language-models/trainer:0.1.0"
    (folder / "index.json").write_text(json.dumps([{"reference": reference, "archive": "built.tar"}]))
    anybody = RegistryClient(served_cloud)
    found = anybody("GET", "/v2/language-models/trainer/manifests/0.1.0")
    assert found.status_code == 200, found.text
    parts = [found.json()["config"], *found.json()["layers"]]
    pulled = [anybody("GET", f"/v2/language-models/trainer/blobs/{part['digest']}").content for part in parts]
    assert pulled == [configuration, layer]
    assert anybody("GET", "/v2/language-models/trainer/tags/list").json()["tags"] == ["0.1.0"]
    assert code_of(anybody("GET", "/v2/language-models/other/manifests/0.1.0"))[0] == 401


def test_an_image_is_pushed_from_an_archive_once(
    served_cloud: SimulatedCloud, registry: RegistryClient, tmp_path: Path
) -> None:
    configuration, layer = write_archive(tmp_path / "image.tar")
    body = {
        "archive": str(tmp_path / "image.tar"),
        "reference": "registry-vpc.cn-hangzhou.aliyuncs.com/models/server:2",
    }
    first = registry.send("POST", "/_sandbox/images", json=body).json()
    assert first["pushed"] == len(configuration) + len(layer)
    assert registry.send("POST", "/_sandbox/images", json=body).json() == {**first, "pushed": 0}
    found = registry("GET", "/v2/models/server/manifests/2")
    assert found.headers["Docker-Content-Digest"] == first["digest"]
    assert registry("GET", f"/v2/models/server/blobs/{digest_of(layer)}").content == layer


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"reference": "docker.io/library/nginx:1"}, "registry's host"),
        ({"reference": "registry-vpc.cn-hangzhou.aliyuncs.com/models/server"}, "registry's host"),
        ({"reference": "registry-vpc.cn-hangzhou.aliyuncs.com/nowhere/server:1"}, "auto_create"),
        ({"archive": "/nonexistent.tar"}, "docker-archive"),
        ({"archive": "relative.tar"}, "absolute"),
    ],
)
def test_what_cannot_be_pushed_says_why(
    registry: RegistryClient, tmp_path: Path, change: dict[str, str], reason: str
) -> None:
    write_archive(tmp_path / "image.tar")
    body = {"archive": str(tmp_path / "image.tar"), "reference": "registry.cn-hangzhou.aliyuncs.com/models/server:2"}
    answer = registry.send("POST", "/_sandbox/images", json=body | change)
    assert answer.status_code in (400, 403, 404)
    assert reason in answer.json()["message"]
