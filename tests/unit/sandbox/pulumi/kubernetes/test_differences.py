"""Paths of changes, and which of them replace an object."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.pulumi.kubernetes.differences import changes, parse, replacing, show
from sandbox.pulumi.kubernetes.immutable import Mutability, force_new
from sandbox.pulumi.kubernetes.values import UNKNOWN, Secret


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, ["update a"]),
        ({"a": 1}, {"b": {"c": 1}}, ["delete a", "add b"]),
        ({"a": None}, {}, []),
        ({"a": {"b.c/d": "x"}}, {"a": {"b.c/d": "y"}}, ['update a["b.c/d"]']),
        ({"a": [1, 2]}, {"a": [1]}, ["delete a[1]"]),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}, {}]}, ["update a[0].b", "add a[1]"]),
        ({"a": Secret("x")}, {"a": "x"}, []),
        ({"a": Secret("x")}, {"a": Secret("y")}, ["update a"]),
        ({"a": "x"}, {"a": UNKNOWN}, ["update a"]),
        ({"a": {"b": 1}}, {"a": [1]}, ["update a"]),
        ({"a": 1}, {"a": True}, ["update a"]),
    ],
)
def test_changes_are_named_at_the_deepest_property(old: Any, new: Any, expected: list[str]) -> None:
    assert [f"{change.kind} {change}" for change in changes(old, new)] == expected


@pytest.mark.parametrize("text", ["a", "a.b[0].c", 'metadata.annotations["a.b/c"]', 'a["with \\"quotes\\""]'])
def test_a_path_reads_back_as_it_was_written(text: str) -> None:
    assert show(parse(text)) == text


@pytest.mark.parametrize(
    ("api_version", "kind", "old", "new", "replaces"),
    [
        ("apps/v1", "Deployment", {"spec": {"replicas": 1}}, {"spec": {"replicas": 2}}, False),
        ("apps/v1", "Deployment", {"spec": {"selector": {"a": 1}}}, {"spec": {"selector": {"a": 2}}}, True),
        ("apps/v1", "Deployment", {"spec": {"selector": {"a": 1}}}, {}, True),
        ("v1", "ConfigMap", {"data": {}}, {"data": {"a": "b"}}, True),
        ("v1", "ConfigMap", {"metadata": {"labels": {}}}, {"metadata": {"labels": {"a": "b"}}}, False),
        ("v1", "Namespace", {"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}, True),
        ("example.com/v1", "Thing", {"metadata": {"namespace": "a"}}, {"metadata": {"namespace": UNKNOWN}}, True),
        ("v1", "Pod", {"spec": {"containers": [{"env": 1}]}}, {"spec": {"containers": [{"env": 2}]}}, True),
        ("v1", "Pod", {"spec": {"containers": [{"image": 1}]}}, {"spec": {"containers": [{"image": 2}]}}, False),
        ("rbac.authorization.k8s.io/v1", "RoleBinding", {"roleRef": {"name": 1}}, {"roleRef": {"name": 2}}, True),
    ],
)
def test_only_fields_set_at_creation_replace(
    api_version: str, kind: str, old: dict[str, Any], new: dict[str, Any], replaces: bool
) -> None:
    patterns = force_new(api_version, kind, new, Mutability())
    assert bool(replacing(list(changes(old, new)), patterns)) is replaces


def test_data_is_mutable_when_asked_for_unless_the_object_itself_says_immutable() -> None:
    mutable = Mutability(config_maps=True, secrets=True)
    assert "data" not in force_new("v1", "ConfigMap", {}, mutable)
    assert "data" in force_new("v1", "ConfigMap", {"immutable": True}, mutable)
    assert "stringData" in force_new("v1", "Secret", {}, Mutability())
    assert "stringData" not in force_new("v1", "Secret", {}, mutable)
