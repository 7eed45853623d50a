"""Policies: what a principal may do to a resource.

The subset of the RAM policy language that is evaluated: Version 1, Statement with Effect, Action or NotAction, Resource
or NotResource (wildcards `*` and `?`), and Condition with the operators in `CONDITION_OPERATORS`. A statement whose
condition uses another operator never allows, and always denies, so that a gap here can only refuse too much.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sandbox.cloud.core.accounts import Principal
from sandbox.cloud.core.errors import AccessDenied

PolicySource = Callable[[str], Iterable[str]]
"""Given a role's or a user's name, the texts of the policies attached to it."""


class Authorizer:
    """Decides calls of principals; the account's root key may do everything."""

    def __init__(self, policies_of_role: PolicySource, policies_of_user: PolicySource = lambda name: ()) -> None:
        self._policies_of_role = policies_of_role
        self._policies_of_user = policies_of_user

    def authorize(
        self, principal: Principal, action: str, resource: str, context: Mapping[str, str] | None = None
    ) -> None:
        """Raise AccessDenied unless `principal` may do `action` (oss:GetObject) on `resource` (acs:oss:*:1:bucket/key).

        `context` holds condition keys of the request, such as {"acs:SecureTransport": "true", "oss:Prefix": "data/"}.
        """
        if principal.kind == "root":
            return
        given = {} if context is None else context
        decisions = [evaluate(self._policies_of(principal), action, resource, given)]
        if principal.session_policy is not None:
            decisions.append(evaluate([principal.session_policy], action, resource, given))
        if "deny" in decisions:
            raise AccessDenied(principal.arn, action, resource, explicit=True)
        if any(decision != "allow" for decision in decisions):
            raise AccessDenied(principal.arn, action, resource, explicit=False)

    def _policies_of(self, principal: Principal) -> Iterable[str]:
        if principal.role_name is not None:
            return self._policies_of_role(principal.role_name)
        return self._policies_of_user(principal.user_name) if principal.user_name is not None else ()


def evaluate(policies: Iterable[str], action: str, resource: str, context: Mapping[str, str]) -> str:
    """The decision "allow", "deny" (explicit, wins over any allow) or "none" (nothing matched) of policy texts."""
    decision = "none"
    for text in policies:
        for statement in statements(text):
            denies = statement.get("Effect") == "Deny"
            if not _matches(statement, action, resource, context, unknown=denies):
                continue
            if denies:
                return "deny"
            decision = "allow"
    return decision


@lru_cache(maxsize=512)
def statements(text: str) -> tuple[dict[str, Any], ...]:
    """The statements of a policy text; raises ValueError when it isn't a policy."""
    try:
        document = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(document, dict) or document.get("Version") != "1":
        raise ValueError('a policy is a JSON object with "Version": "1"')
    found = document.get("Statement")
    listed = found if isinstance(found, list) else [found]
    for statement in listed:
        if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
            raise ValueError('each statement of a policy is an object with "Effect": "Allow" or "Deny"')
    return tuple(listed)


def _matches(
    statement: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str], *, unknown: bool
) -> bool:
    return (
        _listed(statement, "Action", action, case_matters=False)
        and _listed(statement, "Resource", resource, case_matters=True)
        and conditions_hold(statement.get("Condition", {}), context, unknown=unknown)
    )


def _listed(statement: Mapping[str, Any], element: str, value: str, *, case_matters: bool) -> bool:
    if element in statement:
        return _any_pattern(_as_list(statement[element]), value, case_matters=case_matters)
    if f"Not{element}" in statement:
        return not _any_pattern(_as_list(statement[f"Not{element}"]), value, case_matters=case_matters)
    return False


def _any_pattern(patterns: Sequence[str], value: str, *, case_matters: bool) -> bool:
    return any(wildcard_match(str(pattern), value, case_matters=case_matters) for pattern in patterns)


def wildcard_match(pattern: str, value: str, *, case_matters: bool = True) -> bool:
    """Whether `value` fits `pattern`, in which `*` stands for any text and `?` for one character."""
    return _compiled(pattern, case_matters).fullmatch(value) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str, case_matters: bool) -> re.Pattern[str]:
    parts = (".*" if sign == "*" else "." if sign == "?" else re.escape(sign) for sign in pattern)
    return re.compile("".join(parts), re.DOTALL if case_matters else re.DOTALL | re.IGNORECASE)


def _as_list(value: Any) -> list[str]:
    return [str(item).lower() if isinstance(item, bool) else str(item) for item in _plain_list(value)]


def _plain_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _string_like(pattern: str, value: str) -> bool:
    return wildcard_match(pattern, value)


def _address_in(network: str, value: str) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _number(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    def holds(limit: str, value: str) -> bool:
        try:
            return compare(float(value), float(limit))
        except ValueError:
            return False

    return holds


CONDITION_OPERATORS: dict[str, tuple[Callable[[str, str], bool], bool]] = {
    "StringEquals": (lambda limit, value: limit == value, False),
    "StringNotEquals": (lambda limit, value: limit == value, True),
    "StringEqualsIgnoreCase": (lambda limit, value: limit.lower() == value.lower(), False),
    "StringNotEqualsIgnoreCase": (lambda limit, value: limit.lower() == value.lower(), True),
    "StringLike": (_string_like, False),
    "StringNotLike": (_string_like, True),
    "Bool": (lambda limit, value: limit.lower() == value.lower(), False),
    "IpAddress": (_address_in, False),
    "NotIpAddress": (_address_in, True),
    "NumericEquals": (_number(lambda value, limit: value == limit), False),
    "NumericLessThan": (_number(lambda value, limit: value < limit), False),
    "NumericLessThanEquals": (_number(lambda value, limit: value <= limit), False),
    "NumericGreaterThan": (_number(lambda value, limit: value > limit), False),
    "NumericGreaterThanEquals": (_number(lambda value, limit: value >= limit), False),
    "DateLessThan": (lambda limit, value: value < limit, False),
    "DateGreaterThan": (lambda limit, value: value > limit, False),
}
"""Operator: (test of one listed limit against the request's value, whether the result is negated).

Dates are compared as text, which is right for the one form that the cloud takes (2025-01-31T08:15:00Z).
"""


def conditions_hold(conditions: Mapping[str, Any], context: Mapping[str, str], *, unknown: bool) -> bool:
    """Whether every condition holds for the request's keys; `unknown` is the answer for an operator not known here.

    A key absent from the request fails a plain operator and passes a negated one, as on the cloud.
    """
    lowered = {key.lower(): value for key, value in context.items()}
    for operator, keys in conditions.items():
        if operator not in CONDITION_OPERATORS:
            return unknown
        test, negated = CONDITION_OPERATORS[operator]
        for key, limits in keys.items():
            value = lowered.get(key.lower())
            matched = value is not None and any(test(limit, value) for limit in _as_list(limits))
            if matched == negated:
                return False
    return True
