"""All rules, and the controls that no plan can show."""

from __future__ import annotations

from dataclasses import dataclass

from policies.alibaba_cloud import accounts, containers, databases, network, storage
from policies.hardening import access, clusters, namespaces, pods
from policies.house import data, fences, quotas
from policies.model import Rule, rules_of

ALIBABA_CLOUD = tuple(rules_of(storage, network, databases, accounts, containers))
HARDENING = tuple(rules_of(pods, access, namespaces, clusters))
HOUSE = tuple(rules_of(fences, data, quotas))
RULES: tuple[Rule, ...] = ALIBABA_CLOUD + HARDENING + HOUSE


@dataclass(frozen=True)
class NotJudged:
    """A control that a plan does not show, and why not."""

    source: str
    control: str
    reason: str


NOT_JUDGED = (
    NotJudged(
        "Authentication and authorization, C-0005",
        "The API server has no insecure port",
        "ACK runs the API server, its customer cannot set the port, and Kubernetes has none since 1.24.",
    ),
    NotJudged(
        "Authentication and authorization, C-0069",
        "The kubelet refuses anonymous requests",
        "ACK sets it on every node; a node pool has no input for it. It shows on a running node: "
        "`curl --insecure https://NODE:10250/pods` answers 401.",
    ),
    NotJudged(
        "Authentication and authorization, C-0070",
        "The kubelet asks clients for a certificate",
        "ACK sets it on every node; a node pool has no input for it. The same request without a certificate shows it.",
    ),
)
