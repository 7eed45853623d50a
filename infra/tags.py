"""Tags and labels: who a thing belongs to, the same everywhere, so that cost and blame can be assigned. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from infra.naming import BUSINESS_LABEL, PROJECT

PLATFORM = "platform"


def cloud_tags(owner: str, business: str = PLATFORM, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Tags of every Alibaba Cloud object that takes tags; what the team adds never hides one of ours."""
    return {**(extra or {}), "project": PROJECT, "business": business, "owner": owner, "managed-by": "pulumi"}


def labels(business: str, component: str) -> dict[str, str]:
    """Labels of every Kubernetes object."""
    return {
        "app.kubernetes.io/name": component,
        "app.kubernetes.io/part-of": PROJECT,
        "app.kubernetes.io/managed-by": "pulumi",
        BUSINESS_LABEL: business,
    }
