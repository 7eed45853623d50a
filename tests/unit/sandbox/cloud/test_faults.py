"""Fault rules: which calls they strike, how often, and that a run can be repeated."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from sandbox.cloud.core.faults import CallName, FaultRule, Faults, InjectedError, region_out
from sandbox.cloud.core.store import Store
from tests.unit.sandbox.cloud.conftest import World

CREATE = CallName("Vpc", "CreateVpc", "cn-hangzhou", "172.30.0.1")
PUT = CallName("OSS", "PutObject", "cn-shanghai", "172.30.1.12")
UNAVAILABLE = InjectedError(code="ServiceUnavailable")


def strikes(faults: Faults, number: int, call: CallName = CREATE) -> list[bool]:
    return [faults.strike(call) is not None for _ in range(number)]


def test_without_rules_nothing_happens() -> None:
    faults = Faults(Store(None))
    assert not faults.are_any
    assert faults.strike(CREATE) is None


@pytest.mark.parametrize(
    ("rule", "struck"),
    [
        (FaultRule(reset=True), [True, True]),
        (FaultRule(service="vpc", reset=True), [True, False]),
        (FaultRule(action="Create*", reset=True), [True, False]),
        (FaultRule(region="cn-s*", reset=True), [False, True]),
        (FaultRule(service="OSS", region="cn-hangzhou", reset=True), [False, False]),
        (FaultRule(caller="172.30.1.*", reset=True), [False, True]),
        (FaultRule(service="OSS", caller="172.30.2.*", reset=True), [False, False]),
    ],
)
def test_a_rule_strikes_what_its_globs_match(rule: FaultRule, struck: list[bool]) -> None:
    faults = Faults(Store(None))
    faults.add(rule)
    assert [faults.strike(call) is not None for call in (CREATE, PUT)] == struck


def test_a_probability_is_kept_and_the_same_seed_repeats_the_run() -> None:
    runs = []
    for seed in (7, 7, 8):
        faults = Faults(Store(None))
        faults.add(FaultRule(probability=0.3, seed=seed, error=UNAVAILABLE))
        runs.append(strikes(faults, 1000))
    assert runs[0] == runs[1] != runs[2]
    assert 250 < sum(runs[0]) < 350


def test_a_count_ends_a_rule_and_a_restart_goes_on_counting_and_drawing(tmp_path: Path) -> None:
    unbroken = Faults(Store(None))
    rule = FaultRule(name="few", probability=0.5, count=5, seed=3, error=UNAVAILABLE)
    unbroken.add(rule)
    expected = strikes(unbroken, 40)
    assert sum(expected) == 5
    store = Store(tmp_path / "cloud.sqlite")
    first = Faults(store)
    first.add(rule)
    seen = strikes(first, 7)
    second = Faults(store)
    assert seen + strikes(second, 33) == expected
    (fault,) = second.list()
    assert (fault.struck, fault.spent) == (5, True)
    store.close()


def test_several_rules_add_latency_and_a_reset_goes_before_an_error() -> None:
    faults = Faults(Store(None))
    faults.add(FaultRule(name="slow", latency_milliseconds=200))
    faults.add(FaultRule(name="slower", latency_milliseconds=300, error=UNAVAILABLE))
    found = faults.strike(CREATE)
    assert found is not None
    assert (found.faults, found.latency_seconds, found.reset, found.error) == (
        ("slow", "slower"),
        0.5,
        False,
        UNAVAILABLE,
    )
    faults.add(region_out("cn-hangzhou"))
    found = faults.strike(CREATE)
    assert found is not None
    assert found.reset


def test_a_region_that_is_out_is_so_for_every_service_and_no_other_region() -> None:
    faults = Faults(Store(None))
    faults.add(region_out("cn-hangzhou"))
    faults.add(FaultRule(region="cn-shanghai", service="OSS", reset=True))
    assert [faults.is_out(region) for region in ("cn-hangzhou", "cn-shanghai", "cn-beijing")] == [True, False, False]
    assert faults.remove("region-out-cn-hangzhou")
    assert not faults.is_out("cn-hangzhou")


def test_a_region_is_cut_from_a_service_of_another_by_the_rules_that_let_nothing_of_its_link_through(
    world: World,
) -> None:
    context = world.cloud.context
    faults, addresses = context.faults, context.addresses
    context.slots.slot("cn-hangzhou")

    def cut(region: str, other: str, service: str = "OSS") -> bool:
        return context.is_cut(service, region, other)

    link = f"{addresses.region_network(0)}".removesuffix("0/24") + "*"
    faults.add(FaultRule(name="cut", service="OSS", region="cn-beijing", caller=link, reset=True))
    assert cut("cn-hangzhou", "cn-beijing")
    assert not cut("cn-hangzhou", "cn-beijing", "CS")
    assert not cut("cn-beijing", "cn-hangzhou")
    assert not cut("cn-shanghai", "cn-beijing"), "it has no link"
    faults.clear()
    for less in (
        {"caller": str(addresses.node(0, 0)), "reset": True},
        {"caller": link, "reset": True, "probability": 0.5},
        {"caller": link, "reset": True, "action": "GetObject"},
        {"caller": link, "error": UNAVAILABLE},
    ):
        faults.add(FaultRule(region="cn-beijing", **less))  # type: ignore[arg-type]
    assert not cut("cn-hangzhou", "cn-beijing")
    faults.add(region_out("cn-beijing"))
    assert cut("cn-hangzhou", "cn-beijing") and cut("cn-shanghai", "cn-beijing")


def test_names_are_given_once_and_removal_says_whether_there_was_one() -> None:
    faults = Faults(Store(None))
    names = [faults.add(FaultRule(reset=True)).name for _ in range(2)]
    assert names == ["fault-1", "fault-2"]
    assert (faults.remove("fault-1"), faults.remove("fault-1"), faults.clear(), faults.are_any) == (
        True,
        False,
        1,
        False,
    )


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reset": True, "error": {"code": "A"}},
        {"reset": True, "probability": 0},
        {"reset": True, "probability": 1.5},
        {"reset": True, "count": 0},
        {"reset": True, "sevice": "Vpc"},
        {"error": {"code": "A", "status": 200}},
        {"error": {"code": "<A>"}},
        {"latency_milliseconds": 10**9},
        {"reset": True, "name": "../x"},
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        FaultRule.model_validate(body)
