"""Property values to and from the engine's form."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.pulumi.kubernetes import values
from sandbox.pulumi.kubernetes.values import UNKNOWN, Secret


@pytest.mark.parametrize(
    "value",
    [
        {"a": 1, "b": 1.5, "c": "x", "d": True, "e": None, "f": [1, {"g": []}], "h": {}},
        {"a": UNKNOWN, "b": [UNKNOWN]},
        {"a": Secret({"b": "c"}), "d": [Secret(1)]},
        {"a": Secret(UNKNOWN)},
    ],
)
def test_values_survive_the_way_to_the_engine_and_back(value: dict[str, Any]) -> None:
    assert values.decode(values.encode(value)) == value


def test_whole_numbers_stay_whole_because_the_api_server_refuses_others() -> None:
    assert repr(values.decode(values.encode({"replicas": 3}))["replicas"]) == "3"


def test_an_output_value_is_its_value_its_secrecy_or_unknown() -> None:
    signed = {values.SIGNATURE_KEY: values.OUTPUT_SIGNATURE}
    assert values._decode({**signed, "value": "x", "secret": True}) == Secret("x")
    assert values._decode({**signed, "value": "x"}) == "x"
    assert values._decode(signed) is UNKNOWN


def test_an_unknown_is_found_inside_secrets_and_lists() -> None:
    assert values.has_unknown({"a": [Secret({"b": UNKNOWN})]})
    assert not values.has_unknown({"a": [Secret({"b": 1})]})


def test_outputs_are_secret_where_the_inputs_were_and_lists_as_a_whole() -> None:
    inputs = {"data": {"a": Secret("1"), "b": "2"}, "list": [{"x": Secret("3")}], "gone": Secret("4")}
    outputs = {"data": {"a": "1", "b": "2", "c": "0"}, "list": [{"x": "3"}], "status": {}}
    assert values.mark_secrets(outputs, inputs) == {
        "data": {"a": Secret("1"), "b": "2", "c": "0"},
        "list": Secret([{"x": "3"}]),
        "status": {},
    }


def test_a_secret_never_shows_in_text() -> None:
    assert "hush" not in repr({"a": Secret("hush")})
    assert values.secret_texts({"a": [Secret({"b": "hush", "c": 1})], "d": "open"}) == {"hush"}
