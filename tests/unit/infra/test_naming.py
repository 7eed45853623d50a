"""Names: within each service's limits, and stable."""

from __future__ import annotations

import pytest

from infra.naming import BUCKET, BusinessNames, NameRuleError, PlatformNames, compose


def test_the_names_of_a_business_are_those_that_running_stacks_have() -> None:
    names = BusinessNames("example", "qa", "cn-hangzhou")
    assert list(names.all()) == [
        "qa",
        "example-qa-cn-hangzhou-data",
        "example-qa-cn-hangzhou-models",
        "example-qa-cn-hangzhou-backups",
        "example-qa-cn-hangzhou-training",
        "qa-training",
        "example-qa-cn-hangzhou-training-data",
        "example-qa-cn-hangzhou-training-models",
        "example-qa-cn-hangzhou-training-backups",
        "example-qa-cn-hangzhou-serving",
        "qa-serving",
        "example-qa-cn-hangzhou-serving-data",
        "example-qa-cn-hangzhou-serving-models",
        "example-qa-cn-hangzhou-serving-backups",
        "example-qa-cn-hangzhou-entry",
        "qa",
    ]


def test_the_names_of_a_platform_are_those_that_running_stacks_have() -> None:
    names = PlatformNames("example", "cn-hangzhou")
    assert list(names.all()) == [
        "example-cn-hangzhou",
        "example-cn-hangzhou",
        "example-cn-hangzhou-egress",
        "example-cn-hangzhou-nodes",
        "example-cn-hangzhou-logs",
        "example-cn-hangzhou-access-logs",
    ]
    assert names.pod_switch("cn-hangzhou-h") == "example-cn-hangzhou-h-pods"


def test_a_name_of_exactly_the_limit_is_taken_and_one_more_is_not() -> None:
    assert len(compose(BUCKET, "a" * 61, "b")) == 63
    with pytest.raises(NameRuleError, match="3 to 63 characters, this one has 64"):
        compose(BUCKET, "a" * 62, "b")


@pytest.mark.parametrize("parts", [("Qa", "data"), ("qa_", "data"), ("qa", "data-"), ("-qa", "data")])
def test_letters_that_the_service_refuses_are_named(parts: tuple[str, ...]) -> None:
    with pytest.raises(NameRuleError, match="lower-case letters, digits and hyphens"):
        compose(BUCKET, *parts)
