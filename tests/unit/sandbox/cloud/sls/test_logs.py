"""Logs that the official SDK writes are found, counted, read in order, and go when their time is over."""

from __future__ import annotations

import base64
import datetime
import email.utils
import hashlib
import hmac
import itertools
import json
import time

import pytest
from alibabacloud_sls20201230 import models
from darabonba.runtime import RuntimeOptions

from sandbox.cloud.core.wire import Request
from tests.unit.sandbox.cloud.sls.conftest import PROJECT, STORE, Sdk, refusal

BEGIN = 1_700_000_000


@pytest.fixture
def filled(sdk: Sdk) -> Sdk:
    sdk.make_store()
    sdk.write(
        (BEGIN + 2, {"level": "INFO", "message": "worker 3 started", "latency": "40"}),
        (BEGIN + 1, {"level": "ERROR", "message": "worker 3 died, exit code 137", "latency": "900"}),
        topic="training",
    )
    sdk.write((BEGIN + 100, {"level": "info", "message": "served a sentence", "latency": "7"}), topic="serving")
    return sdk


def test_a_query_finds_what_it_asks_for_in_the_order_of_time(filled: Sdk) -> None:
    assert [log["level"] for log in filled.search("worker", BEGIN, BEGIN + 1000)] == ["ERROR", "INFO"]
    assert [log["level"] for log in filled.search("latency: 7", BEGIN, BEGIN + 1000)] == ["info"]
    found = filled.search("__tag__:region: cn-hangzhou and __source__: 10.0.0.1", BEGIN, BEGIN + 1000)
    assert [log["__topic__"] for log in found] == ["training", "training", "serving"]


def test_a_statement_behind_the_search_is_evaluated_over_what_it_found(filled: Sdk) -> None:
    rows = filled.search("worker | select count(*) as n, max(latency) as slowest", BEGIN, BEGIN + 1000)
    assert rows == [{"n": "2", "slowest": "900"}]
    rows = filled.search("* | select __topic__, sum(latency) as s group by __topic__ order by s", BEGIN, BEGIN + 1000)
    assert rows == [{"__topic__": "serving", "s": "7"}, {"__topic__": "training", "s": "940"}]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("select colour", "no such column"),
        ("select date_format(__time__)", "no such function"),
        ("delete from log", "not authorized"),
        ("select length(zeroblob(900000000))", "too big"),
        ("select * from log; drop table log", "one statement"),
        ("with recursive r(x) as (select 1 union all select x + 1 from r) select count(*) from r", "SQLite"),
    ],
)
def test_a_statement_that_cannot_be_evaluated_is_refused_with_the_reason(
    filled: Sdk, statement: str, reason: str
) -> None:
    code, status, message = refusal(lambda: filled.search(f"* | {statement}", BEGIN, BEGIN + 1000))
    assert (code, status) == ("ParameterInvalid", 400)
    assert reason in message


def test_pages_go_forward_or_backward_in_time(filled: Sdk) -> None:
    newest = filled.search("*", BEGIN, BEGIN + 1000, line=1, reverse=True)
    second = filled.search("*", BEGIN, BEGIN + 1000, line=1, offset=1)
    assert [log["level"] for log in newest + second] == ["info", "INFO"]


def test_the_end_of_a_time_is_not_part_of_it(filled: Sdk) -> None:
    assert len(filled.search("*", BEGIN + 1, BEGIN + 2)) == 1


def test_the_older_call_finds_the_same(filled: Sdk) -> None:
    request = models.GetLogsRequest(query="worker", from_=BEGIN, to=BEGIN + 10)
    found = filled.client.get_logs(PROJECT, STORE, request).body
    assert found.meta.count == 2
    assert found.data[0]["message"] == "worker 3 died, exit code 137"


def test_a_histogram_counts_bar_by_bar(filled: Sdk) -> None:
    request = models.GetHistogramsRequest(query="*", from_=BEGIN, to=BEGIN + 120)
    bars = filled.client.get_histograms(PROJECT, STORE, request).body
    assert [bar.count for bar in bars if bar.count] == [1, 1, 1]
    assert (bars[0].from_, bars[-1].to) == (BEGIN, BEGIN + 120)
    assert all(before.to == after.from_ for before, after in itertools.pairwise(bars))


