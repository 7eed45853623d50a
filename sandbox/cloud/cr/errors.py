"""The container registry service's own error codes."""

from __future__ import annotations

from sandbox.cloud.core.errors import CloudError


def namespace_not_found(name: str) -> CloudError:
    """The namespace does not exist."""
    return CloudError("NAMESPACE_NOT_EXIST", f"namespace {name} is not exist", 404)


def namespace_exists(name: str) -> CloudError:
    """The namespace is taken."""
    return CloudError("NAMESPACE_ALREADY_EXIST", f"namespace {name} is already exist", 409)


def namespace_in_use(name: str, count: int) -> CloudError:
    """The namespace has repositories."""
    return CloudError("NAMESPACE_NOT_EMPTY", f"namespace {name} has {count} repositories; delete them first", 409)


def repository_not_found(name: str) -> CloudError:
    """The repository does not exist."""
    return CloudError("REPO_NOT_EXIST", f"repo {name} is not exist", 404)


def repository_exists(name: str) -> CloudError:
    """The repository is there already."""
    return CloudError("REPO_ALREADY_EXIST", f"repo {name} is already exist", 409)


def instance_not_found(identifier: str) -> CloudError:
    """The Enterprise Edition instance does not exist."""
    return CloudError("INSTANCE_NOT_EXIST", f"instance {identifier} is not exist", 404)


def tag_not_found(tag: str) -> CloudError:
    """The repository has no such tag."""
    return CloudError("REPO_TAG_NOT_EXIST", f"tag {tag} is not exist", 404)


def invalid(name: str, value: object, limit: str) -> CloudError:
    """A parameter is outside what is taken."""
    return CloudError("PARAMETER_INVALID", f"{name} {value!r} is not valid: {limit}", 400)
