"""Global Traffic Manager's own error codes."""

from __future__ import annotations

from sandbox.cloud.core.errors import CloudError


def instance_not_found(identifier: str) -> CloudError:
    """There is no such instance."""
    return CloudError("DnsGtmInstance.NotExists", f"The traffic manager instance {identifier!r} does not exist.")


def pool_not_found(identifier: str) -> CloudError:
    """There is no such address pool."""
    return CloudError("DnsGtmAddrPool.NotExists", f"The address pool {identifier!r} does not exist.")


def pool_in_use(identifier: str, strategy: str) -> CloudError:
    """A pool that an access strategy names cannot be deleted."""
    return CloudError(
        "DnsGtmAddrPool.InUse", f"The address pool {identifier!r} is used by the access strategy {strategy!r}."
    )


def pool_kind(identifier: str, kind: str, wanted: str) -> CloudError:
    """A set of pools has one type."""
    return CloudError(
        "DnsGtmAddrPool.TypeMismatch",
        f"The address pool {identifier!r} has the type {kind}, the set of pools {wanted}.",
    )


def monitor_not_found(identifier: str) -> CloudError:
    """There is no such monitor."""
    return CloudError("DnsGtmMonitorConfig.NotExists", f"The monitor {identifier!r} does not exist.")


def monitor_exists(pool: str) -> CloudError:
    """A pool has one monitor."""
    return CloudError("DnsGtmMonitorConfig.Exists", f"The address pool {pool!r} has a monitor; update that.")


def strategy_not_found(identifier: str) -> CloudError:
    """There is no such access strategy."""
    return CloudError("DnsGtmAccessStrategy.NotExists", f"The access strategy {identifier!r} does not exist.")


def line_taken(line: str, strategy: str) -> CloudError:
    """One line's users have one access strategy."""
    return CloudError("DnsGtmAccessStrategy.LineConflict", f"The line {line!r} belongs to the strategy {strategy!r}.")
