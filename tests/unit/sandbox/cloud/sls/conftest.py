"""The official SDK of the log service (alibabacloud-sls20201230), against a cloud behind a real socket."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from alibabacloud_sls20201230 import models
from alibabacloud_sls20201230.client import Client
from alibabacloud_tea_openapi import utils_models
from darabonba.exceptions import UnretryableException
from darabonba.runtime import RuntimeOptions

from benchmarks.in_process_cloud import SimulatedCloud

PROJECT = "business-logs"
STORE = "events"


@pytest.fixture
def cloud_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name of the cloud is this machine's loopback, as inside a region it is the cloud's address."""
    look_up = socket.getaddrinfo

    def resolve(host: Any, *more: Any, **named: Any) -> Any:
        return look_up("127.0.0.1" if str(host).endswith(".aliyuncs.com") else host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


class Sdk:
    """A client of one access key; `version` is the signature's."""

    def __init__(self, served: SimulatedCloud, secret: str = "", key: str = "", version: str = "") -> None:
        root = served.cloud.context.accounts.root
        self.served = served
        configuration = utils_models.Config(
            access_key_id=key or root.access_key_id,
            access_key_secret=secret or root.access_key_secret,
            protocol="HTTP",
            endpoint=f"cn-hangzhou.log.aliyuncs.com:{served.port}",
            region_id="cn-hangzhou",
            signature_version=version or None,
        )
        self.client = Client(configuration)

    def make_store(self, **settings: Any) -> None:
        """A project with a store that can be searched."""
        self.client.create_project(models.CreateProjectRequest(project_name=PROJECT, description="of the test"))
        request = models.CreateLogStoreRequest(logstore_name=STORE, ttl=30, shard_count=2, **settings)
        self.client.create_log_store(PROJECT, request)
        keys = {
            "level": models.IndexKey(type="text", token=[" ", "\n"], case_sensitive=False),
            "latency": models.IndexKey(type="long", doc_value=True),
        }
        line = models.IndexLine(token=[" ", ",", "\n"], case_sensitive=False, chn=False)
        self.client.create_index(PROJECT, STORE, models.CreateIndexRequest(body=models.Index(line=line, keys=keys)))

    def write(self, *logs: tuple[int, dict[str, str]], topic: str = "", compression: str = "lz4") -> None:
        """Write a group of (time, fields)."""
        items = [
            models.LogItem(time=time, contents=[models.LogContent(key=key, value=text) for key, text in fields.items()])
            for time, fields in logs
        ]
        tags = [models.LogTag(key="region", value="cn-hangzhou")]
        group = models.LogGroup(topic=topic, source="10.0.0.1", log_tags=tags, log_items=items)
        headers = models.PutLogsHeaders(x_log_compresstype=compression)
        request = models.PutLogsRequest(body=group)
        self.client.put_logs_with_options(PROJECT, STORE, request, headers, RuntimeOptions())

    def search(self, query: str, begin: int, end: int, **more: Any) -> list[dict[str, str]]:
        """What a query finds."""
        request = models.GetLogsV2Request(query=query, from_=begin, to=end, **more)
        headers = models.GetLogsV2Headers(accept_encoding="lz4")
        return list(self.client.get_logs_v2with_options(PROJECT, STORE, request, headers, RuntimeOptions()).body.data)


def refusal(call: Callable[[], object]) -> tuple[str, int, str]:
    """The code, status and message of the error that a call of the SDK ends with."""
    with pytest.raises(UnretryableException) as caught:
        call()
    error = caught.value.inner_exception
    return str(error.code), int(error.data["statusCode"]), str(error.message)


@pytest.fixture
def sdk(served_cloud: SimulatedCloud, cloud_names: None) -> Iterator[Sdk]:
    yield Sdk(served_cloud)
