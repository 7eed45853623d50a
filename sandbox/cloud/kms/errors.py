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


def key_disabled(identifier: str) -> CloudError:
    """The key must not be used now."""
    return CloudError("Rejected.Disabled", f"Key {identifier} is disabled; enable it first.", 409)


def malformed_ciphertext() -> CloudError:
    """A ciphertext was not made here, was changed, or is bound to another encryption context. Which, is not told."""
    return CloudError("InvalidParameter", "The specified parameter CiphertextBlob is not valid.", 400)


def unsupported(reason: str) -> CloudError:
    """The key is not made for this."""
    return CloudError("UnsupportedOperation", f"This action is not supported: {reason}.", 400)


def wrong(name: str, limit: str) -> CloudError:
    """A parameter is outside what is taken; its value is not repeated, as it may be a secret."""
    return CloudError("InvalidParameter", f"The specified parameter {name} is not valid: {limit}.", 400)
