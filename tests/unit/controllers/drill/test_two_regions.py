"""That the drill of two cut regions fails when nothing was cut, when users are led away, and mends what it cut."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest

from controllers.config.drills import DrillObjectives
from controllers.config.monitor import MonitorSettings
from controllers.drill import region, two_regions
from controllers.drill.faults import Ground
from controllers.drill.observation import Observer
from controllers.drill.site import Region, Site, Users
from controllers.errors import DrillError

SITE = Site(
    namespace="qa",
    regions=(
        Region(name="cn-hangzhou", kubeconfig="a", entry="192.0.2.1"),
        Region(name="cn-beijing", kubeconfig="b", entry="192.0.2.2"),
    ),
    users=Users(name="qa.example.com", server="192.0.2.53:5353", lines={"default": ""}),
)


class Policy:
    """The network policy of one region's controller, which keeps other exceptions of its own."""

    def __init__(self) -> None:
        self.block = SimpleNamespace(except_=["10.0.0.0/8"])
        self.closed = False

    async def get(self, *_: Any) -> Any:
        return SimpleNamespace(spec=SimpleNamespace(egress=[SimpleNamespace(to=[SimpleNamespace(ipBlock=self.block)])]))

    async def replace(self, _: Any) -> None: ...

    async def close(self) -> None:
        self.closed = True


class World:
    """What users and the zone show while the regions are cut; `policies` are those that the drill changed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.policies: dict[str, Policy] = {}
        self.address, self.answers, self.led_to = "192.0.2.1", True, ""
        self.notes = {"cn-hangzhou": "lmc1 ask=cn-beijing:4", "cn-beijing": "lmc1 ask=cn-hangzhou:7"}
        monkeypatch.setattr(two_regions, "CUT_SECONDS", 0.05)
        monkeypatch.setattr(two_regions, "LOOK_SECONDS", 0.01)
        monkeypatch.setattr(two_regions, "client_of", self.client)
        monkeypatch.setattr(region, "resolver", lambda *_: lambda _line: ([self.address], 10.0))
        monkeypatch.setattr(region, "asker", lambda *_: lambda _address: self.answers)
        monkeypatch.setattr(region, "note", self.note)
        settings = MonitorSettings(business="qa", namespace="qa", region="", bucket="")
        observer = Observer(None, settings)  # type: ignore[arg-type]
        self.ground = Ground(observer, SITE, DrillObjectives(), random.Random(1))  # noqa: S311

    def client(self, place: Region, _namespace: str) -> Any:
        return self.policies.setdefault(place.name, Policy())

    def note(self, _users: Users, name: str) -> str:
        """Read once the regions are cut."""
        self.address = self.led_to or self.address
        return self.notes[name]

    async def drill(self) -> None:
        await two_regions._cut_apart(self.ground)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


async def test_each_region_is_cut_from_the_others_entry_and_mended(world: World) -> None:
    await world.drill()
    assert world.policies["cn-hangzhou"].block.except_ == ["10.0.0.0/8", "192.0.2.2/32"]
    assert world.policies["cn-beijing"].block.except_ == ["10.0.0.0/8", "192.0.2.1/32"]
    assert world.ground.note.endswith(" 0 failed")
    for undo in world.ground.undo:
        await undo()
    assert all(policy.block.except_ == ["10.0.0.0/8"] and policy.closed for policy in world.policies.values())


async def test_a_cut_that_no_controller_notices_is_none(world: World) -> None:
    world.notes["cn-beijing"] = "lmc1 beat=3"
    with pytest.raises(DrillError, match="cn-beijing asked after nobody"):
        await world.drill()


async def test_users_that_are_led_away_fail_the_drill(world: World) -> None:
    world.led_to = "192.0.2.2"
    with pytest.raises(DrillError, match=r"led from \['192.0.2.1'\] to \['192.0.2.2'\]"):
        await world.drill()


async def test_requests_that_fail_meanwhile_fail_the_drill(world: World) -> None:
    world.answers = False
    with pytest.raises(DrillError, match="requests over DNS failed"):
        await world.drill()
