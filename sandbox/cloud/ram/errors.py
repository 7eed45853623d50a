"""The RAM service's own error codes."""

from __future__ import annotations

from sandbox.cloud.core.errors import CloudError


def role_not_found(name: str) -> CloudError:
    """The role does not exist."""
    return CloudError("EntityNotExist.Role", f"The role not exists: {name}.", 404)


def policy_not_found(name: str) -> CloudError:
    """The policy does not exist."""
    return CloudError("EntityNotExist.Policy", f"The policy not exists: {name}.", 404)


def version_not_found(policy: str, version: str) -> CloudError:
    """The policy has no such version."""
    return CloudError("EntityNotExist.Policy.Version", f"The policy version not exists: {policy} {version}.", 404)


def attachment_not_found(role: str, policy: str) -> CloudError:
    """The policy is not attached to the role."""
    return CloudError("EntityNotExist.Role.Policy", f"The policy {policy} is not attached to role {role}.", 404)


def already_exists(kind: str, name: str) -> CloudError:
    """Another has that name."""
    return CloudError(f"EntityAlreadyExists.{kind}", f"The {kind.lower()} already exists: {name}.", 409)


def malformed_policy(reason: str) -> CloudError:
    """The text is not a policy."""
    return CloudError("MalformedPolicyDocument", f"The policy document is not valid: {reason}.")


def delete_conflict(kind: str, name: str, reason: str) -> CloudError:
    """Something still depends on it."""
    return CloudError(f"DeleteConflict.{kind}", f"{name} cannot be deleted: {reason}.", 409)
