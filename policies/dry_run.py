"""The plan of a stack without a cloud and without an engine: the program against a recorder, in preview mode.

It shows what Pulumi would be asked for; what only the cloud knows stays unknown, as in a first preview. What providers
say to it is shown by `pulumi preview` alone.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import mocks
from pulumi.runtime import settings as runtime
from pulumi.runtime.sync_await import _sync_await

from infra.settings import StackSettings, load_stack
from policies.model import Plan, Resource
from policies.owner import STACKS, owner_of, quotas
from policies.recording import STACK_REFERENCE, RecordingEngine, load_sdk, run

ACCOUNT = "1234567890123456"
KUBECONFIG = "apiVersion: v1\nkind: Config\n"


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
    load_sdk()
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

    planned: list[Resource] = []
    exports: dict[str, Any] = {}

    def keep(request: Any, inputs: dict[str, Any], urn: str) -> None:
        if request.custom:
            depends_on = frozenset(request.dependencies)
            planned.append(Resource(request.type, inputs, request.name, urn, request.protect, depends_on))

    def program() -> None:
        deploy(settings)
        exports.update(_sync_await(_known(getattr(runtime.get_root_resource(), "outputs", {}))))

    engine = RecordingEngine(_Cloud(platform_outputs, settings.platform.account or ACCOUNT), keep)
    run(program, engine, stack, preview=True)
    return planned, exports


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
