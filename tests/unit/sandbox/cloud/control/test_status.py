"""What the status page is told: regions with what is inside their clusters, resources by service; and the page's files.

How the page looks and behaves in a browser is tests/sandbox/test_status_page.py.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.cloud.control.inventory import Inventory
from sandbox.cloud.core.kubernetes import KubernetesError
from sandbox.cloud.cs.contents import Contents, NodeView, summarise
from sandbox.cloud.oss.service import ObjectStorage
from sandbox.cloud.server import CloudServer
from tests.unit.sandbox.cloud.kubernetes_objects import pod, volume

POOL = {"nodepool_info": {"name": "gpu"}, "scaling_group": {"instance_types": ["ecs.gn6i-c4g1.xlarge"]}}


class Reader:
    """Stands for the API servers: answers with `contents`, fails with `error`, or hangs until `may_answer`."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self.error: Exception | None = None
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.readings = 0

    def read(self, cluster: Any, backend: Any) -> Contents:
        self.readings += 1
        assert self.may_answer.wait(20)
        if self.error is not None:
            raise self.error
        return self.contents


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


async def status(session: aiohttp.ClientSession) -> Any:
    async with session.get("/_sandbox/status") as response:
        assert response.status == 200
        return await response.json()


def add_pool(world: Any) -> str:
    cluster, vswitch = world.cluster()
    body = {**POOL, "scaling_group": {**POOL["scaling_group"], "vswitch_ids": [vswitch], "desired_size": 2}}
    pool = world.roa("POST", f"/clusters/{cluster}/nodepools", body)["nodepool_id"]
    world.settle()
    return str(pool)


async def test_a_simulated_cluster_shows_its_nodes_by_pool_as_simulated(served: Any) -> None:
    world, session = served
    add_pool(world)
    (region,) = (await status(session))["regions"]
    (cluster,) = region["clusters"]
    assert (region["name"], region["local_name"], region["out"]) == ("cn-hangzhou", "China (Hangzhou)", False)
    assert (cluster["name"], cluster["state"], cluster["error"]) == ("platform", "running", "")
    counts = {"total": 2, "ready": 2, "real": 0, "simulated": 2}
    (pool,) = cluster["inside"]["pools"]
    assert (pool["name"], pool["wanted"], pool["nodes"]) == ("gpu", 2, counts)
    assert cluster["inside"]["nodes"] == counts
    assert {node["pool"] for node in cluster["inside"]["listed_nodes"]} == {"gpu"}


async def test_of_many_nodes_those_that_are_not_ready_are_listed_and_all_are_counted(served: Any) -> None:
    world, session = served
    pool = add_pool(world)
    nodes = [NodeView(f"n{number:04}", pool, "simulated", number != 999, "") for number in range(1000)]
    world.cloud.contents = Reader(Contents(nodes=nodes))
    inside = (await status(session))["regions"][0]["clusters"][0]["inside"]
    assert (len(inside["listed_nodes"]), inside["listed_nodes"][0]["name"]) == (100, "n0999")
    assert inside["nodes"] == {"total": 1000, "ready": 999, "real": 0, "simulated": 1000}


async def test_pods_are_shown_by_namespace_and_phase_with_those_that_are_not_well(served: Any) -> None:
    world, session = served
    add_pool(world)
    world.cloud.contents = Reader(summarise([], [pod("one", "n1"), pod("two", "n1"), pod("three")]))
    inside = (await status(session))["regions"][0]["clusters"][0]["inside"]
    assert inside["pods"] == {"qa": {"Running": 2, "Pending": 1}}
    assert [trouble["name"] for trouble in inside["troubles"]] == ["three"]


async def test_volumes_are_shown_up_to_a_number_and_all_are_counted(served: Any) -> None:
    world, session = served
    add_pool(world)
    world.cloud.contents = Reader(summarise([], [], [volume(f"d-{number}") for number in range(60)]))
    inside = (await status(session))["regions"][0]["clusters"][0]["inside"]
    assert (len(inside["volumes"]), inside["volumes_in_all"]) == (50, 60)
    assert inside["volumes"][0]["claim"] == "qa/data"


