"""The only maker of providers: one for each region and each cluster, always explicit.

Default providers are disabled in Pulumi.yaml, so a resource that forgets its provider fails instead of landing in
whatever region the caller's environment names.
"""

from __future__ import annotations

import pulumi
import pulumi_alicloud as alicloud
import pulumi_kubernetes as kubernetes


def cloud_provider(region: str, account_type: str) -> alicloud.Provider:
    """Alibaba Cloud in one region. Credentials come from the environment and never enter the state.

    The account's type is said, because the provider otherwise asks the billing service for it at every start, which
    takes a permission that a deployer should not have, and half a minute where that service cannot be reached.
    """
    return alicloud.Provider(f"alicloud-{region}", region=region, account_type=account_type)


def cluster_provider(region: str, kubeconfig: pulumi.Input[str], cluster_id: pulumi.Input[str]) -> kubernetes.Provider:
    """The cluster of one region.

    The cluster's id tells clusters apart: a renewed certificate in the kubeconfig must not replace everything.
    """
    return kubernetes.Provider(
        f"kubernetes-{region}",
        kubeconfig=kubeconfig,
        cluster_identifier=cluster_id,
        enable_server_side_apply=True,
    )
