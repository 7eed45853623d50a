"""Who may do what: RAM policies, bucket policies, access control lists and the block on public access.

An explicit denial wins; then the owner account's RAM policies, the bucket's policy and the access control lists may
each allow. https://help.aliyun.com/zh/oss/user-guide/authentication-process
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from sandbox.cloud.core import authorization, errors
from sandbox.cloud.core.accounts import Principal
from sandbox.cloud.core.authorization import Authorizer
from sandbox.cloud.oss.errors import OssError

ANYONE = "*"
PUBLIC_READS = frozenset({"oss:GetObject", "oss:ListObjects", "oss:GetObjectVersion"})
PUBLIC_WRITES = PUBLIC_READS | {
    "oss:PutObject",
    "oss:DeleteObject",
    "oss:AbortMultipartUpload",
    "oss:ListParts",
    "oss:ListMultipartUploads",
}


@dataclass(frozen=True)
class Guard:
    """What protects a bucket or object: its owner's account, policy, access control list and public block."""

    owner: str
    policy: str | None = None
    acl: str = "private"
    public_blocked: bool = False


class Access:
    """Decides every call."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def check(
        self, principal: Principal | None, action: str, resource: str, guard: Guard, context: Mapping[str, str]
    ) -> None:
        """Raise OSS's AccessDenied unless the principal (None: anonymous) may do the action on the resource."""
        verdict = self._policy_verdict(principal, action, resource, guard, context)
        if verdict == "deny":
            raise _denied(principal, action, resource, "the bucket's policy denies this explicitly")
        if principal is not None and principal.account_id == guard.owner:
            try:
                self._authorizer.authorize(principal, action, resource, context)
            except errors.AccessDenied as error:
                if error.explicit or verdict != "allow":
                    reason = "a policy denies this explicitly" if error.explicit else "no policy allows this"
                    raise _denied(principal, action, resource, reason) from error
            return
        if verdict == "allow" or (not guard.public_blocked and _acl_allows(guard.acl, action)):
            return
        raise _denied(principal, action, resource, "neither the bucket's policy nor an access control list allows this")

    def check_in_account(self, principal: Principal, action: str, resource: str, context: Mapping[str, str]) -> None:
        """Raise AccessDenied unless the principal may do the action in its own account (list or create buckets)."""
        self.check(principal, action, resource, Guard(owner=principal.account_id), context)

    def _policy_verdict(
        self, principal: Principal | None, action: str, resource: str, guard: Guard, context: Mapping[str, str]
    ) -> str:
        if guard.policy is None:
            return "none"
        account, arn = (principal.account_id, principal.arn) if principal is not None else ("", "")
        stranger = account != guard.owner
        applicable = _statements_for(guard.policy, account, arn, guard.public_blocked and stranger)
        return authorization.evaluate([applicable], action, resource, context)


def check_policy(text: str, bucket: str) -> None:
    """Refuse what is no bucket policy, or one about another bucket."""
    try:
        found = authorization.statements(text)
    except (ValueError, RecursionError) as error:
        raise OssError("InvalidPolicyDocument", f"The bucket policy is not valid: {error}.") from error
    for statement in found:
        absent = [name for name in ("Principal", "Action", "Resource") if not statement.get(name)]
        if absent and not any(statement.get(f"Not{name}") for name in absent):
            raise OssError("InvalidPolicyDocument", f"A statement of the bucket policy has no {', '.join(absent)}.")
        for resource in _listed(statement.get("Resource")):
            name = resource.rpartition(":")[2].partition("/")[0]
            if name not in (bucket, "*"):
                message = f"The bucket policy's resource {resource} is not of the bucket {bucket}."
                raise OssError("InvalidPolicyDocument", message)


def policy_is_public(text: str) -> bool:
    """Whether the policy allows something to everybody, without a condition."""
    return any(
        statement["Effect"] == "Allow"
        and ANYONE in _listed(statement.get("Principal"))
        and not statement.get("Condition")
        for statement in authorization.statements(text)
    )


@lru_cache(maxsize=512)
def _statements_for(policy: str, account: str, arn: str, without_public: bool) -> str:
    """The policy reduced to the statements that name this principal."""
    kept = []
    for statement in authorization.statements(policy):
        if "NotPrincipal" in statement:
            applies = not _names(_listed(statement["NotPrincipal"]), account, arn)
        else:
            applies = _names(_listed(statement.get("Principal")), account, arn)
        public = statement["Effect"] == "Allow" and ANYONE in _listed(statement.get("Principal"))
        if applies and not (public and without_public):
            kept.append(statement)
    return json.dumps({"Version": "1", "Statement": kept})


def _names(principals: list[str], account: str, arn: str) -> bool:
    for one in principals:
        pattern = "acs:" + one.removeprefix("arn:") if one.startswith("arn:") else one
        if one == ANYONE or (account and one == account):
            return True
        if arn and authorization.wildcard_match(pattern, arn, case_matters=False):
            return True
    return False


def _acl_allows(acl: str, action: str) -> bool:
    if acl == "public-read-write":
        return action in PUBLIC_WRITES
    return acl == "public-read" and action in PUBLIC_READS


def _listed(value: object) -> list[str]:
    if isinstance(value, Mapping):  # {"RAM": [...]}, the form that RAM's own policies take
        return [text for inner in value.values() for text in _listed(inner)]
    if isinstance(value, list):
        return [str(one) for one in value]
    return [] if value is None else [str(value)]


def _denied(principal: Principal | None, action: str, resource: str, reason: str) -> OssError:
    who = principal.arn if principal is not None else "anonymous"
    message = f"You have no right to access this object: {who} may not {action} on {resource}, as {reason}."
    detail = {"AuthAction": action, "AuthPrincipalDisplayName": who, "PolicyType": "ResourcePolicy"}
    return OssError("AccessDenied", message, detail)
