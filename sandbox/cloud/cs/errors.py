"""The container service's own error codes."""

from __future__ import annotations

from sandbox.cloud.core.errors import CloudError


def cluster_not_found(identifier: str) -> CloudError:
    """The cluster does not exist."""
    return CloudError("ErrorClusterNotFound", f"cluster {identifier} not found", 404)


def node_pool_not_found(identifier: str) -> CloudError:
    """The node pool does not exist in that cluster."""
    return CloudError("ErrorNodePoolNotFound", f"nodepool {identifier} not found", 404)


def task_not_found(identifier: str) -> CloudError:
    """The task does not exist."""
    return CloudError("ErrorTaskNotFound", f"task {identifier} not found", 404)


def cluster_state(identifier: str, state: str) -> CloudError:
    """The cluster is not in a state in which this can be done."""
    return CloudError("ErrorClusterState", f"cluster {identifier} is {state}; this needs a running cluster", 409)


def cluster_quota(region: str, existing: str) -> CloudError:
    """A region of the sandbox has one real cluster."""
    return CloudError(
        "QuotaExceeded.Cluster",
        f"Region {region} has cluster {existing} already, and the sandbox runs one real cluster a region (limit 1). "
        "Delete that one, or use another region.",
        403,
    )


def node_quota(region: str, wanted: int, limit: int) -> CloudError:
    """A region of the sandbox has no more nodes than were shown to work."""
    return CloudError(
        "QuotaExceeded.Node",
        f"This would make {wanted} nodes in {region}, and the sandbox has at most {limit} nodes a region, real and "
        "simulated. Ask for fewer.",
        403,
    )


def deletion_protected(identifier: str) -> CloudError:
    """Deletion protection is on."""
    return CloudError(
        "ErrorDeletionProtection",
        f"cluster {identifier} has deletion protection on; turn deletion_protection off before deleting it",
        403,
    )


def invalid(name: str, value: object, limit: str) -> CloudError:
    """A field of the request's body is outside what is taken."""
    return CloudError("ErrorParameterInvalid", f"{name} {value!r} is not valid: {limit}", 400)
