"""The account that a stack belongs to, against the one whose credentials are at hand.

With another account's credentials every object of the state would be "not found": an `up` would make all of it again
elsewhere, and a `destroy` would forget all of it and leave it running. `pulumi destroy` asks the program only with
`--run-program` or PULUMI_RUN_PROGRAM=true.
"""

from __future__ import annotations

import pulumi
import pulumi_alicloud as alicloud
from pulumi.runtime.sync_await import _sync_await

SETTINGS = "`account` in the platform's stack file"
STATE = "the state of what is deployed"


def check_account(settings: str | None, deployed: str | None, provider: alicloud.Provider) -> None:
    """Refuse credentials of another account than the one that the settings name or the stack was deployed to.

    Asked before anything is made, so that a shell with the wrong credentials changes nothing. Not asked when neither is
    known: at the first `up` of a platform whose settings name no account.
    """
    known = [(SETTINGS, settings), (STATE, deployed)]
    expected = [(source, account) for source, account in known if account is not None]
    if not expected:
        return
    try:
        account = alicloud.get_account(opts=pulumi.InvokeOptions(provider=provider)).id
    except Exception as error:  # the SDK raises plain Exception when a call fails
        reason = str(error).rsplit(": ", 1)[-1]
        raise pulumi.RunError(
            f"Alibaba Cloud did not say whose credentials these are: {reason}; nothing was changed; way out: check "
            "ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, and that its STS service can be reached"
        ) from error
    for source, other in expected:
        if account != other:
            raise pulumi.RunError(
                f"these credentials belong to the account {account}, the stack to {other} ({source}); nothing was "
                "changed; way out: switch credentials"
            )


def deployed_account() -> str | None:
    """The account that the running stack was deployed to, by its own last outputs; None before its first `up`."""
    own = pulumi.StackReference(f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}")
    try:
        outputs = _sync_await(own.outputs.future()) or {}
    except Exception:
        return None
    account = outputs.get("account")
    return None if account is None else str(account)


def account_of(resource_name: str) -> str:
    """The account in the middle of a resource name such as acs:ram::1234567890123456:role/x."""
    return resource_name.split(":")[3]
