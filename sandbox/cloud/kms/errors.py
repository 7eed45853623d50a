"""The KMS service's own error codes."""

from __future__ import annotations

from sandbox.cloud.core.errors import CloudError


def key_not_found(identifier: str) -> CloudError:
    """The key does not exist."""
    return CloudError("Forbidden.KeyNotFound", f"The specified Key is not found: {identifier}.", 404)


def alias_not_found(name: str) -> CloudError:
    """The alias does not exist."""
    return CloudError("Forbidden.AliasNotFound", f"The specified Alias is not found: {name}.", 404)


def alias_exists(name: str) -> CloudError:
    """The alias is taken in this region. The documentation names no code for this; this one is of its family."""
    return CloudError("Rejected.AliasAlreadyExists", f"The specified Alias already exists: {name}.", 409)


def key_state(identifier: str, state: str) -> CloudError:
    """The key's state does not allow this."""
    return CloudError("Rejected.StateInvalid", f"Key {identifier} is {state}; this cannot be done to it now.", 409)


def key_protected(identifier: str) -> CloudError:
    """Deletion protection is on."""
    return CloudError(
        "Rejected.DeletionProtection", f"Key {identifier} has deletion protection on; turn that off first.", 409
    )
