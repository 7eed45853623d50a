"""Alerts are evaluated by the cloud's clock, and what was found stands in their project's history."""

from __future__ import annotations

import asyncio
import datetime
from typing import Any

import pytest
from alibabacloud_sls20201230 import models

from sandbox.cloud.core.errors import CloudError
from sandbox.cloud.sls.alert_conditions import compile_condition
from sandbox.cloud.sls.alerts import HISTORY
from tests.unit.sandbox.cloud.sls.conftest import PROJECT, STORE, Sdk

ROW = {"cnt": "12", "level": "error", "host": "web-1"}
MINUTE = datetime.timedelta(minutes=1)


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        ("", True),
        ("cnt > 9", True),
        ("$0.cnt >= 12.0 && level == 'error'", True),
        ('level != "error" || host =~ "^web-[0-9]+$"', True),
        ("!(cnt < 20)", False),
        ("cnt == 12 && (level == 'warning' || host !~ 'web')", False),
        ("level > 'a'", True),
        ("! level == 'error'", False),
    ],
)
def test_a_condition_says_which_rows_it_means(condition: str, met: bool) -> None:
    assert compile_condition(condition)(ROW) == met


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("cnt >", "it ends too early"),
        ("cnt = 3", "cannot be read from '= 3' on"),
        ("(cnt > 3", "a bracket is not closed"),
        ("cnt > 3 4", "'4' is not expected there"),
        ("cnt && 3", "'&&' is no comparison"),
        ("> 3", "'>' stands where"),
        ("missing > 3", "the result has no field missing; it has cnt, host, level"),
        ("host =~ '('", "is not a regular expression"),
        ("c" * 2000, "at most 1024"),
    ],
)
def test_a_condition_that_cannot_be_read_or_applied_says_why(condition: str, said: str) -> None:
    with pytest.raises(CloudError, match=said.replace("(", r"\(")):
        compile_condition(condition)(ROW)


def advance(sdk: Sdk, duration: datetime.timedelta) -> None:
    asyncio.run(sdk.served.cloud.context.schedule.advance(duration))


def now(sdk: Sdk) -> int:
    return int(sdk.served.cloud.context.clock.now().timestamp())


def make_alert(sdk: Sdk, query: str = "level: error | select count(*) as cnt", **more: Any) -> None:
    """One that looks each minute at the last five, and fires when there were three errors or more."""
    asked = models.AlertQuery(
        store_type="log", project=PROJECT, store=STORE, query=query, start="-5m", end="now", region="cn-hangzhou"
    )
    condition = models.ConditionConfiguration(condition="cnt >= 3", count_condition="")
    severity = models.SeverityConfiguration(severity=8, eval_condition=condition)
    settings: dict[str, Any] = {
        "version": "2.0",
        "type": "default",
        "threshold": 1,
        "query_list": [asked],
        "severity_configurations": [severity],
        **more,
    }
    request = models.CreateAlertRequest(
        name="errors",
        display_name="Errors",
        configuration=models.AlertConfiguration(**settings),
        schedule=models.Schedule(type="FixedRate", interval="1m"),
    )
    sdk.client.create_alert(PROJECT, request)


def history(sdk: Sdk, query: str = "*") -> list[dict[str, str]]:
    """The history's logs, by the SDK; empty before there is one."""
    names = sdk.client.list_log_stores(PROJECT, models.ListLogStoresRequest()).body.logstores
    if HISTORY not in names:
        return []
    request = models.GetLogsV2Request(query=query, from_=now(sdk) - 3600, to=now(sdk) + 3600)
    return list(sdk.client.get_logs_v2(PROJECT, HISTORY, request).body.data)


def write_errors(sdk: Sdk, count: int) -> None:
    sdk.write(*((now(sdk) + number, {"level": "error"}) for number in range(count)))


def test_an_alert_fires_while_its_condition_holds_and_stops_after(sdk: Sdk) -> None:
    sdk.make_store()
    make_alert(sdk)
    write_errors(sdk, 2)
    advance(sdk, MINUTE)
    assert [entry["Fired"] for entry in history(sdk)] == ["false"]
    write_errors(sdk, 3)
    advance(sdk, MINUTE)
    (entry,) = history(sdk, "Fired: true")
    assert (entry["AlertName"], entry["Severity"], entry["Status"]) == ("errors", "8", "success")
    assert entry["Results"] == '[{"cnt": "5"}]'
    assert sdk.served.cloud.status()["services"]["Sls"]["firing_alerts"] == [f"{PROJECT}/errors"]
    advance(sdk, 6 * MINUTE)
    assert sdk.served.cloud.status()["services"]["Sls"]["firing_alerts"] == []
    assert len(history(sdk)) == 8


def test_an_alert_fires_only_after_as_many_evaluations_as_its_threshold_says(sdk: Sdk) -> None:
    sdk.make_store()
    make_alert(sdk, threshold=3)
    write_errors(sdk, 5)
    advance(sdk, 4 * MINUTE)
    found = sorted((entry["FireCount"], entry["Fired"]) for entry in history(sdk))
    assert found == [("1", "false"), ("2", "false"), ("3", "true"), ("4", "true")]


def test_an_alert_may_fire_because_nothing_came(sdk: Sdk) -> None:
    sdk.make_store()
    make_alert(sdk, query="level: error", no_data_fire=True, no_data_severity=6)
    advance(sdk, MINUTE)
    assert [(entry["Fired"], entry["Severity"]) for entry in history(sdk)] == [("true", "6")]


def test_an_alert_that_is_off_or_gone_is_not_evaluated(sdk: Sdk) -> None:
    sdk.make_store()
    make_alert(sdk)
    sdk.client.disable_alert(PROJECT, "errors")
    advance(sdk, 5 * MINUTE)
    assert history(sdk) == []
    sdk.client.enable_alert(PROJECT, "errors")
    advance(sdk, 2 * MINUTE)
    sdk.client.delete_alert(PROJECT, "errors")
    advance(sdk, 5 * MINUTE)
    assert len(history(sdk)) == 2


def test_a_restarted_cloud_goes_on_without_a_second_evaluation_of_the_same_minute(sdk: Sdk) -> None:
    sdk.make_store()
    make_alert(sdk)
    service = next(service for service in sdk.served.cloud.services if service.name == "Sls")
    service.start()
    advance(sdk, 3 * MINUTE)
    assert len(history(sdk)) == 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"query_list": []}, "alerts of one query, not of 0"),
        ({"query": "level: error | select nothing"}, "cannot be evaluated"),
        ({"query": "level: error | select count(*) as other"}, "the result has no field cnt"),
        ({"group_configuration": models.GroupConfiguration(type="labels_auto")}, "alerts that are grouped"),
        ({"threshold": 1, "severity_configurations": [models.SeverityConfiguration(severity=8)]}, ""),
    ],
)
def test_an_alert_that_cannot_be_evaluated_says_so_each_time(sdk: Sdk, changes: dict[str, Any], said: str) -> None:
    sdk.make_store()
    make_alert(sdk, **changes)
    advance(sdk, 2 * MINUTE)
    found = history(sdk)
    assert [entry["Status"] for entry in found] == ["failed" if said else "success"] * 2
    assert all(said in entry["Reason"] for entry in found)
