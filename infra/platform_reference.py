"""What a business stack reads from its platform's stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.runtime.sync_await import _sync_await


@dataclass(frozen=True)
class PlatformRegionOutputs:
    """One region of the platform, as deployed, and the zone that all regions share."""

    zone: str
    cluster_id: str
    switch_ids: list[str]
    identity_provider: str
    identity_issuer: str
    access_logs_bucket: str
    kubeconfig: pulumi.Output[str]


class PlatformReference:
    """The deployed platform.

    Read before anything is made, and waited for: a platform that is not deployed is then one line, where a failure
    inside `apply` would be a screen of traceback for each resource that waits for it.
    """

    def __init__(self, stack: str) -> None:
        self.stack = stack
        reference = pulumi.StackReference(f"{pulumi.get_organization()}/{pulumi.get_project()}/{stack}")
        try:
            outputs = _sync_await(reference.outputs.future())
        except Exception as error:  # the SDK raises plain Exception when a stack cannot be read
            raise self._missing(f"cannot be read ({error})") from error
        self._outputs: Mapping[str, Any] = outputs or {}

    @property
    def account(self) -> str | None:
        """The account that the platform was deployed to; None when its stack does not say."""
        account = self._outputs.get("account")
        return None if account is None else str(account)

    def region(self, name: str) -> PlatformRegionOutputs:
        """A region's outputs; raises pulumi.RunError when the platform was not deployed with that region."""
        region = self._pick(self._pick(self._outputs, "regions"), name)
        return PlatformRegionOutputs(
            zone=str(self._pick(self._outputs, "zone")),
            cluster_id=str(self._pick(region, "cluster_id")),
            switch_ids=[str(switch) for switch in self._pick(region, "switch_ids")],
            identity_provider=str(self._pick(region, "identity_provider")),
            identity_issuer=str(self._pick(region, "identity_issuer")),
            access_logs_bucket=str(self._pick(region, "access_logs_bucket")),
            kubeconfig=pulumi.Output.secret(str(self._pick(self._pick(self._outputs, "kubeconfigs"), name))),
        )

    def _pick(self, values: Mapping[str, Any], key: str) -> Any:
        if not isinstance(values, Mapping) or values.get(key) is None:
            raise self._missing(f"has no output `{key}`: it is not deployed, or not as its stack file now says")
        return values[key]

    def _missing(self, what: str) -> pulumi.RunError:
        return pulumi.RunError(
            f"the platform's stack `{self.stack}` {what}; nothing was changed; "
            f"way out: run `pulumi up --stack {self.stack}` first"
        )
