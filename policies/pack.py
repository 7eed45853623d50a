"""The rules as a Pulumi policy pack: the only module that knows Pulumi's policy SDK."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyPack,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from policies.catalogue import RULES
from policies.exceptions import Exemption, load, uncovered
from policies.model import Owner, Plan, Resource, Rule, matches
from policies.owner import owner_of_stack, quotas
from policies.values import UNKNOWN

NAME = "language-model-clusters"


def serve() -> None:
    """Serve the pack to the engine until it is done."""
    exemptions = load()
    PolicyPack(NAME, [policy(rule, exemptions) for rule in RULES])


def policy(rule: Rule, exemptions: Sequence[Exemption]) -> Policy:
    """A rule as the SDK wants it."""
    kind: Any = StackValidationPolicy if rule.over_plan else ResourceValidationPolicy
    validate = _validate_plan if rule.over_plan else _validate_resource
    made: Policy = kind(
        name=rule.name,
        description=rule.description,
        validate=partial(validate, rule, exemptions),
        enforcement_level=EnforcementLevel(rule.level.value),
    )
    return made


def _validate_resource(
    rule: Rule, exemptions: Sequence[Exemption], args: ResourceValidationArgs, report: ReportViolation
) -> None:
    if not any(matches(args.resource_type, wanted) for wanted in rule.types):
        return
    owner = owner_by(args.urn)
    resource = Resource(
        args.resource_type, plain(args.props), args.name, args.urn, bool(args.opts.protect), frozenset(), owner
    )
    for violation in uncovered(rule.name, rule.violations_of(resource), exemptions):
        report(violation.message, None)


def _validate_plan(
    rule: Rule, exemptions: Sequence[Exemption], args: StackValidationArgs, report: ReportViolation
) -> None:
    if not args.resources:
        return
    owner = owner_by(args.resources[0].urn)
    plan = Plan(tuple(_resource(item, owner) for item in args.resources), owner, quotas())
    for violation in uncovered(rule.name, rule.violations_in(plan), exemptions):
        report(violation.message, violation.resource.urn if violation.resource else None)


@cache
def _owner(stack: str) -> Owner:
    return owner_of_stack(stack)


def owner_by(urn: str) -> Owner:
    """Whose a resource is, by its URN (`urn:pulumi:STACK::...`): the engine tells a pack of its stack nowhere else."""
    return _owner(urn.split("::", maxsplit=1)[0].removeprefix("urn:pulumi:"))


def _resource(item: PolicyResource, owner: Owner) -> Resource:
    depends_on = frozenset(
        other.urn for others in (item.dependencies, *item.property_dependencies.values()) for other in others
    )
    protect = bool(item.opts.protect)
    return Resource(item.resource_type, plain(item.props), item.name, item.urn, protect, depends_on, owner)


def plain(value: Any) -> Any:
    """A value without the SDK's wrapper, which raises where something is not known yet: UNKNOWN stands there."""
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_item(value, index) for index in range(len(value))]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _item(holder: Any, key: Any) -> Any:
    try:
        return plain(holder[key])
    except UnknownValueError:
        return UNKNOWN
