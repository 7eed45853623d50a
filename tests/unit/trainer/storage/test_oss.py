"""OSS through the official SDK, against a stand-in that answers as OSS does. The emulator's tests cover signatures."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from trainer.errors import ObjectNotFoundError, RefusedError
from trainer.storage.object_store import ObjectStore, open_store
from trainer.storage.oss import credentials_source, oss_endpoint

OBJECTS: dict[str, bytes] = {}
FAILURES: list[int] = []


class Bucket(BaseHTTPRequestHandler):
    """/bucket/key, path style."""

    def do_GET(self) -> None:
        if FAILURES:
            self._answer(FAILURES.pop(), b"<Error><Code>ServiceUnavailable</Code><Message>busy</Message></Error>")
            return
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        if bucket != "data":
            self._answer(404, b"<Error><Code>NoSuchBucket</Code><Message>none</Message></Error>")
        elif not key:
            prefix = parse_qs(parts.query).get("prefix", [""])[0]
            found = "".join(
                f"<Contents><Key>{name}</Key></Contents>" for name in sorted(OBJECTS) if name.startswith(prefix)
            )
            text = f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>"
            self._answer(200, text.encode())
        elif key not in OBJECTS:
            self._answer(404, b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>")
        elif asked := self.headers.get("Range"):
            first, _, last = asked.removeprefix("bytes=").partition("-")
            self._answer(206, OBJECTS[key][int(first) : int(last) + 1 if last else None])
        else:
            self._answer(200, OBJECTS[key])

    def do_PUT(self) -> None:
        key = unquote(urlsplit(self.path).path).lstrip("/").partition("/")[2]
        OBJECTS[key] = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200, b"")

    def do_DELETE(self) -> None:
        OBJECTS.pop(unquote(urlsplit(self.path).path).lstrip("/").partition("/")[2], None)
        self._answer(204, b"")

    def _answer(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/xml")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    OBJECTS.clear()
    FAILURES.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("OSS_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret")
    yield open_store("oss://data/top", "cn-hangzhou")
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)


def test_objects_are_written_read_in_parts_listed_and_removed(store: ObjectStore, tmp_path: Path) -> None:
    store.put("a/1", b"0123456789")
    assert OBJECTS == {"top/a/1": b"0123456789"}
    assert (store.get("a/1"), store.get("a/1", 2, 4), store.get("a/1", 8), store.get("a/1", 4, 4)) == (
        b"0123456789",
        b"23",
        b"89",
        b"",
    )
    store.download("a/1", tmp_path / "file")
    store.upload("a/2", tmp_path / "file")
    assert store.list("a/") == ["a/1", "a/2"]
    store.delete("a/1")
    assert store.list() == ["a/2"]


def test_errors_are_told_apart_in_one_line(store: ObjectStore) -> None:
    with pytest.raises(ObjectNotFoundError, match="no object oss://data/top/none"):
        store.get("none")
    with pytest.raises(RefusedError, match="no bucket other"):
        open_store("oss://other", "cn-hangzhou").get("x")


def test_a_busy_service_is_asked_again(store: ObjectStore) -> None:
    store.put("a", b"here")
    FAILURES[:] = [503]
    assert store.get("a") == b"here"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", ("https://oss-cn-beijing-internal.aliyuncs.com", False)),
        ("10.0.0.1:443", ("https://10.0.0.1:443", True)),
        ("https://oss.example.com/", ("https://oss.example.com", False)),
        ("http://127.0.0.1:80", ("http://127.0.0.1:80", True)),
    ],
)
def test_the_endpoint_comes_from_the_environment_or_the_region(
    given: str, expected: tuple[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OSS_ENDPOINT", given)
    assert oss_endpoint("cn-beijing") == expected


def test_a_pods_role_is_assumed_at_the_regions_vpc_endpoint_trusting_the_systems_authorities(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1:role/qa")
    monkeypatch.setenv("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "acs:ram::1:oidc-provider/ack")
    monkeypatch.setenv("ALIBABA_CLOUD_OIDC_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/bundle.pem")
    source = credentials_source("cn-hangzhou")
    assert source._sts_endpoint == "sts-vpc.cn-hangzhou.aliyuncs.com"
    assert source._runtime_options["ca"] == "/etc/ssl/bundle.pem"
