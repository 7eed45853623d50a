"""The one HTTPS port sends each request to whom it is for, and shows what goes on."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sandbox.cloud.oss.totals import Totals
from sandbox.cloud.server import CloudServer


class RecordingObjects:
    """Object storage that only notes what reaches it."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path)
        return web.Response(text=(await request.read()).decode())

    def totals(self) -> Totals:
        return Totals()


@pytest.fixture
async def served(world: Any) -> AsyncIterator[tuple[Any, RecordingObjects, aiohttp.ClientSession]]:
    objects = RecordingObjects()
    server = CloudServer(world.cloud, objects)
    await server.start("127.0.0.1", 0, 0, None)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:
        yield world, objects, session
    await server.stop()


async def test_a_signed_form_reaches_its_service(served: Any) -> None:
    world, _, session = served
    values = world.rpc.signed("Vpc", "CreateVpc", {"CidrBlock": "10.0.0.0/8"})
    async with session.post("/", data=values) as response:
        document = await response.json(content_type=None)
        assert (response.status, document["CidrBlock"]) == (200, "10.0.0.0/8")
        assert response.headers["x-acs-request-id"] == document["RequestId"]


async def test_a_signed_query_reaches_its_service(served: Any) -> None:
    world, _, session = served
    values = world.rpc.signed("Sts", "GetCallerIdentity", {})
    async with session.get("/", params=values) as response:
        assert response.status == 400  # signed for POST
        assert (await response.json(content_type=None))["Code"] == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", {"Authorization": "OSS4-HMAC-SHA256 Credential=a"}),
        ("PUT", "/data/key", {"Authorization": "OSS key:signature"}),
        ("GET", "/key?x-oss-signature=a&x-oss-credential=b", {}),
        ("GET", "/key?OSSAccessKeyId=a&Signature=b", {}),
        ("POST", "/", {"Host": "data.oss-cn-hangzhou.aliyuncs.com", "Content-Type": "multipart/form-data; boundary=b"}),
        ("GET", "/data/key", {}),
    ],
)
async def test_the_rest_is_object_storages(served: Any, method: str, path: str, headers: dict[str, str]) -> None:
    _, objects, session = served
    async with session.request(method, path, headers=headers, data=b"body" if method != "GET" else None) as response:
        assert response.status == 200
    assert objects.paths == [path.split("?", maxsplit=1)[0]]


async def test_compressed_bodies_reach_object_storage_as_sent(served: Any) -> None:
    _, _, session = served
    headers = {"Authorization": "OSS key:signature", "Content-Encoding": "gzip"}
    async with session.put("/data/key", headers=headers, data=b"not really gzip") as response:
        assert await response.text() == "not really gzip"


async def test_the_status_shows_resources_calls_and_errors(served: Any) -> None:
    world, _, session = served
    world.cluster()
    world.rpc.send("Vpc", "NoSuchAction")
    async with session.get("/_sandbox/status") as response:
        status = await response.json()
    assert status["state"] == "running"
    assert (status["resources"]["vpc"], status["resources"]["cluster"]) == (1, 1)
    assert status["services"]["CS"]["clusters"][0]["state"] == "running"
    assert status["unknown_actions"] == {"Vpc.NoSuchAction": 1}
    assert status["last_errors"][-1]["code"] == "InvalidAction.NotFound"
    assert world.rpc.access_key_secret not in json.dumps(status)


async def test_reviews_of_an_unknown_cluster_are_refused(served: Any) -> None:
    _, _, session = served
    review = {"request": {"uid": "u1", "namespace": "qa", "object": {}}}
    async with session.post("/_sandbox/pod-identity/c-none", json=review) as response:
        answer = await response.json()
    assert (answer["response"]["uid"], answer["response"]["allowed"]) == ("u1", False)


@pytest.mark.parametrize(
    ("headers", "data"),
    [
        ({"Authorization": "acs nonsense"}, b""),
        ({"Authorization": "ACS3-HMAC-SHA256 nonsense"}, b""),
        ({"x-acs-action": "CreateVpc"}, b"\xff\xfe"),
        ({"x-acs-version": "2015-12-15", "Authorization": "acs a:b"}, b"{"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"%%%=&&&=\xff"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"Action=CreateVpc&Version=2016-04-28&AccessKeyId=a"),
    ],
)
async def test_malformed_requests_get_an_error_of_the_clouds_form(
    served: Any, headers: dict[str, str], data: bytes
) -> None:
    world, _, session = served
    async with session.post("/", headers=headers, data=data) as response:
        assert 400 <= response.status < 500
        assert "ode" in await response.text()
    assert "SandboxFailure" not in {call.code for call in world.cloud.context.log.errors}


async def test_calls_to_clusters_wait_for_them_after_a_restart(restart: Any) -> None:
    before = restart()
    cluster, _ = before.cluster()
    backend = before.backends["cn-hangzhou"]
    backend.stop()
    may_boot, boot = threading.Event(), backend.start
    backend.start = lambda: (may_boot.wait(20), boot())[1]
    after = restart()
    server = CloudServer(after.cloud, None)
    await server.start("127.0.0.1", 0, 0, None)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:
            async with session.get("/_sandbox/status") as response:
                assert (await response.json())["state"] == "recovering"
            call = asyncio.create_task(session.get(f"/clusters/{cluster}", headers={"x-acs-version": "2015-12-15"}))
            values = after.rpc.signed("Vpc", "DescribeVpcs", {})
            async with session.post("/", data=values) as response:
                assert response.status == 200  # others do not wait
            assert not call.done()
            may_boot.set()
            async with await asyncio.wait_for(call, 20) as response:
                assert response.status == 400  # unsigned, but answered
        assert backend.is_running()
    finally:
        may_boot.set()
        await server.stop()
