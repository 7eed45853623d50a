"""Access logs: what a line says, and that an hour's lines become one object. The configuration itself: test_buckets."""

from __future__ import annotations

import datetime
import re
from typing import Any

import oss2
import pytest

HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def log(server: Any, bucket: oss2.Bucket) -> oss2.Bucket:
    """A bucket that gets the log of the other."""
    made = server.bucket("log-bucket")
    made.create_bucket()
    bucket.put_bucket_logging(oss2.models.BucketLogging("log-bucket", "logs/"))
    return made


def delivered(server: Any, log: oss2.Bucket) -> dict[str, list[str]]:
    server.run(server.storage.deliver_logs())
    keys = [one.key for one in oss2.ObjectIterator(log)]
    return {key: log.get_object(key).read().decode().splitlines() for key in keys}


def test_the_lines_of_an_hour_become_one_object_once_the_hour_is_over(server, bucket, log) -> None:
    bucket.put_object("a key", b"12345", headers={"Referer": "https://example.com"})
    with pytest.raises(oss2.exceptions.NoSuchKey):
        bucket.get_object("missing")
    assert delivered(server, log) == {}
    server.clock.advance(HOUR)
    found = delivered(server, log)
    (key,) = found
    assert re.fullmatch(r"logs/test-bucket2026-03-01-20-00-00-[0-9a-f]{4}", key)  # Beijing time
    assert [line.split('"')[1].split("?")[0] for line in found[key]][-2:] == [
        "PUT /test-bucket/a%20key HTTP/1.1",
        "GET /test-bucket/missing HTTP/1.1",
    ]
    assert delivered(server, log) == found


def test_a_line_has_the_documented_fields_in_their_order(server, bucket, log) -> None:
    bucket.put_object("object", b"12345", headers={"Referer": 'https://example.com/"x'})
    server.clock.advance(HOUR)
    (lines,) = delivered(server, log).values()
    fields = re.findall(r'"[^"]*"|\[[^\]]*\]|\S+', lines[-1])
    assert len(fields) == 28
    assert fields[:7] == [
        "127.0.0.1",
        "-",
        "-",
        "[01/Mar/2026:20:00:00 +0800]",
        '"PUT /test-bucket/object HTTP/1.1"',
        "200",
        "0",
    ]
    assert fields[8] == '"https://example.com/%22x"'
    root = server.accounts.root
    assert fields[12:18] == [
        '"true"',
        f'"{root.principal.account_id}"',
        '"PutObject"',
        '"test-bucket"',
        '"object"',
        "5",
    ]
    assert (fields[19], fields[27]) == ('"-"', f'"{root.access_key_id}"')


def test_lines_survive_a_restart(start) -> None:
    server = start()
    bucket, log = server.bucket("test-bucket"), server.bucket("log-bucket")
    for one in (bucket, log):
        one.create_bucket()
    bucket.put_bucket_logging(oss2.models.BucketLogging("log-bucket", ""))
    bucket.put_object("object", b"x")
    server = start()
    server.clock.advance(HOUR)
    (lines,) = delivered(server, server.bucket("log-bucket")).values()
    assert "PUT /test-bucket/object" in lines[-1]


def test_a_log_whose_bucket_is_gone_ends_nothing(server, bucket, log) -> None:
    bucket.put_object("object", b"x")
    server.clock.advance(HOUR)
    log.delete_bucket()
    assert server.run(server.storage.deliver_logs()) == 0
    assert bucket.get_object("object").read() == b"x"
