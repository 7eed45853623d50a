"""Projects, stores, dashboards and alerts by the official SDK: their life, their errors, and who may do what."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from alibabacloud_sls20201230 import models

from benchmarks.in_process_cloud import SimulatedCloud
from tests.unit.sandbox.cloud.sls.conftest import PROJECT, STORE, Sdk, refusal


def code_of(call: Callable[[], object]) -> tuple[str, int]:
    return refusal(call)[:2]


def get_project(sdk: Sdk) -> Any:
    return sdk.client.get_project(PROJECT, models.GetProjectRequest()).body


def test_a_project_lives_and_dies(sdk: Sdk) -> None:
    sdk.make_store()
    project = get_project(sdk)
    assert (project.project_name, project.region, project.status) == (PROJECT, "cn-hangzhou", "Normal")
    listed = sdk.client.list_project(models.ListProjectRequest()).body
    assert [one.project_name for one in listed.projects] == [PROJECT]
    sdk.client.update_project(PROJECT, models.UpdateProjectRequest(description="changed"))
    assert get_project(sdk).description == "changed"
    sdk.client.delete_project(PROJECT, models.DeleteProjectRequest())
    assert code_of(lambda: get_project(sdk)) == ("ProjectNotExist", 404)
    assert sdk.served.cloud.context.store.counts().get("log-store") is None


def test_names_are_taken_once_and_wrong_ones_refused(sdk: Sdk) -> None:
    sdk.make_store()
    again = models.CreateProjectRequest(project_name=PROJECT, description="")
    assert code_of(lambda: sdk.client.create_project(again)) == ("ProjectAlreadyExist", 400)
    wrong = models.CreateProjectRequest(project_name="A_b", description="")
    assert code_of(lambda: sdk.client.create_project(wrong)) == ("ParameterInvalid", 400)
    store = models.CreateLogStoreRequest(logstore_name=STORE, ttl=1, shard_count=1)
    assert code_of(lambda: sdk.client.create_log_store(PROJECT, store)) == ("LogStoreAlreadyExist", 400)
    assert code_of(lambda: sdk.client.get_log_store(PROJECT, "none")) == ("LogStoreNotExist", 404)


def test_a_store_shows_its_settings_and_shards(sdk: Sdk) -> None:
    sdk.make_store(auto_split=True, max_split_shard=8)
    store = sdk.client.get_log_store(PROJECT, STORE).body
    assert (store.ttl, store.shard_count, store.auto_split, store.max_split_shard) == (30, 2, True, 8)
    sdk.client.update_log_store(PROJECT, STORE, models.UpdateLogStoreRequest(logstore_name=STORE, ttl=90))
    assert sdk.client.get_log_store(PROJECT, STORE).body.ttl == 90
    shards = sdk.client.list_shards(PROJECT, STORE).body
    assert [(shard.shard_id, shard.status) for shard in shards] == [(0, "readwrite"), (1, "readwrite")]
    assert shards[0].exclusive_end_key == shards[1].inclusive_begin_key


def test_shards_split_and_merge(sdk: Sdk) -> None:
    sdk.make_store()
    sdk.client.split_shard(PROJECT, STORE, "0", models.SplitShardRequest(key="4" + "0" * 31))
    found = {shard.shard_id: shard.status for shard in sdk.client.list_shards(PROJECT, STORE).body}
    assert found == {0: "readonly", 1: "readwrite", 2: "readwrite", 3: "readwrite"}
    sdk.client.merge_shard(PROJECT, STORE, "2")
    found = {shard.shard_id: shard.status for shard in sdk.client.list_shards(PROJECT, STORE).body}
    assert found == {0: "readonly", 1: "readwrite", 2: "readonly", 3: "readonly", 4: "readwrite"}


def test_dashboards_and_alerts_are_shown_back(sdk: Sdk) -> None:
    sdk.make_store()
    chart = models.Chart(title="errors", type="line", display={}, search={"query": "level: error"})
    sdk.client.create_dashboard(
        PROJECT,
        models.CreateDashboardRequest(
            body=models.Dashboard(dashboard_name="main", display_name="Main", charts=[chart])
        ),
    )
    shown = sdk.client.get_dashboard(PROJECT, "main").body
    assert (shown.display_name, shown.charts[0].title) == ("Main", "errors")
    configuration = models.AlertConfiguration(version="2.0", type="default", dashboard="main")
    schedule = models.Schedule(type="FixedRate", interval="1m")
    request = models.CreateAlertRequest(
        name="many-errors", display_name="Many errors", configuration=configuration, schedule=schedule
    )
    sdk.client.create_alert(PROJECT, request)
    sdk.client.disable_alert(PROJECT, "many-errors")
    alert = sdk.client.get_alert(PROJECT, "many-errors").body
    assert (alert.display_name, alert.status, alert.schedule.interval) == ("Many errors", "DISABLED", "1m")
    sdk.client.delete_alert(PROJECT, "many-errors")
    assert code_of(lambda: sdk.client.get_alert(PROJECT, "many-errors")) == ("JobNotExist", 404)


def test_a_project_keeps_its_policy_and_tags(sdk: Sdk) -> None:
    sdk.make_store()
    policy = json.dumps({"Version": "1", "Statement": []})
    sdk.client.put_project_policy(PROJECT, models.PutProjectPolicyRequest(body=policy))
    tag = models.TagResourcesRequestTags(key="business", value="qa")
    sdk.client.tag_resources(models.TagResourcesRequest(resource_type="project", resource_id=[PROJECT], tags=[tag]))
    request = models.ListTagResourcesRequest(resource_type="project", resource_id=[PROJECT])
    found = sdk.client.list_tag_resources(request).body.tag_resources
    assert [(one.tag_key, one.tag_value) for one in found] == [("business", "qa")]


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_both_signatures_are_verified(served_cloud: SimulatedCloud, cloud_names: None, version: str) -> None:
    Sdk(served_cloud, version=version).make_store()
    wrong = Sdk(served_cloud, secret="wrong", version=version)
    assert code_of(lambda: get_project(wrong)) == ("SignatureNotMatch", 401)
    unknown = Sdk(served_cloud, key="LTAI5tNobody", version=version)
    assert code_of(lambda: get_project(unknown)) == ("Unauthorized", 401)


def test_a_user_may_do_what_policies_allow(sdk: Sdk) -> None:
    sdk.make_store()
    accounts = sdk.served.cloud.context.accounts
    key = accounts.create_key("reader")
    reader = Sdk(sdk.served, key=key.access_key_id, secret=key.access_key_secret)
    assert code_of(lambda: get_project(reader)) == ("Unauthorized", 401)


def test_a_project_answers_at_its_own_regions_endpoint_only(sdk: Sdk) -> None:
    sdk.make_store()
    elsewhere = Sdk(sdk.served)
    elsewhere.client._endpoint = f"cn-shanghai.log.aliyuncs.com:{sdk.served.port}"
    assert code_of(lambda: get_project(elsewhere)) == ("ProjectNotExist", 404)
