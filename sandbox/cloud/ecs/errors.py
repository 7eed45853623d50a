"""The ECS service's own error codes."""

from __future__ import annotations

from sandbox.cloud.core.errors import CloudError


def security_group_not_found(identifier: str) -> CloudError:
    """The group does not exist."""
    return CloudError(
        "InvalidSecurityGroupId.NotFound", f"The specified SecurityGroupId {identifier!r} does not exist.", 404
    )


def security_group_in_use(identifier: str, by: str) -> CloudError:
    """The group cannot be deleted while something needs it."""
    return CloudError(
        "DependencyViolation", f"Security group {identifier} is still used by {by}; delete that first.", 403
    )
