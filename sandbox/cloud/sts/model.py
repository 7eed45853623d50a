"""Who may take on a role: the trust policy's evaluation, and the identity providers of clusters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sandbox.cloud.core.authorization import conditions_hold, wildcard_match


@dataclass(frozen=True)
class OidcProvider:
    """An identity provider that RAM trusts: a cluster's issuer of service account tokens."""

    arn: str
    issuer: str
    public_key: str
    audiences: tuple[str, ...]


class OidcProviders(Protocol):
    """Finds identity providers."""

    def find_provider(self, arn: str) -> OidcProvider | None:
        """The provider of this name, or None."""


def trusts(document: str, action: str, kind: str, principals: Iterable[str], context: Mapping[str, str]) -> bool:
    """Whether a trust policy lets a caller (of `kind` RAM, Federated or Service) take the role on by `action`.

    `principals` are the names under which a policy may mean the caller: its own, and its account's.
    `context` holds what the conditions may ask for (oidc:sub, oidc:aud, oidc:iss).
    """
    allowed = False
    names = {name.lower() for name in principals}  # names of users and roles differ in more than case
    for statement in json.loads(document)["Statement"]:
        if not _names(statement.get("Action"), action) or not _principal(statement["Principal"], kind, names):
            continue
        denies = statement.get("Effect") == "Deny"
        if not conditions_hold(statement.get("Condition") or {}, context, unknown=denies):
            continue
        if denies:
            return False
        allowed = True
    return allowed


def _names(actions: Any, action: str) -> bool:
    listed = actions if isinstance(actions, list) else [actions]
    return any(wildcard_match(str(item), action, case_matters=False) for item in listed)


def _principal(principals: Mapping[str, Any], kind: str, names: set[str]) -> bool:
    listed = principals.get(kind, [])
    return any(
        str(item) == "*" or str(item).lower() in names for item in (listed if isinstance(listed, list) else [listed])
    )
