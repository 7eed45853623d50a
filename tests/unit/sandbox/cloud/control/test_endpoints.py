"""The control endpoints, and what calls meet when a fault rule is in force, over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from sandbox.cloud.control.endpoints import is_from_this_machine
from sandbox.cloud.oss.service import ObjectStorage
from sandbox.cloud.server import CloudServer

OSS_HOST = {"Host": "data.oss-cn-shanghai.aliyuncs.com"}


@pytest.fixture
async def served(world: Any, tmp_path: Path) -> AsyncIterator[tuple[Any, aiohttp.ClientSession]]:
    context = world.cloud.context
    objects = ObjectStorage(context.accounts, world.cloud.authorizer, tmp_path / "objects", context.clock)
    server = CloudServer(world.cloud, objects)
    await server.start("127.0.0.1", 0, 0, None)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:
        yield world, session
    await server.stop()
    objects.close()


async def add(session: aiohttp.ClientSession, **rule: Any) -> Any:
    async with session.post("/_sandbox/faults", json=rule) as response:
        answer = await response.json()
        assert response.status == 200, answer
        return answer


async def test_an_injected_error_has_the_form_of_each_protocol(served: Any) -> None:
    world, session = served
    await add(session, name="down", error={"code": "ServiceUnavailable", "message": "Try later."})
    async with session.post("/", data=world.rpc.signed("Vpc", "DescribeVpcs", {})) as response:
        document = await response.json(content_type=None)
        assert (response.status, document["Code"], document["Message"]) == (503, "ServiceUnavailable", "Try later.")
        assert document["RequestId"]
    async with session.get("/api/v1/clusters", headers={"x-acs-version": "2015-12-15"}) as response:
        document = await response.json(content_type=None)
        fields = {name.lower(): value for name, value in document.items()}
        assert (response.status, fields["code"], fields["message"]) == (503, "ServiceUnavailable", "Try later.")
    async with session.get("/key", headers=OSS_HOST) as response:
        text = await response.text()
        assert (response.status, response.content_type) == (503, "application/xml")
        assert "<Code>ServiceUnavailable</Code>" in text
        assert "<Message>Try later.</Message>" in text
    calls = list(world.cloud.context.log.errors)
    assert [(call.service, call.action, call.region, call.faults) for call in calls] == [
        ("Vpc", "DescribeVpcs", "cn-hangzhou", ("down",)),
        ("CS", "DescribeClustersV1", "cn-hangzhou", ("down",)),
        ("OSS", "GetObject", "cn-shanghai", ("down",)),
    ]


async def test_a_region_that_is_out_cuts_its_calls_and_no_others(served: Any) -> None:
    world, session = served
    await add(session, name="region-out-cn-shanghai", region="cn-shanghai", reset=True)
    for attempt in range(2):
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get("/key", headers=OSS_HOST)
        values = world.rpc.signed("Vpc", "DescribeVpcs", {"RegionId": "cn-shanghai"})
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.post("/", data=values)
        async with session.post("/", data=world.rpc.signed("Vpc", "DescribeVpcs", {})) as response:
            assert response.status == 200, attempt
    assert {(call.status, call.code) for call in world.cloud.context.log.errors} == {(0, "ConnectionReset")}
    async with session.delete("/_sandbox/faults/region-out-cn-shanghai", headers=JSON) as response:
        assert response.status == 200
    async with session.get("/key", headers=OSS_HOST) as response:
        assert response.status == 404


JSON = {"Content-Type": "application/json"}


async def test_a_late_call_is_carried_out_and_says_which_fault_it_met(served: Any) -> None:
    world, session = served
    await add(session, name="slow", action="CreateVpc", latency_milliseconds=1, count=1)
    for faults in (("slow",), ()):
        async with session.post("/", data=world.rpc.signed("Vpc", "CreateVpc", {})) as response:
            assert response.status == 200
        assert world.cloud.context.log.latest[-1].faults == faults


async def test_rules_are_listed_with_their_hits_and_cleared(served: Any) -> None:
    world, session = served
    await add(session, service="Vpc", error={"code": "Throttling.User"}, count=1)
    for _ in range(2):
        await session.post("/", data=world.rpc.signed("Vpc", "DescribeVpcs", {}))
    async with session.get("/_sandbox/faults") as response:
        (fault,) = (await response.json())["faults"]
    assert {key: fault[key] for key in ("name", "service", "matched", "struck", "spent")} == {
        "name": "fault-1",
        "service": "Vpc",
        "matched": 1,
        "struck": 1,
        "spent": True,
    }
    async with session.delete("/_sandbox/faults", headers=JSON) as response:
        assert await response.json() == {"removed": 1}


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ({}, "does nothing"),
        ({"reset": True, "region": "cn-nowhere"}, "cn-nowhere"),
        ({"reset": True, "probability": 2}, "probability"),
        ([], "object"),
    ],
)
async def test_a_bad_rule_is_refused_with_its_reason(served: Any, body: Any, part: str) -> None:
    _, session = served
    async with session.post("/_sandbox/faults", json=body) as response:
        assert response.status == 400
        assert part in (await response.json())["message"]


async def test_what_no_page_of_a_browser_may_do_is_refused(served: Any) -> None:
    _, session = served
    body = '{"reset": true}'
    for headers in ({"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"}):
        async with session.post("/_sandbox/faults", data=body, headers=headers) as response:
            assert response.status == 415
    for method, path, status in (("PUT", "faults", 405), ("DELETE", "faults/none", 404), ("GET", "nothing", 404)):
        async with session.request(method, f"/_sandbox/{path}", headers=JSON) as response:
            assert (response.status, "message" in await response.json()) == (status, True)


@pytest.mark.parametrize(
    ("peer", "allowed"),
    [
        ("172.30.48.1", True),
        ("127.0.0.1", True),
        ("172.30.49.10", False),
        ("172.30.49.2", False),
        ("10.244.1.2", False),
    ],
)
def test_only_the_machine_itself_is_in_control(peer: str, allowed: bool) -> None:
    addresses = {"peername": (peer, 4000), "sockname": ("172.30.48.1", 443)}
    request = SimpleNamespace(transport=SimpleNamespace(get_extra_info=addresses.get))
    assert is_from_this_machine(request) is allowed  # type: ignore[arg-type]


async def test_recent_calls_and_errors_can_be_asked_for(served: Any) -> None:
    world, session = served
    world.rpc("Vpc", "DescribeVpcs")
    world.rpc.send("Vpc", "Fly")
    for query, actions in (("", ["DescribeVpcs", "Fly"]), ("?errors=1", ["Fly"]), ("?limit=1", ["Fly"])):
        async with session.get(f"/_sandbox/calls{query}") as response:
            assert [call["action"] for call in (await response.json())["calls"]] == actions
    async with session.get("/_sandbox/calls?limit=0") as response:
        assert response.status == 400


async def test_of_object_storage_failed_calls_are_written_down_but_not_those_that_probe(served: Any) -> None:
    world, session = served
    for method in ("GET", "HEAD"):
        await session.request(method, "/key", headers={"Host": "none.oss-cn-hangzhou.aliyuncs.com"})
    found = [(call.service, call.action, call.status, call.code) for call in world.cloud.context.log.latest]
    assert found == [("OSS", "GetObject", 404, "NoSuchBucket"), ("OSS", "HeadObject", 404, "NoSuchBucket")]


async def test_calls_that_are_no_call_at_all_meet_faults_too_and_harm_nothing(served: Any) -> None:
    world, session = served
    await add(session, error={"code": "ServiceUnavailable"})
    bodies = (
        ("/", {"x-acs-action": "Fly"}, b"\xff"),
        ("/", {"Content-Type": "application/x-www-form-urlencoded"}, b"%%%=&&&=\xff"),
        ("/%ff?x-oss-a=%ff", {"Host": "a..oss-.aliyuncs.com", "Authorization": "OSS4-HMAC-SHA256 x"}, b""),
    )
    for path, headers, body in bodies:
        async with session.post(path, headers=headers, data=body) as response:
            assert (response.status, "ServiceUnavailable" in await response.text()) == (503, True)
    assert "SandboxFailure" not in {call.code for call in world.cloud.context.log.errors}
