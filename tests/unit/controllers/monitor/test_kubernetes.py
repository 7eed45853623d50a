"""Lines of a watch as the API server really sends them, and what a refusal becomes."""

from __future__ import annotations

import httpx2
import pytest
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import Status
from lightkube.resources.core_v1 import Pod

from controllers.errors import ClusterError, ConflictError
from controllers.monitor.kubernetes import decode, refusal, status_of


def test_a_bookmark_is_read_though_the_rest_of_its_object_is_empty() -> None:
    line = (
        b'{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"1234",'
        b'"creationTimestamp":null,"annotations":{"k8s.io/initial-events-end":"true"}},"spec":{"containers":null},'
        b'"status":{}}}'
    )
    kind, item = decode(line, Pod)
    assert (kind, item.metadata.resourceVersion) == ("BOOKMARK", "1234")


def test_an_object_is_read_as_what_it_is() -> None:
    line = (
        b'{"type":"MODIFIED","object":{"metadata":{"name":"a","resourceVersion":"7"},'
        b'"spec":{"containers":[{"name":"c"}]},"status":{"phase":"Running"}}}'
    )
    kind, item = decode(line, Pod)
    assert (kind, item.metadata.name, item.status.phase) == ("MODIFIED", "a", "Running")


def test_an_error_within_a_watch_is_raised_with_its_status() -> None:
    line = b'{"type":"ERROR","object":{"kind":"Status","status":"Failure","message":"too old","code":410}}'
    with pytest.raises(ApiError) as caught:
        decode(line, Pod)
    assert status_of(caught.value) == 410


def test_a_refusal_is_one_line_of_the_right_kind() -> None:
    conflict = refusal(ApiError(status=Status(code=409, message="the object has been\n modified")))
    assert isinstance(conflict, ConflictError)
    assert str(conflict) == "changed by another: the object has been modified"
    away = refusal(httpx2.ConnectError("connection refused"))
    assert isinstance(away, ClusterError)
    assert "the Kubernetes API can't be reached: connection refused" in str(away)