async def test_a_cluster_that_does_not_answer_is_said_so_with_what_was_last_seen(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.cloud.control.inventory.SHORTEST_AGE", 0.0)
    monkeypatch.setattr("sandbox.cloud.control.inventory.AGE_FACTOR", 0.0)
    world, session = served
    add_pool(world)
    reader = Reader(Contents(nodes=[NodeView("n1", "", "real", True)]))
    world.cloud.contents = reader
    assert (await status(session))["regions"][0]["clusters"][0]["error"] == ""
    reader.error = KubernetesError("the API server did not answer GET /api/v1/nodes: timed out")
    cluster = (await status(session))["regions"][0]["clusters"][0]
    assert cluster["error"] == str(reader.error)
    assert cluster["inside"]["nodes"]["total"] == 1
    assert cluster["age_seconds"] >= 0


async def test_a_region_that_hangs_holds_the_status_up_by_less_than_a_second(served: Any) -> None:
    world, session = served
    add_pool(world)
    reader = Reader(Contents())
    reader.may_answer.clear()
    world.cloud.contents = reader
    try:
        for _ in range(2):
            async with session.get("/_sandbox/status", timeout=aiohttp.ClientTimeout(5)) as response:
                (region,) = (await response.json())["regions"]
            assert region["clusters"][0]["inside"] is None
            assert region["clusters"][0]["error"] == "the cluster's API server has not answered yet"
        assert reader.readings == 1, "a second reading must wait for the first"
    finally:
        reader.may_answer.set()


async def test_a_reading_is_used_again_by_those_who_ask_soon_after(world: Any) -> None:
    add_pool(world)
    world.cloud.contents = reader = Reader(Contents())
    inventory = Inventory(world.cloud)
    for _ in range(3):
        (reading,) = (await inventory.look()).values()
        assert reading.error == ""
    assert reader.readings == 1


async def test_regions_that_are_out_are_shown_with_nothing_in_them(served: Any) -> None:
    _, session = served
    rule = {"name": "region-out-cn-shanghai", "region": "cn-shanghai", "reset": True}
    async with session.post("/_sandbox/faults", json=rule) as response:
        assert response.status == 200
    (region,) = (await status(session))["regions"]
    assert (region["name"], region["out"], region["clusters"]) == ("cn-shanghai", True, [])


async def test_resources_are_counted_by_the_service_that_they_belong_to(served: Any) -> None:
    world, session = served
    add_pool(world)
    world.rpc("Ram", "CreateUser", UserName="one")
    world.rpc("Ram", "CreateAccessKey", UserName="one")
    world.rpc("Alidns", "AddDomain", DomainName="example.com")
    found = (await status(session))["resources_by_service"]
    assert found["CS"] == {"cluster": 1, "node": 2, "node-pool": 1}
    assert found["Vpc"] == {"vpc": 1, "vswitch": 1}
    assert found["Ram"] == {"access-key": 1, "ram-user": 1}
    assert found["Alidns"]["dns-domain"] == 1
    assert "OSS" not in found


async def test_the_pages_files_may_run_no_script_but_their_own_and_are_not_kept(served: Any) -> None:
    _, session = served
    types = {"": "text/html", "page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
    for name, content_type in types.items():
        async with session.get(f"/_sandbox/{name}") as response:
            assert (response.status, response.content_type) == (200, content_type)
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'; script-src 'self'" in policy
            assert "unsafe" not in policy
            assert response.headers["Cache-Control"] == "no-store"
            assert "://" not in (await response.text()).replace("http://www.w3.org/2000/svg", ""), "nothing from afar"
    async with session.post("/_sandbox/", json={}) as response:
        assert response.status in (404, 405)


def test_the_pages_files_are_found_wherever_the_command_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sandbox.cloud.control.page import StatusPage

    monkeypatch.chdir(tmp_path)
    assert StatusPage().has("")
