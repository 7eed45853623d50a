"""A short campaign of malformed requests over a real socket; `python -m benchmarks.malformed_requests` is the long one.

Calls that skip HTTP are in test_malformed_calls.py.
"""

from __future__ import annotations

import dataclasses
import random
from typing import Any

from benchmarks.malformed_requests import run
from benchmarks.request_preparation import prepare

COUNT = 200
SEED = 2


def test_malformed_requests_get_an_error_of_the_clouds_and_break_nothing(served_cloud: Any) -> None:
    campaign = run(served_cloud, COUNT, SEED)
    assert [str(failure) for failure in campaign.failures] == []
    assert campaign.statuses.total() == COUNT
    assert {200, 400, 403, 404} <= set(campaign.statuses)
    assert len(campaign.services) > 5


def test_a_campaign_sees_a_failing_action_and_its_traceback(served_cloud: Any) -> None:
    for service in served_cloud.cloud.services:
        if service.name == "Kms":
            for name, action in service.actions.items():
                if name != "CreateKey":
                    service.actions[name] = dataclasses.replace(action, handler=lambda call: 1 // 0)
    failures = run(served_cloud, COUNT, SEED).failures
    assert {failure.service for failure in failures} == {"Kms"}
    reasons = " ".join(failure.reason for failure in failures)
    assert "SandboxFailure" in reasons
    assert "logged: ZeroDivisionError" in reasons


def test_a_seed_makes_the_same_requests_again(served_cloud: Any) -> None:
    requests = prepare(served_cloud)

    def made(seed: int) -> list[tuple[str, str, str]]:
        found = [requests.make(random.Random(f"{seed}/{number}")) for number in range(50)]  # noqa: S311 (chooses test data)
        return [(item.service, item.action, item.request.method) for item in found]

    assert made(1) == made(1)
    assert made(1) != made(2)
