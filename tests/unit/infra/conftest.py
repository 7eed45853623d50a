"""A recording engine, fresh for each test: the whole program runs against it and every registration is kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime import settings as pulumi_settings

from policies.recording import STACK_REFERENCE, RecordingEngine, load_sdk
from policies.recording import run as run_recorded
from tests.unit.infra.stacks import BEIJING, HANGZHOU, settings

load_sdk()

ACCOUNT = "1234567890123456"
REPOSITORY = Path(__file__).resolve().parents[3]
REGIONS = {"cn-hangzhou": "c0123", "cn-beijing": "c4567"}
ADDRESSES = {"cn-hangzhou": "47.96.0.10", "cn-beijing": "39.96.0.20"}
PLATFORM_OUTPUTS: dict[str, Any] = {
    "account": ACCOUNT,
    "zone": "language.example.com",
    "regions": {
        region: {
            "cluster_id": cluster,
            "network_id": "vpc-1",
            "switch_ids": ["vsw-1", "vsw-2", "vsw-3"],
            "identity_provider": f"acs:ram::{ACCOUNT}:oidc-provider/ack-rrsa-{cluster}",
            "identity_issuer": f"https://oidc-ack-{region}.example.com/{cluster}",
            "access_logs_bucket": f"example-{region}-access-logs",
        }
        for region, cluster in REGIONS.items()
    },
    "kubeconfigs": dict.fromkeys(REGIONS, "apiVersion: v1\nkind: Config\n"),
}


def region_of(name: str) -> str:
    """The region in a resource's name; a name with none, or with two, is a bug of its own."""
    (found,) = [region for region in REGIONS if region in name]
    return found


@dataclass(frozen=True)
class Registration:
    """One resource as the engine would see it."""

    type: str
    name: str
    inputs: dict[str, Any]
    provider: str
    parent: str
    protect: bool
    ignore_changes: tuple[str, ...]
    aliases: tuple[str, ...]
    dependencies: frozenset[str]
    custom: bool


