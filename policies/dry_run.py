"""The plan of a stack without a cloud and without an engine: the program against a recorder, in preview mode.

It shows what Pulumi would be asked for; what only the cloud knows stays unknown, as in a first preview. What providers
say to it is shown by `pulumi preview` alone.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import mocks, rpc
from pulumi.runtime import settings as runtime
from pulumi.runtime.sync_await import _sync_await

from infra.naming import PROJECT
from infra.settings import StackSettings, load_stack
from policies.model import Plan, Resource
from policies.owner import STACKS, owner_of, quotas
from policies.values import UNKNOWN

ACCOUNT = "1234567890123456"
KUBECONFIG = "apiVersion: v1\nkind: Config\n"
WRAPPED = "4dabf18193072939515e22adb298388d"
"""The protocol's key of a wrapped value: a secret, an output, an asset."""
SDK_PARTS = ("", *(f".{part}" for part in ("cr", "cs", "dns", "ecs", "kms", "log", "oss", "ram", "slb", "vpc")))
STACK_REFERENCE = "pulumi:pulumi:StackReference"


class _Cloud(mocks.Mocks):
    """Answers with the inputs; a stack reference gets the platform's outputs."""

    def __init__(self, platform_outputs: dict[str, Any], account: str) -> None:
        self._platform_outputs = platform_outputs
        self._account = account

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """Ids are the names, except where the cloud's id is the name that was asked for."""
        outputs = dict(args.inputs)
        if args.typ == STACK_REFERENCE:
            outputs |= {"outputs": self._platform_outputs, "secretOutputNames": ["kubeconfigs"]}
        return str(args.inputs.get("bucket") or f"{args.name}-id"), outputs

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """What is looked up: whose account it is, and how a cluster is reached."""
        return {"kubeConfig": KUBECONFIG, **args.args, "id": self._account}, []


class _Recorder(mocks.MockMonitor):
    """Keeps each registration as the engine would see it."""

    def __init__(self, cloud: _Cloud) -> None:
        super().__init__(cloud)
        self.planned: list[Resource] = []

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
        if request.custom:
            found = Resource(
                request.type, _plain(inputs), request.name, answer.urn, request.protect, frozenset(request.dependencies)
            )
            self.planned.append(found)
        return answer


def plan_of(stack: str, folder: Path = STACKS) -> Plan:
    """What a stack's program asks for, kept for as long as no stack file changes: a run takes a second.

    Raises SettingsError when its file is not sound.
    """
    return _plan_of(stack, folder, _texts(folder))


def _texts(folder: Path) -> tuple[str, ...]:
    return tuple(path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.glob("Pulumi.*.yaml")))


@cache
def _plan_of(stack: str, folder: Path, texts: tuple[str, ...]) -> Plan:
    settings = load_stack(folder, stack)
    _load_sdk()
    outputs = {} if settings.business is None else _exports_of_platform(folder, settings.business.platform, texts)
    resources, _ = _run(settings, stack, outputs)
    owner = owner_of(settings)
    owned = tuple(replace(item, owner=owner) for item in resources if not item.type.startswith("pulumi:"))
    return Plan(owned, owner, quotas(folder))


@cache
def _exports_of_platform(folder: Path, stack: str, texts: tuple[str, ...]) -> dict[str, Any]:
    """The platform's outputs as a business reads them, with a made-up text where only the cloud knows."""
    settings = load_stack(folder, stack)
    _, exports = _run(settings, stack, {})
    made_up: dict[str, Any] = _made_up(exports, "output")
    return made_up | {"account": settings.platform.account or ACCOUNT}


def _run(
    settings: StackSettings, stack: str, platform_outputs: dict[str, Any]
) -> tuple[list[Resource], dict[str, Any]]:
    """Run the program; returns what it registered and what it exported."""
    from infra.program import deploy  # noqa: PLC0415 - imports the providers' SDKs, which take a second

    recorder = _Recorder(_Cloud(platform_outputs, settings.platform.account or ACCOUNT))
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    runtime.set_root_resource(None)  # type: ignore[arg-type] # left by an earlier run
    mocks.set_mocks(recorder.mocks, project=PROJECT, stack=stack, preview=True, monitor=recorder)
    exports: dict[str, Any] = {}

    def program() -> None:
        deploy(settings)
        exports.update(_sync_await(_known(getattr(runtime.get_root_resource(), "outputs", {}))))

    try:
        pulumi.runtime.test(program)()  # type: ignore[no-untyped-call] # waits for every registration
    finally:
        loop.close()
        asyncio.set_event_loop(None)
    return recorder.planned, exports


async def _known(value: Any) -> Any:
    """A value with each output in it awaited; what is not known stays the SDK's mark of it."""
    if isinstance(value, pulumi.Output):
        return await _known(await value.future(with_unknowns=True))
    if isinstance(value, dict):
        return {key: await _known(item) for key, item in value.items()}
    return [await _known(item) for item in value] if isinstance(value, list) else value


def _made_up(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _made_up(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_made_up(item, name) for item in value]
    return value if isinstance(value, str | int | float | bool) else f"made-up-{name}"


def _plain(value: Any) -> Any:
    """Without the protocol's wrappers, whole numbers as such, and UNKNOWN where the SDK has its own mark."""
    if isinstance(value, pulumi.output.Unknown):
        return UNKNOWN
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return _plain(value.get("value")) if WRAPPED in value else {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


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


def _load_sdk() -> None:
    """The SDK warns of its own deprecated modules as it imports them, at the first look."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for part in SDK_PARTS:
            hasattr(import_module(f"pulumi_alicloud{part}"), "outputs")
