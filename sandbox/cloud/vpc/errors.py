"""The VPC service's own error codes."""

from __future__ import annotations

from sandbox.cloud.core.errors import CloudError


def vpc_not_found(identifier: str) -> CloudError:
    """The network does not exist."""
    return CloudError("InvalidVpcId.NotFound", f"Specified VPC {identifier!r} does not exist.", 404)


def vswitch_not_found(identifier: str) -> CloudError:
    """The switch does not exist."""
    return CloudError("InvalidVSwitchId.NotFound", f"Specified VSwitch {identifier!r} does not exist.", 404)


def nat_gateway_not_found(identifier: str) -> CloudError:
    """The NAT gateway does not exist."""
    return CloudError("InvalidNatGatewayId.NotFound", f"Specified NAT gateway {identifier!r} does not exist.", 404)


def allocation_not_found(identifier: str) -> CloudError:
    """The elastic address does not exist."""
    return CloudError("InvalidAllocationId.NotFound", f"Specified allocation ID {identifier!r} is not found.", 404)


def snat_table_not_found(identifier: str) -> CloudError:
    """The table of source translations does not exist."""
    return CloudError("InvalidSnatTableId.NotFound", f"Specified SNAT table {identifier!r} does not exist.", 404)


def snat_entry_not_found(identifier: str) -> CloudError:
    """The rule does not exist."""
    return CloudError("InvalidSnatEntryId.NotFound", f"Specified SNAT entry {identifier!r} does not exist.", 404)


def in_use(what: str, identifier: str, by: str) -> CloudError:
    """The resource cannot be deleted while another needs it."""
    return CloudError(
        "DependencyViolation", f"{what} {identifier} cannot be deleted: {by} still uses it; delete that first."
    )


def invalid_cidr(value: str, reason: str) -> CloudError:
    """An address range that cannot be used."""
    return CloudError("InvalidCidrBlock", f"Specified CIDR block {value!r} is not valid: {reason}.")


def deletion_protected(what: str, identifier: str) -> CloudError:
    """Deletion protection is on."""
    return CloudError(
        "OperationDenied.DeletionProtection",
        f"{what} {identifier} has deletion protection on; turn that off before deleting it.",
    )