@dataclass
class Recorder(pulumi_mocks.Mocks):
    """Answers as the cloud would; keeps what was asked."""

    calls: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    account: str = ACCOUNT
    own_outputs: dict[str, Any] = field(default_factory=dict)
    platform_outputs: dict[str, Any] = field(default_factory=lambda: dict(PLATFORM_OUTPUTS))

    def new_resource(self, args: pulumi_mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        self.made.append(args.typ)
        outputs = dict(args.inputs)
        if args.typ == STACK_REFERENCE:
            own = args.inputs["name"].endswith(f"/{pulumi.get_stack()}")
            found = self.own_outputs if own else self.platform_outputs
            outputs = {**outputs, "outputs": found, "secretOutputNames": ["kubeconfigs"]}
        if args.typ.endswith(":ManagedKubernetes"):
            region = PLATFORM_OUTPUTS["regions"][region_of(args.name)]
            outputs["rrsaMetadata"] = {
                "enabled": True,
                "ramOidcProviderArn": region["identity_provider"],
                "rrsaOidcIssuerUrl": region["identity_issuer"],
            }
        if args.typ.endswith(":EipAddress"):
            outputs["ipAddress"] = ADDRESSES[region_of(args.name)]
        if args.typ.endswith(":ApplicationLoadBalancer"):
            outputs["address"] = ADDRESSES[region_of(args.name)]
        if args.typ.endswith(":NatGateway"):
            outputs["snatTableIds"] = f"stb-{region_of(args.name)}"
        if args.typ.endswith("ram/role:Role"):
            outputs["arn"] = f"acs:ram::{self.account}:role/{args.inputs['roleName']}"
        identifier = args.inputs.get("bucket") if args.typ.endswith("oss/bucket:Bucket") else f"{args.name}-id"
        return identifier, outputs

    def call(self, args: pulumi_mocks.MockCallArgs) -> dict[str, Any]:
        self.calls.append(args.token)
        if args.token.endswith("getAccount"):
            return {"id": self.account}
        if args.token.endswith("getClusterCredential"):
            return {"kubeConfig": "apiVersion: v1\nkind: Config\n", "clusterId": args.args["clusterId"], "id": "x"}
        raise AssertionError(f"unexpected call {args.token}")


def registration(request: Any, inputs: dict[str, Any]) -> Registration:
    """What the engine was asked to register."""
    return Registration(
        type=request.type,
        name=request.name,
        inputs=inputs,
        provider=request.provider or next(iter(request.providers.values()), ""),
        parent=request.parent,
        protect=request.protect,
        ignore_changes=tuple(request.ignoreChanges),
        aliases=tuple(alias.spec.name or alias.urn.rsplit("::", 1)[-1] for alias in request.aliases),
        dependencies=frozenset(request.dependencies),
        custom=request.custom,
    )


@dataclass
class Run:
    """What a run of the program registered and exported."""

    registrations: list[Registration]
    exports: dict[str, Any]
    recorder: Recorder

    def within(self, region: str) -> Run:
        """What was registered in one region."""
        return Run([item for item in self.registrations if region in item.name], self.exports, self.recorder)

    def of(self, type_suffix: str) -> list[Registration]:
        """Registrations whose type ends so."""
        return [item for item in self.registrations if item.type.endswith(type_suffix)]

    def one(self, type_suffix: str, name_suffix: str = "") -> Registration:
        """The only registration of a type (and name)."""
        found = [item for item in self.of(type_suffix) if item.name.endswith(name_suffix)]
        assert len(found) == 1, [item.name for item in found]
        return found[0]


@contextmanager
def _strict_outputs() -> Iterator[None]:
    """An Output in a string is an error."""
    before = os.environ.get("PULUMI_ERROR_OUTPUT_STRING")
    os.environ["PULUMI_ERROR_OUTPUT_STRING"] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PULUMI_ERROR_OUTPUT_STRING"]
        else:
            os.environ["PULUMI_ERROR_OUTPUT_STRING"] = before


@pytest.fixture(scope="session")
def recorder_factory() -> type[Recorder]:
    """Makes recorders that answer otherwise than by default."""
    return Recorder


@pytest.fixture(scope="session")
def run_program() -> Callable[..., Run]:
    """Runs a function as a Pulumi program, each time against a fresh recorder."""

    def run(program: Callable[[], None], stack: str = "qa", recorder: Recorder | None = None) -> Run:
        recorder = recorder or Recorder()
        registrations: list[Registration] = []
        exports: dict[str, Any] = {}

        def keep(request: Any, inputs: dict[str, Any], urn: str) -> None:
            registrations.append(registration(request, inputs))

        def within() -> pulumi.Output[Any]:
            program()
            outputs = getattr(pulumi_settings.get_root_resource(), "outputs", {})
            return pulumi.Output.all(**outputs).apply(exports.update)

        with _strict_outputs():
            run_recorded(within, RecordingEngine(recorder, keep), stack, preview=False)
        return Run(registrations, exports, recorder)

    return run


@pytest.fixture(scope="session")
def committed(run_program: Callable[..., Run]) -> Callable[[str], Run]:
    """What a stack makes of its committed file, run once for all tests. Nobody changes what was recorded."""
    from infra.program import deploy

    return cache(lambda stack: run_program(lambda: deploy(settings(stack)), stack))


@pytest.fixture(scope="session")
def stack(committed: Callable[[str], Run]) -> Run:
    """The whole stack of qa."""
    return committed("qa")


@pytest.fixture(scope="session", params=[HANGZHOU, BEIJING])
def region(request: pytest.FixtureRequest) -> str:
    """Each of the two regions."""
    return str(request.param)


@pytest.fixture(scope="session")
def qa(stack: Run, region: str) -> Run:
    """What qa has in one region: in the one that trains, and in the one that stands by."""
    return stack.within(region)
