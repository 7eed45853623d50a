"""The load balancer service's own error codes."""

from __future__ import annotations

from sandbox.cloud.core.errors import CloudError


def load_balancer_not_found(identifier: str) -> CloudError:
    """The load balancer does not exist in the region."""
    return CloudError(
        "InvalidLoadBalancerId.NotFound", f"The specified LoadBalancerId {identifier!r} does not exist.", 404
    )


def listener_not_found(identifier: str, protocol: str, port: int) -> CloudError:
    """The load balancer has no such listener; clients know it by the first words of the message."""
    return CloudError(
        "InvalidParameter",
        f"The specified resource does not exist. Load balancer {identifier} has no {protocol} listener on port {port}.",
        404,
    )


def listener_exists(identifier: str, protocol: str, port: int) -> CloudError:
    """The port is taken for the protocol's transport."""
    return CloudError(
        "ListenerAlreadyExists",
        f"Load balancer {identifier} has a listener on port {port} that a {protocol} listener would meet.",
    )


def deletion_protected(identifier: str) -> CloudError:
    """Deletion protection is on."""
    return CloudError(
        "OperationDenied.DeleteProtectionIsOn",
        f"Load balancer {identifier} has deletion protection on; set DeleteProtection to off before deleting it.",
    )


def address_not_usable(address: str, reason: str) -> CloudError:
    """The private address that was asked for cannot be had."""
    return CloudError("InvalidAddress", f"The specified Address {address!r} is not valid: {reason}.")
