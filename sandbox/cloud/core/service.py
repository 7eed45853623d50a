"""The anatomy of an emulated service: actions with the parameters they honour, found by name or by path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from sandbox.cloud.core.accounts import Principal
from sandbox.cloud.core.errors import CloudError
from sandbox.cloud.core.parameters import Parameters

Answer = Any
"""What an action returns: the JSON object (RPC), or any JSON value, of the response without its RequestId."""


@dataclass(frozen=True)
class Call:
    """One verified request to one action. `principal` is None only for actions that take no signature."""

    region: str
    parameters: Parameters
    principal: Principal | None
    request_id: str
    names_region: bool = True
    """Whether the request says its region; otherwise `region` is the default one. On the real cloud the host's name
    says it; a client that is given the sandbox's address instead may leave it out of some calls."""


@dataclass(frozen=True)
class Action:
    """One action of a service: its name, what it honours, and for the ROA style its method and path."""

    name: str
    handler: Callable[[Call], Answer]
    honours: frozenset[str]
    anonymous: bool = False
    everyone: bool = False
    method: str = ""
    pattern: re.Pattern[str] | None = None
    selector: tuple[str, str] | None = None
    """A parameter and its value that tell the action from others of the same method and path."""


@dataclass(frozen=True)
class Declaration:
    """What the `action` decorator leaves on a method until its service is made."""

    name: str
    honours: frozenset[str]
    anonymous: bool
    everyone: bool
    method: str
    path: str


Handler = TypeVar("Handler", bound=Callable[..., Answer])


def action(
    name: str,
    honours: str = "",
    *,
    anonymous: bool = False,
    everyone: bool = False,
    method: str = "",
    path: str = "",
) -> Callable[[Handler], Handler]:
    """Declare a method as an action. `honours` lists its parameters, separated by spaces.

    `anonymous` actions take no signature, and `everyone` may call the others so marked without a policy. For the ROA
    style, `method` and `path` (with {names} that become parameters) find the action; a path such as `/logs?type=cursor`
    is for calls whose parameter `type` is `cursor`.
    """
    honoured = frozenset(honours.split()) | _names_in(path)
    declaration = Declaration(name, honoured, anonymous, everyone, method, path)

    def declare(handler: Handler) -> Handler:
        handler.__dict__["declaration"] = declaration
        return handler

    return declare


def _names_in(path: str) -> frozenset[str]:
    _, _, selector = path.partition("?")
    return frozenset(re.findall(r"{(\w+)}", path)) | ({selector.partition("=")[0]} if selector else frozenset())


@dataclass
class Service:
    """A service of the cloud. Subclasses set the names and declare actions with `@action`."""

    name: ClassVar[str] = ""
    """As people write it: Vpc, Alidns."""
    version: ClassVar[str] = ""
    """The API version, by which requests to a bare address are told apart."""
    hosts: ClassVar[tuple[str, ...]] = ()
    """First labels of the service's host names, such as "vpc" of vpc.cn-hangzhou.aliyuncs.com."""

    actions: dict[str, Action] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for name in dir(type(self)):
            declaration = getattr(getattr(type(self), name), "declaration", None)
            if isinstance(declaration, Declaration):
                self.actions[declaration.name] = _action_of(declaration, getattr(self, name))

    def start(self) -> None:
        """Bring what the service keeps outside the store in line with it (after a restart)."""

    def stop(self) -> None:
        """End the service's own threads."""

    def status(self) -> Mapping[str, Any]:
        """What the status page shows of this service, beyond its counts."""
        return {}

    def find(self, name: str) -> Action:
        """The action of this name; the cloud's error when the emulator has none."""
        found = self.actions.get(name)
        if found is None:
            raise unknown_action(self.name, name, self.version, self.actions)
        return found

    def route(self, method: str, path: str, values: Mapping[str, Any]) -> tuple[Action, dict[str, str]]:
        """The action for a method and path, with the parameters in the path. `values` are those of the query.

        An action for a certain value of a parameter comes before one for any.
        """
        plain: tuple[Action, dict[str, str]] | None = None
        for candidate in self.actions.values():
            if candidate.pattern is None or candidate.method != method:
                continue
            match = candidate.pattern.fullmatch(path)
            if match is None:
                continue
            if candidate.selector is None:
                plain = plain or (candidate, match.groupdict())
            elif values.get(candidate.selector[0], "") == candidate.selector[1]:
                return candidate, match.groupdict()
        if plain is not None:
            return plain
        raise unknown_action(self.name, f"{method} {path}", self.version, self.actions)

    def permission(self, action: str, values: Mapping[str, Any], region: str, account_id: str) -> tuple[str, str]:
        """What a policy must allow for a call: the action (vpc:CreateVpc), and the resource's global name."""
        prefix = self.name.lower()
        return f"{prefix}:{action}", f"acs:{prefix}:{region}:{account_id}:*"


def _action_of(declaration: Declaration, handler: Callable[[Call], Answer]) -> Action:
    pattern = selector = None
    if declaration.path:
        path, _, query = declaration.path.partition("?")
        pattern = re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path))
        if query:
            name, _, value = query.partition("=")
            selector = (name, value)
    return Action(
        name=declaration.name,
        handler=handler,
        honours=declaration.honours,
        anonymous=declaration.anonymous,
        everyone=declaration.everyone,
        method=declaration.method,
        pattern=pattern,
        selector=selector,
    )


def unknown_action(service: str, name: str, version: str, known: Iterable[str]) -> CloudError:
    """The loud answer to a call that the emulator has no action for."""
    listed = ", ".join(sorted(known)) or "none"
    return CloudError(
        "InvalidAction.NotFound",
        f"The sandbox's emulator does not know the action {name!r} of service {service} (version {version}). "
        f"It knows: {listed}.",
        404,
    )
