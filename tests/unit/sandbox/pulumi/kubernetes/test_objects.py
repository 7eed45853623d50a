"""Names, namespaces and kinds of objects."""

from __future__ import annotations

import pytest

from sandbox.pulumi.kubernetes import objects
from sandbox.pulumi.kubernetes.errors import ProviderError
from sandbox.pulumi.kubernetes.values import UNKNOWN, Secret

TOKEN = "kubernetes:core/v1:ConfigMap"


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("kubernetes:core/v1:Namespace", ("v1", "Namespace")),
        ("kubernetes:apps/v1:Deployment", ("apps/v1", "Deployment")),
        ("kubernetes:rbac.authorization.k8s.io/v1:Role", ("rbac.authorization.k8s.io/v1", "Role")),
        ("kubernetes:example.com/v1beta1:Thing", ("example.com/v1beta1", "Thing")),
    ],
)
def test_a_type_tells_api_version_and_kind(token: str, expected: tuple[str, str]) -> None:
    assert objects.kind_of_token(token) == expected


def test_ids_name_objects_with_and_without_a_namespace() -> None:
    assert objects.identity_of_id("a/b", TOKEN, "d").id == "a/b"
    assert objects.identity_of_id("b", TOKEN, "d").id == "d/b"
    assert objects.identity_of_id("b", TOKEN, None).id == "b"
    with pytest.raises(ProviderError, match="neither `namespace/name` nor `name`"):
        objects.identity_of_id("a/b/c", TOKEN, None)


def test_a_long_logical_name_leaves_room_for_the_suffix() -> None:
    name = objects.automatic_name("x" * 100, b"seed")
    assert len(name) == objects.MAXIMUM_NAME_LENGTH
    assert objects.automatic_name("Web", b"a") != objects.automatic_name("Web", b"b")
    assert objects.automatic_name("Web", b"a").startswith("web-")


def test_nulls_are_left_out_and_secret_metadata_stays_secret() -> None:
    inputs = objects.complete(
        {"metadata": Secret({"name": "a", "labels": None}), "data": None}, {}, TOKEN, "w", b"", "n"
    )
    assert inputs["metadata"] == Secret({"name": "a", "namespace": "n"})
    assert "data" not in inputs


def test_an_unknown_name_is_left_as_it_is() -> None:
    inputs = objects.complete({"metadata": {"name": UNKNOWN}}, {}, TOKEN, "web", b"", "n")
    assert inputs["metadata"]["name"] is UNKNOWN
    assert objects.complete({"metadata": UNKNOWN}, {}, TOKEN, "web", b"", "n")["metadata"] is UNKNOWN


def test_the_engines_proposal_is_the_name_and_an_empty_one_forbids_naming() -> None:
    assert objects.complete({}, {}, TOKEN, "web", b"", "n", "proposed")["metadata"]["name"] == "proposed"
    assert "name" not in objects.complete({}, {}, TOKEN, "web", b"", "n", "")["metadata"]
