"""The DNS service's own error codes."""

from __future__ import annotations

from sandbox.cloud.core.errors import CloudError


def domain_not_found(name: str) -> CloudError:
    """The domain is not in the account."""
    return CloudError("InvalidDomainName.NoExist", f"The specified domain name {name!r} does not exist; add it first.")


def domain_exists(name: str) -> CloudError:
    """The domain is in the account already."""
    return CloudError("InvalidDomainName.Duplicate", f"The domain name {name!r} exists already.")


def record_not_found(identifier: str) -> CloudError:
    """The record is not in the account."""
    return CloudError("DomainRecordNotBelongToUser", f"The domain record {identifier!r} does not belong to you.")


def record_duplicate(name: str) -> CloudError:
    """The same record exists."""
    return CloudError("DomainRecordDuplicate", f"A record of {name} with the same type, value and line exists already.")


def record_conflict(name: str, reason: str) -> CloudError:
    """Two records that cannot live together."""
    return CloudError("DomainRecordConflict", f"The record of {name} conflicts with existing ones: {reason}.")


def invalid_value(kind: str, value: str, limit: str) -> CloudError:
    """The value does not fit the record's type."""
    return CloudError("DomainRecordValueInvalid", f"The value {value!r} of a {kind} record is not valid: {limit}.")


def weights_need_records(name: str, kind: str, line: str) -> CloudError:
    """Weights are asked for where there is nothing to weigh."""
    where = f" on the line {line}" if line else ""
    return CloudError("SubDomainInvalid.Value", f"There are no {kind} records of {name!r}{where}; add some first.")


def weights_closed(name: str) -> CloudError:
    """A weight is set where weights are off."""
    return CloudError("DisableDNSSLB", f"Weights are off for {name!r}; turn them on with SetDNSSLBStatus first.")


def product_not_found(identifier: str) -> CloudError:
    """There is no such bought instance."""
    return CloudError("InvalidDnsProduct", f"The DNS instance {identifier!r} does not exist.")


def ttl_too_short(ttl: int, shortest: int, edition: str) -> CloudError:
    """The zone's edition does not allow so short a time to live."""
    return CloudError(
        "QuotaExceeded.TTL",
        f"The TTL {ttl} s is below the {shortest} s of the {edition}; raise it, or bind a higher edition.",
    )
