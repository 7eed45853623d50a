"""The account that the stacks belong to, against the one whose credentials are at hand."""

from __future__ import annotations

import pulumi
import pulumi_alicloud as alicloud


def check_account(expected: str | None, provider: alicloud.Provider) -> None:
    """Refuse credentials of another account than the one that the settings name, when they name one.

    Asked before anything is made, so that a shell with the wrong credentials changes nothing.
    """
    if expected is None:
        return
    try:
        account = alicloud.get_account(opts=pulumi.InvokeOptions(provider=provider)).id
    except Exception as error:  # the SDK raises plain Exception when a call fails
        reason = str(error).rsplit(": ", 1)[-1]
        raise pulumi.RunError(
            f"Alibaba Cloud did not say whose credentials these are: {reason}; nothing was changed; way out: check "
            "ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, and that its STS service can be reached"
        ) from error
    if account != expected:
        raise pulumi.RunError(
            f"these credentials belong to the account {account}, the stack files to {expected} "
            "(`account` in the platform's stack file); nothing was changed; way out: switch credentials"
        )


def account_of(resource_name: str) -> str:
    """The account in the middle of a resource name such as acs:ram::1234567890123456:role/x."""
    return resource_name.split(":")[3]
