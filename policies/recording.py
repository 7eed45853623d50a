"""An engine that records: the program runs against it, and every registration is kept as the real engine would see it.

The policy pack's plans are made with it, and the unit tests of the program, which answer as the cloud would.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import pulumi
from pulumi.runtime import mocks, rpc
from pulumi.runtime import settings as runtime

from infra.naming import PROJECT
from policies.values import UNKNOWN

WRAPPED = "4dabf18193072939515e22adb298388d"
"""The protocol's key of a wrapped value: a secret, an output, an asset."""
STACK_REFERENCE = "pulumi:pulumi:StackReference"
SDK_PARTS = ("", *(f".{part}" for part in ("cr", "cs", "dns", "ecs", "kms", "log", "oss", "ram", "slb", "vpc")))
Keep = Callable[[Any, dict[str, Any], str], None]
"""Is given each registration's request, its inputs as plain values, and the URN that it got."""


class RecordingEngine(mocks.MockMonitor):
    """Answers with what `cloud` says, and gives each registration to `keep`."""

    def __init__(self, cloud: mocks.Mocks, keep: Keep) -> None:
        super().__init__(cloud)
        self._keep = keep

    def Invoke(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        """As the base class, with an event loop that is closed again."""
        with _event_loop():
            return super().Invoke(request)  # type: ignore[no-untyped-call]

    def ReadResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        """As the base class, with an event loop that is closed again."""
        with _event_loop():
            return super().ReadResource(request)  # type: ignore[no-untyped-call]

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        """As the base class, and keep what was asked for."""
        with _event_loop():
            answer = super().RegisterResource(request)  # type: ignore[no-untyped-call]
            inputs = rpc.deserialize_properties(request.object, keep_unknowns=True)
        self._keep(request, plain(inputs), answer.urn)
        return answer


def run(program: Callable[[], object], engine: RecordingEngine, stack: str, *, preview: bool) -> None:
    """Run a function as a Pulumi program; returns when all is registered, and the Output known that it may return."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    runtime.set_root_resource(None)  # type: ignore[arg-type] # left by an earlier run
    mocks.set_mocks(engine.mocks, project=PROJECT, stack=stack, preview=preview, monitor=engine)
    try:
        pulumi.runtime.test(program)()  # type: ignore[no-untyped-call]
    finally:
        loop.close()
        asyncio.set_event_loop(None)


def load_sdk() -> None:
    """The SDK warns of its own deprecated modules as it imports them, at the first look."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for part in SDK_PARTS:
            hasattr(import_module(f"pulumi_alicloud{part}"), "outputs")


def plain(value: Any) -> Any:
    """Without the protocol's wrappers, whole numbers as such, and UNKNOWN where the SDK has its own mark."""
    if isinstance(value, pulumi.output.Unknown):
        return UNKNOWN
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return plain(value.get("value")) if WRAPPED in value else {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


@contextmanager
def _event_loop() -> Iterator[None]:
    """The mock monitor leaves an open loop in each worker thread that has none; give it one and close it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            yield
        finally:
            asyncio.set_event_loop(None)
            loop.close()
    else:
        yield
