"""The coverage table is made from the provider's calls as they were scanned, and from the emulator as it is.

The scan of the provider's real source is not repeated here (it needs Go's module cache); that its result is current is.
"""

from __future__ import annotations

import pytest

from sandbox.cloud.coverage import __main__ as command
from sandbox.cloud.coverage.calls import calls_in
from sandbox.cloud.coverage.data import load
from sandbox.cloud.coverage.extract import merge, pinned_version, supported
from sandbox.cloud.coverage.source import Source
from sandbox.cloud.coverage.table import GAPS, rows
from sandbox.report import render_status

PROVIDER = """
func Provider() *schema.Provider {
    resources: map[string]*schema.Resource{
        "alicloud_thing": resourceThing(),
        "alicloud_other": resourceOther(),
    }
}
func resourceThing() *schema.Resource {
    return &schema.Resource{Create: resourceThingCreate, Read: resourceThingRead}
}
func resourceOther() *schema.Resource { return &schema.Resource{Create: resourceOtherCreate}
}
func resourceThingCreate(d *schema.ResourceData) error {
    action := "CreateThing"
    request := make(map[string]interface{})
    request["Name"] = d.Get("name") // Provider, resourceOtherCreate
    request[fmt.Sprintf("Tag.%d.Key", i)] = key
    response, err = client.RpcPost("Vpc", "2016-04-28", action, nil, request, true)
    action = "TagThing"
    request = map[string]interface{}{
        "ThingId": d.Id(),
    }
    response, err = client.RpcPost("Vpc", "2016-04-28", action, nil, request, true)
    action = fmt.Sprintf("/things/%s", d.Id())
    body := map[string]interface{}{"size": 3}
    response, err = client.RoaPut("CS", "2015-12-15", action, nil, nil, body, true)
}
func resourceThingRead(d *schema.ResourceData) error {
    thingService := ThingService{client}
    return thingService.DescribeThing(d.Id())
}
func resourceOtherCreate(d *schema.ResourceData) error {
    response, err = client.Do("Oss", xmlParam("PUT", "2019-05-17", "PutOther", action), query, body, nil, hostMap)
}
func (s *ThingService) DescribeThing(id string) error {
    request := vpc.CreateDescribeThingRequest()
    request.ThingId = id
}
"""


def scan(name: str) -> list[tuple[str, str, tuple[str, ...]]]:
    source = Source()
    source.add(PROVIDER)
    maker = source.registered()[name]
    calls = merge(call for function in source.reachable(maker) for call in calls_in(function, ()))
    return [(call.product, call.action or f"{call.method} {call.path}", call.parameters) for call in calls]


def test_the_scan_follows_calls_into_services_and_keeps_parameters_of_calls_apart() -> None:
    assert sorted(scan("resource.alicloud_thing")) == [
        ("CS", "PUT /things/{}", ("size",)),
        ("Vpc", "CreateThing", ("Name", "Tag")),
        ("Vpc", "TagThing", ("ThingId",)),
        ("vpc", "DescribeThing", ("ThingId",)),
    ]


def test_the_scan_takes_neither_text_nor_comments_for_calls() -> None:
    assert scan("resource.alicloud_other") == [("Oss", "PutOther", ())]


def test_the_committed_calls_are_those_of_the_pinned_provider_and_of_all_supported_resources() -> None:
    found = load()
    assert found.provider == pinned_version(), "run python -m sandbox.cloud.coverage.extract"
    assert sorted(found.resources) == supported(), "run python -m sandbox.cloud.coverage.extract"


def test_the_page_is_current() -> None:
    assert not command.run(check=True).was_stale


def test_a_stale_page_fails_the_check(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "PAGE", tmp_path / "coverage.md")  # type: ignore[operator]
    assert command.main(["--check"]) == 1
    assert command.main([]) == 0
    assert command.main(["--check"]) == 0


def test_each_parameter_that_the_provider_sends_is_either_honoured_or_listed_as_ignored() -> None:
    by_name = {(row.service, row.action): row for row in rows(load(), command.emulator())}
    row = by_name["Alidns", "AddDomainRecord"]
    assert (row.implemented, row.ignored) == (True, ())
    assert {"RR", "Type", "Value", "TTL", "Line"} <= set(row.honoured)
    assert by_name["CS", "CreateClusterNodePool"].implemented, "found by its path"
    assert by_name["Oss", "PutBucket"].implemented
    assert not by_name["CS", "AttachInstancesToNodePool"].honoured


def test_every_gap_that_is_explained_is_one() -> None:
    unanswered = {(row.service, row.action) for row in rows(load(), command.emulator()) if not row.implemented}
    assert set(GAPS) <= unanswered


def test_the_status_counts_what_the_emulator_did_not_know_or_did_not_heed() -> None:
    status = {"unknown_actions": {"Vpc.Fly": 1, "Vpc.Swim": 3}, "ignored_parameters": {"Vpc.CreateVpc.Colour": 2}}
    assert render_status(status).splitlines() == [
        "unknown action: Vpc.Swim: 3 calls",
        "unknown action: Vpc.Fly: 1 calls",
        "ignored parameter: Vpc.CreateVpc.Colour: 2 calls",
    ]
