"""An error as the cloud answers it: a code that programs branch on, a message for people, an HTTP status."""

from __future__ import annotations


class CloudError(Exception):
    """What an action raises instead of answering; dispatch turns it into the protocol's error form."""

    def __init__(self, code: str, message: str, status: int = 400, logged: str | None = None) -> None:
        """`logged` is what the call log shows when the message tells the caller more than a log may hold."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.logged = message if logged is None else logged


class AccessDenied(CloudError):  # noqa: N818 (the name that the cloud gives it)
    """The caller is known, but no policy of its allows the action, or one denies it."""

    def __init__(self, arn: str, action: str, resource: str, *, explicit: bool) -> None:
        reason = "a policy of it denies this explicitly" if explicit else "no policy of it allows this"
        super().__init__(
            "NoPermission",
            f"You are not authorized to do this action. {arn} may not {action} on {resource}: {reason}.",
            403,
        )
        self.action = action
        self.resource = resource
        self.explicit = explicit


def missing_parameter(name: str) -> CloudError:
    """A mandatory parameter is absent or empty."""
    return CloudError(f"Missing{name}", f"{name} is mandatory for this action.")


def invalid_parameter(name: str, value: object, limit: str) -> CloudError:
    """A parameter's value is outside what the action takes; `limit` says what it takes."""
    return CloudError(f"InvalidParameter.{name}", f"The specified {name} {value!r} is not valid: {limit}.")
