"""The STS service's own error codes."""

from __future__ import annotations

from sandbox.cloud.core.errors import CloudError


def role_missing(arn: str) -> CloudError:
    """No such role."""
    return CloudError("EntityNotExist.Role", f"The specified Role not exists: {arn}.", 404)


def not_trusted(arn: str, who: str) -> CloudError:
    """The role's trust policy does not let this caller in."""
    return CloudError(
        "NoPermission",
        f"You are not authorized to do this action. The trust policy of {arn} does not allow {who}.",
        403,
    )


def provider_missing(arn: str) -> CloudError:
    """No such identity provider."""
    return CloudError(
        "EntityNotExist.OIDCProvider",
        f"The OIDC provider does not exist: {arn}; clusters with RRSA have one named ack-rrsa-CLUSTER.",
        404,
    )


def invalid_token(reason: str) -> CloudError:
    """The identity token cannot be believed."""
    return CloudError("AuthenticationFail.OIDCToken.Invalid", f"This OIDC token is invalid: {reason}.")


def expired_token() -> CloudError:
    """The identity token is too old."""
    return CloudError("AuthenticationFail.OIDCToken.Expired", "This OIDC token has expired.")


def invalid_duration(seconds: int, longest: int) -> CloudError:
    """The session would be too long."""
    return CloudError(
        "InvalidParameter.DurationSeconds",
        f"The Min/Max value of DurationSeconds is 15min/{longest // 60}min; it is {seconds} s.",
    )