@pytest.mark.parametrize("compression", ["lz4", "deflate", "zstd"])
def test_groups_are_read_from_their_shards_as_they_were_written(sdk: Sdk, compression: str) -> None:
    sdk.make_store()
    for number in range(5):
        sdk.write((BEGIN + number, {"message": f"日志 {number}"}), compression=compression)
    messages = []
    for shard in sdk.client.list_shards(PROJECT, STORE).body:
        place = str(shard.shard_id)
        cursor = sdk.client.get_cursor(PROJECT, STORE, place, models.GetCursorRequest(from_="begin")).body.cursor
        while True:
            request = models.PullLogsRequest(cursor=cursor, count=1)
            headers = models.PullLogsHeaders(accept_encoding=compression.replace("deflate", "gzip"))
            answer = sdk.client.pull_logs_with_options(PROJECT, STORE, place, request, headers, RuntimeOptions())
            groups = answer.body.log_group_list or []
            if not groups:
                break
            messages += [content.value for group in groups for log in group.log_items for content in log.contents]
            cursor = answer.headers["x-log-cursor"]
    assert sorted(messages) == [f"日志 {number}" for number in range(5)]


def test_a_store_without_an_index_cannot_be_searched(filled: Sdk) -> None:
    filled.client.delete_index(PROJECT, STORE)
    assert refusal(lambda: filled.search("*", BEGIN, BEGIN + 10))[0] == "IndexConfigNotExist"


def test_logs_go_once_their_store_has_kept_them_long_enough_by_the_clouds_clock(filled: Sdk) -> None:
    cloud = filled.served.cloud
    cloud.context.clock.advance(datetime.timedelta(days=29))
    assert len(filled.search("*", BEGIN, BEGIN + 1000)) == 3
    cloud.context.clock.advance(datetime.timedelta(days=2))
    assert filled.search("*", BEGIN, BEGIN + 1000) == []
    rows = "SELECT COUNT(*) FROM log_groups"
    assert cloud.context.store.execute(rows) == [(2,)]
    service = next(service for service in cloud.services if service.name == "Sls")
    service.expire()  # type: ignore[attr-defined]
    assert cloud.context.store.execute(rows) == [(0,)]


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"not a group", {"x-log-bodyrawsize": "11"}, "PostBodyInvalid"),
        (b"\x0a\x00", {"x-log-bodyrawsize": "2"}, "PostBodyInvalid"),  # a log without a time
        (b"", {"x-log-bodyrawsize": "0"}, "PostBodyInvalid"),
        (b"xx", {"x-log-bodyrawsize": "2", "x-log-compresstype": "lz4"}, "PostBodyInvalid"),
        (b"xx", {"x-log-bodyrawsize": "2", "x-log-compresstype": "snappy"}, "ParameterInvalid"),
        (b"xx", {"x-log-bodyrawsize": "999999999"}, "ParameterInvalid"),
    ],
)
def test_a_body_that_is_no_group_is_refused(sdk: Sdk, body: bytes, headers: dict[str, str], code: str) -> None:
    sdk.make_store()
    root = sdk.served.cloud.context.accounts.root
    sent = {
        "host": f"{PROJECT}.cn-hangzhou.log.aliyuncs.com",
        "content-type": "application/x-protobuf",
        "date": email.utils.formatdate(usegmt=True),
        "x-log-apiversion": "0.6.0",
        "x-log-signaturemethod": "hmac-sha1",
        **headers,
    }
    path = f"/logstores/{STORE}/shards/lb"
    own = "".join(f"{name}:{sent[name]}\n" for name in sorted(sent) if name.startswith("x-log-"))
    text = f"POST\n\n{sent['content-type']}\n{sent['date']}\n{own}{path}"
    digest = hmac.new(root.access_key_secret.encode(), text.encode(), hashlib.sha1).digest()
    sent["authorization"] = f"LOG {root.access_key_id}:{base64.b64encode(digest).decode()}"
    answer = sdk.served.cloud.dispatcher.handle(Request("POST", path, path, (), sent, body, sent["host"]))
    assert json.loads(answer.body)["errorCode"] == code


def test_what_was_acknowledged_is_there_after_a_restart(sdk: Sdk) -> None:
    sdk.make_store()
    sdk.write((int(time.time()), {"message": "kept"}))
    store = sdk.served.cloud.context.store
    assert store.execute("SELECT store, length(content) > 0 FROM log_groups") == [(f"{PROJECT}/{STORE}", 1)]
