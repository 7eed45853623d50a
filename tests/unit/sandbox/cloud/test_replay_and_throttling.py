"""A signed request counts once, and one caller calls one action only so often."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest

from sandbox.cloud.core.clock import ManualClock
from sandbox.cloud.core.errors import CloudError
from sandbox.cloud.core.nonces import Nonces
from sandbox.cloud.core.throttling import MAXIMUM_BUCKETS, Throttle
from sandbox.cloud.core.wire import Request

NOW = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
LIFETIME = datetime.timedelta(minutes=30)


def test_an_rpc_request_sent_again_is_refused(world: Any) -> None:
    values = world.rpc.signed("Vpc", "CreateVpc", {"CidrBlock": "10.0.0.0/8"})
    assert world.rpc.post(values).status == 200
    again = world.rpc.post(values)
    assert (again.status, again.code) == (400, "SignatureNonceUsed")
    assert world.rpc("Vpc", "DescribeVpcs")["TotalCount"] == 1


def test_an_rpc_request_needs_a_nonce(world: Any) -> None:
    assert world.rpc.send("Vpc", "DescribeVpcs", SignatureNonce="").code == "MissingSignatureNonce"


def test_an_acs3_request_sent_again_is_refused(world: Any) -> None:
    sent: list[Request] = []
    handle = world.cloud.dispatcher.handle
    world.cloud.dispatcher.handle = lambda request: (sent.append(request), handle(request))[1]
    world.roa("GET", "/api/v1/clusters")
    assert b"SignatureNonceUsed" in handle(sent[0]).body


def test_a_request_with_a_wrong_signature_uses_no_nonce_up(world: Any) -> None:
    forger = dataclasses.replace(world.rpc, access_key_secret="wrong")
    assert forger.send("Sts", "GetCallerIdentity", SignatureNonce="n").code == "SignatureDoesNotMatch"
    assert world.rpc.send("Sts", "GetCallerIdentity", SignatureNonce="n").status == 200


def test_each_key_has_its_own_nonces() -> None:
    nonces = Nonces(LIFETIME)
    assert nonces.use("a", "n", NOW)
    assert nonces.use("b", "n", NOW)
    assert not nonces.use("a", "n", NOW + LIFETIME - datetime.timedelta(seconds=1))


def test_nonces_are_forgotten_once_their_requests_would_be_too_old() -> None:
    nonces = Nonces(LIFETIME)
    for number in range(100):
        nonces.use("a", str(number), NOW)
    assert nonces.use("a", "later", NOW + LIFETIME)
    assert len(nonces) == 1


def test_nonces_never_fill_the_memory() -> None:
    nonces = Nonces(LIFETIME, maximum=10)
    for number in range(1000):
        assert nonces.use("a", f"{number}" * 100, NOW)
    assert len(nonces) == 10
    assert not nonces.use("a", "999" * 100, NOW)


def test_a_caller_that_never_pauses_is_throttled_and_then_goes_on() -> None:
    clock = ManualClock(NOW)
    throttle = Throttle(clock, calls_per_minute=60)
    for _ in range(60):
        throttle.check("alice", "Vpc.DescribeVpcs")
    with pytest.raises(CloudError) as caught:
        throttle.check("alice", "Vpc.DescribeVpcs")
    assert (caught.value.code, caught.value.status) == ("Throttling.User", 400)
    assert "try again in 1 s" in caught.value.message
    throttle.check("alice", "Vpc.CreateVpc")
    throttle.check("bob", "Vpc.DescribeVpcs")
    clock.advance(datetime.timedelta(seconds=1))
    throttle.check("alice", "Vpc.DescribeVpcs")


def test_a_throttled_call_is_answered_with_the_clouds_error_and_does_nothing(world: Any) -> None:
    world.cloud.dispatcher._throttle = Throttle(ManualClock(NOW), calls_per_minute=1)
    world.rpc("Vpc", "CreateVpc", CidrBlock="10.0.0.0/8")
    reply = world.rpc.send("Vpc", "CreateVpc", CidrBlock="10.0.0.0/8")
    assert (reply.status, reply.code) == (400, "Throttling.User")
    assert world.rpc("Vpc", "DescribeVpcs")["TotalCount"] == 1


def test_many_callers_never_fill_the_memory() -> None:
    clock = ManualClock(NOW)
    throttle = Throttle(clock, calls_per_minute=60)
    for number in range(MAXIMUM_BUCKETS + 500):
        throttle.check(f"session-{number}", "Vpc.DescribeVpcs")
        clock.advance(datetime.timedelta(milliseconds=10))
    assert len(throttle._buckets) <= MAXIMUM_BUCKETS


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_call_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Throttle(ManualClock(NOW), limit)
