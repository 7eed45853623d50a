"""What a rule is, and what it judges. Pure: nothing here knows Pulumi's policy SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import ModuleType
from typing import Any

from policies.values import at


class Level(Enum):
    """What a violation does."""

    MANDATORY = "mandatory"
    """The change is refused."""
    ADVISORY = "advisory"
    """The change is let through, and the review says so."""


@dataclass(frozen=True)
class Owner:
    """Whose stack is judged: its business, or None for the platform that all businesses share."""

    business: str | None
    organization: str = ""

    @property
    def tag(self) -> str:
        """What the tag `business` says on this owner's cloud objects."""
        return self.business or "platform"


@dataclass(frozen=True)
class Resource:
    """A planned resource: Pulumi's type token, its logical name, its inputs, and how it is kept."""

    type: str
    properties: Mapping[str, Any]
    name: str = "example"
    urn: str = ""
    protect: bool = False
    depends_on: frozenset[str] = frozenset()
    owner: Owner = field(default_factory=lambda: Owner(None))

    def at(self, path: str) -> Any:
        """The input at a path; see `values.at`."""
        return at(self.properties, path)


@dataclass(frozen=True)
class Plan:
    """All resources of a stack, and the quotas of the businesses that share its platform (from their stack files)."""

    resources: tuple[Resource, ...]
    owner: Owner = field(default_factory=lambda: Owner(None))
    businesses: tuple[BusinessQuota, ...] = ()

    def of(self, *types: str) -> list[Resource]:
        """The resources of these types."""
        return [resource for resource in self.resources if resource.type in types]


@dataclass(frozen=True)
class BusinessQuota:
    """What a business may use of a region's cluster, as its stack file says."""

    business: str
    region: str
    pods: int


@dataclass(frozen=True)
class Violation:
    """What is wrong and the way out; `resource` is the culprit, None where the whole stack is."""

    message: str
    resource: Resource | None = None


ResourceCheck = Callable[[Resource], Iterable[str]]
PlanCheck = Callable[[Plan], Iterable[Violation]]


@dataclass(frozen=True)
class Rule:
    """A rule. `types` are the resources it judges; a rule over the whole plan has none and sees all of them."""

    name: str
    source: str
    level: Level
    description: str
    reason: str
    types: tuple[str, ...]
    check: Callable[[Any], Iterable[Any]]

    @property
    def over_plan(self) -> bool:
        """Whether it judges the plan as a whole."""
        return not self.types

    def violations_of(self, resource: Resource) -> list[Violation]:
        """What is wrong with a resource; nothing when the rule does not concern its type."""
        if not any(matches(resource.type, wanted) for wanted in self.types):
            return []
        return [Violation(message, resource) for message in self.check(resource)]

    def violations_in(self, plan: Plan) -> list[Violation]:
        """What is wrong with a plan, by whichever kind of rule this is."""
        if self.over_plan:
            return list(self.check(plan))
        return [violation for resource in plan.resources for violation in self.violations_of(resource)]


def matches(type_token: str, wanted: str) -> bool:
    """Whether a type is the wanted one; `alicloud:*` stands for all of a provider's resources."""
    return type_token.startswith(wanted[:-1]) if wanted.endswith("*") else type_token == wanted


def rule(
    name: str, *, source: str, level: Level, types: tuple[str, ...], description: str, reason: str
) -> Callable[[ResourceCheck], Rule]:
    """Make a function that judges one resource a rule: it yields a message for each thing that is wrong."""
    return lambda check: Rule(name, source, level, description, reason, types, check)


def plan_rule(name: str, *, source: str, level: Level, description: str, reason: str) -> Callable[[PlanCheck], Rule]:
    """Make a function that judges a whole plan a rule."""
    return lambda check: Rule(name, source, level, description, reason, (), check)


def rules_of(*modules: ModuleType) -> Iterator[Rule]:
    """The rules of modules, in the order in which they are written."""
    for module in modules:
        yield from (value for value in vars(module).values() if isinstance(value, Rule))
