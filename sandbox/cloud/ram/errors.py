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


def user_not_found(name: str) -> CloudError:
    """The user does not exist."""
    return CloudError("EntityNotExist.User", f"The user does not exist: {name}.", 404)


def key_not_found(user: str, access_key_id: str) -> CloudError:
    """The user has no such key."""
    return CloudError(
        "EntityNotExist.User.AccessKey", f"{user or 'The account'} has no access key {access_key_id!r}.", 404
    )


def part_not_found(user: str, part: str) -> CloudError:
    """The user has no login profile or second factor, which the emulator cannot make."""
    return CloudError(f"EntityNotExist.User.{part}", f"The user {user} has no {part}.", 404)


def attachment_not_found(name: str, policy: str, kind: str = "Role") -> CloudError:
    """The policy is not attached to the role or user."""
    message = f"The policy {policy} is not attached to {kind.lower()} {name}."
    return CloudError(f"EntityNotExist.{kind}.Policy", message, 404)


def already_exists(kind: str, name: str) -> CloudError:
    """Another has that name."""
    return CloudError(f"EntityAlreadyExists.{kind}", f"The {kind.lower()} already exists: {name}.", 409)


def malformed_policy(reason: str) -> CloudError:
    """The text is not a policy."""
    return CloudError("MalformedPolicyDocument", f"The policy document is not valid: {reason}.")


def delete_conflict(kind: str, name: str, reason: str) -> CloudError:
    """Something still depends on it."""
    return CloudError(f"DeleteConflict.{kind}", f"{name} cannot be deleted: {reason}.", 409)


def group_not_found(name: str) -> CloudError:
    """The group does not exist; the emulator has none."""
    return CloudError("EntityNotExist.Group", f"The group does not exist: {name}.", 404)
