"""What a business stack reads from its platform's stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi


@dataclass(frozen=True)
class PlatformRegionOutputs:
    """One region of the platform, as deployed."""

    cluster_id: pulumi.Output[str]
    switch_ids: pulumi.Output[list[str]]
    identity_provider: pulumi.Output[str]
    identity_issuer: pulumi.Output[str]
    kubeconfig: pulumi.Output[str]


class PlatformReference:
    """The deployed platform. Kubeconfigs are an output of their own, or all else would become secret with them."""

    def __init__(self, stack: str) -> None:
        self.stack = stack
        path = f"{pulumi.get_organization()}/{pulumi.get_project()}/{stack}"
        self._reference = pulumi.StackReference(path)

    @property
    def zone(self) -> pulumi.Output[str]:
        """Name of the DNS zone."""
        return self._output("zone", str)

    def region(self, name: str) -> PlatformRegionOutputs:
        """A region's outputs; raises pulumi.RunError when the platform was not deployed with that region."""
        regions, kubeconfigs = self._output("regions", dict), self._output("kubeconfigs", dict)

        def part(key: str) -> pulumi.Output[Any]:
            return regions.apply(lambda all_regions: self._pick(self._pick(all_regions, name), key))

        return PlatformRegionOutputs(
            cluster_id=part("cluster_id"),
            switch_ids=part("switch_ids"),
            identity_provider=part("identity_provider"),
            identity_issuer=part("identity_issuer"),
            kubeconfig=pulumi.Output.secret(kubeconfigs.apply(lambda all_regions: self._pick(all_regions, name))),
        )

    def _output(self, name: str, kind: type) -> pulumi.Output[Any]:
        def checked(value: Any) -> Any:
            if not isinstance(value, kind):
                raise self._missing(name)
            return value

        return self._reference.get_output(name).apply(checked)

    def _pick(self, values: Mapping[str, Any], key: str) -> Any:
        if key not in values:
            raise self._missing(key)
        return values[key]

    def _missing(self, name: str) -> pulumi.RunError:
        return pulumi.RunError(
            f"the stack `{self.stack}` has no output for `{name}`: it is not deployed, or not as its stack file now "
            f"says; way out: run `pulumi up --stack {self.stack}` first"
        )
