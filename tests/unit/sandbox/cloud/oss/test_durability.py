"""What survives: restarts, interrupted uploads, writes at once. Killing the whole emulator is tested elsewhere."""

from __future__ import annotations

import http.client
import os
import threading
from pathlib import Path
from urllib.parse import urlsplit

import oss2
import pytest

from sandbox.cloud.oss.bodies import combine_crc64, crc64


def stored(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "oss"
    return [path for name in ("objects", "incoming") for path in (folder / name).rglob("*") if path.is_file()]


def files_become(tmp_path: Path, count: int) -> bool:
    """Whether so many files are stored within ten seconds: unneeded ones are removed after the answer."""
    pause = threading.Event()
    for _ in range(200):
        if len(stored(tmp_path)) == count:
            return True
        pause.wait(0.05)
    return False


def test_objects_survive_a_restart(start) -> None:
    bucket = start().bucket("test-bucket")
    bucket.create_bucket()
    bucket.put_object("object", b"content" * 1000)
    upload = bucket.init_multipart_upload("big").upload_id
    part = bucket.upload_part("big", upload, 1, b"part")
    bucket = start().bucket("test-bucket")
    assert bucket.get_object("object").read() == b"content" * 1000
    bucket.complete_multipart_upload("big", upload, [oss2.models.PartInfo(1, part.etag)])
    assert start().bucket("test-bucket").get_object("big").read() == b"part"


def test_what_an_interruption_left_is_removed_at_the_next_start(start, tmp_path: Path) -> None:
    bucket = start().bucket("test-bucket")
    bucket.create_bucket()
    bucket.put_object("object", b"content")
    (tmp_path / "oss" / "incoming" / "half").write_bytes(b"x")
    orphan = tmp_path / "oss" / "objects" / "ab" / ("ab" * 16)
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"x")
    assert len(stored(tmp_path)) == 3
    assert start().bucket("test-bucket").get_object("object").read() == b"content"
    assert len(stored(tmp_path)) == 1


def test_no_file_stays_behind_after_overwrites_and_deletes(bucket: oss2.Bucket, tmp_path: Path) -> None:
    for number in range(3):
        bucket.put_object("object", str(number))
    bucket.copy_object("test-bucket", "object", "copy")
    upload = bucket.init_multipart_upload("big").upload_id
    for content in (b"one", b"two"):
        bucket.upload_part("big", upload, 1, content)
    assert files_become(tmp_path, 3)
    bucket.abort_multipart_upload("big", upload)
    bucket.delete_object("object")
    assert bucket.get_object("copy").read() == b"2"
    bucket.delete_object("copy")
    bucket.delete_bucket()
    assert files_become(tmp_path, 0)


def test_a_client_that_leaves_in_the_middle_changes_nothing(server, bucket: oss2.Bucket, tmp_path: Path) -> None:
    bucket.put_object("object", b"old")
    url = urlsplit(bucket.sign_url("PUT", "object", 60))
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=10)
    connection.putrequest("PUT", f"{url.path}?{url.query}")
    connection.putheader("Content-Length", str(10 * 1024 * 1024))
    connection.endheaders()
    connection.send(os.urandom(2 * 1024 * 1024))
    connection.close()
    bucket.put_object("other", b"x")
    assert bucket.get_object("object").read() == b"old"
    assert files_become(tmp_path, 2)


def test_a_download_goes_on_while_the_object_is_replaced(bucket: oss2.Bucket) -> None:
    content = os.urandom(8 * 1024 * 1024)
    bucket.put_object("object", content)
    download = bucket.get_object("object")
    start = download.read(100_000)
    bucket.put_object("object", b"new")
    bucket.delete_object("object")
    assert start + download.read() == content


def test_writers_at_once_leave_one_whole_object(server, bucket: oss2.Bucket, tmp_path: Path) -> None:
    contents = [bytes([number]) * 200_000 for number in range(8)]
    errors: list[BaseException] = []

    def write(content: bytes) -> None:
        try:
            for _ in range(5):
                server.bucket("test-bucket").put_object("object", content)
        except oss2.exceptions.OssError as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert errors == []
    assert bucket.get_object("object").read() in contents
    assert files_become(tmp_path, 1)


@pytest.mark.parametrize("cut", [0, 1, 1000, 4096])
def test_checksums_of_pieces_combine(cut: int) -> None:
    content = os.urandom(4096)
    whole = crc64(content)
    assert crc64(b"123456789") == 0x995DC9BBDF1939FA  # the check value of CRC-64/XZ
    assert crc64(content[cut:], crc64(content[:cut])) == whole
    assert combine_crc64(crc64(content[:cut]), crc64(content[cut:]), 4096 - cut) == whole
