"""Ways in which one business could reach another, tried for real. Each function returns the leaks that it found.

An attempt is made as a business's own workload would make it: from its pod, with its service account's token, with the
role that this token gives. That a fence is really what stops it is shown by tests that take the fence away.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from sandbox.pulumi.kubernetes.kubeconfig import select
from sandbox.settings import SandboxSettings
from sandbox.toolchain import binary
from tests.sandbox.cluster import wait_for

CALL_SECONDS = 60.0
SERVICE_ACCOUNTS = ("training", "serving", "status-monitor", "backup", "traffic-controller", "default")
READING = {"get", "list", "watch"}
HARMLESS = {"selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"}
"""What anybody may ask: what am I allowed to do."""
NODES_MAY_BE_SEEN_BY = "status-monitor"
CONNECT = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def reached(target):
    try:
        socket.create_connection(tuple(target), 3).close()
        return True
    except OSError:
        return False
targets = json.loads(sys.argv[1])
with ThreadPoolExecutor(32) as pool:
    print(json.dumps(list(pool.map(reached, targets))))
"""


@dataclass(frozen=True)
class Tenant:
    """A business in one region, as its stack's outputs describe it."""

    business: str
    region: str
    namespace: str
    role: str
    buckets: dict[str, str]
    address: str
    dns_name: str

    @property
    def role_name(self) -> str:
        """The name in the role's full name, acs:ram::ACCOUNT:role/NAME."""
        return self.role.rpartition("/")[2]


def tenant(business: str, region: str, places: dict[str, Any]) -> Tenant:
    """From what a stack's outputs say of one region."""
    return Tenant(
        business=business,
        region=region,
        namespace=places["namespace"],
        role=places["role"],
        buckets=places["buckets"],
        address=places["entry_address"],
        dns_name=places["dns_name"],
    )


class Fences:
    """The businesses of one region, and kubectl on its cluster."""

    def __init__(
        self, settings: SandboxSettings, kubeconfig: Path, identity_provider: str, tenants: list[Tenant]
    ) -> None:
        self.tenants = tenants
        self.identity_provider = identity_provider
        self.settings = settings
        self._command = [str(binary("kubectl")), "--kubeconfig", str(kubeconfig)]
        credentials = select(yaml.safe_load(kubeconfig.read_text(encoding="utf-8")), None, None)
        # Hundreds of attempts: a process for each would take minutes.
        self._api = httpx.Client(
            base_url=credentials.server, verify=credentials.tls(), trust_env=False, timeout=CALL_SECONDS
        )

    def close(self) -> None:
        """End the connections."""
        self._api.close()

    def kubectl(self, *arguments: str, content: Any = None) -> subprocess.CompletedProcess[str]:
        """One call; the caller judges how it ended."""
        return subprocess.run(
            [*self._command, *arguments],
            input=json.dumps(content) if content is not None else None,
            capture_output=True,
            text=True,
            timeout=CALL_SECONDS,
            check=False,
        )

    def done(self, *arguments: str, content: Any = None) -> str:
        """One call that must go well; what it printed."""
        result = self.kubectl(*arguments, content=content)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def serves(self, one: Tenant) -> bool:
        """Whether a server's process listens; it is not ready before there is a model."""
        code = "import socket; socket.create_connection(('127.0.0.1', 8080), 2)"
        command = ("exec", "--namespace", one.namespace, "deployment/serving", "--", "python3", "-c", code)
        return self.kubectl(*command).returncode == 0

    def pairs(self) -> list[tuple[Tenant, Tenant]]:
        """Every business with every other."""
        return [(one, other) for one in self.tenants for other in self.tenants if one is not other]

    def verbs(self) -> list[str]:
        """What a service account of one business may do in the namespace of another."""
        leaks = []
        for one, other in self.pairs():
            for account in SERVICE_ACCOUNTS:
                user = f"system:serviceaccount:{one.namespace}:{account}"
                for rule in self._rules(user, other.namespace):
                    resources, verbs = set(rule["resources"]), set(rule["verbs"])
                    looks = account == NODES_MAY_BE_SEEN_BY and resources == {"nodes"} and verbs <= READING
                    if not resources <= HARMLESS and not looks:
                        leaks.append(f"{user} may {sorted(verbs)} {sorted(resources)} in {other.namespace}")
        return leaks

    def _rules(self, user: str, namespace: str) -> list[dict[str, Any]]:
        """What a user may do in a namespace, as the API server itself tells the user."""
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": namespace},
        }
        answer = self._api.post(
            "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", json=review, headers={"Impersonate-User": user}
        )
        answer.raise_for_status()
        rules: list[dict[str, Any]] = answer.json()["status"]["resourceRules"]
        return rules

    def nodes(self) -> list[str]:
        """Pods of one business that the API server would let onto another's nodes."""
        leaks = []
        for one, other in self.pairs():
            for name, placement in {
                "by selector": {"nodeSelector": {"language-models/business": other.business}},
                "without a selector": {},
                "by name": {
                    "nodeSelector": {"language-models/business": one.business},
                    "nodeName": self._node_of(other),
                },
            }.items():
                toleration = {"key": "language-models/business", "operator": "Exists"}
                if self._accepts(pod(one.namespace, tolerations=[toleration], **placement)):
                    leaks.append(f"a pod of {one.business} gets onto nodes of {other.business} {name}")
        return leaks

    def accepts_on_own_nodes(self, tenant: Tenant) -> bool:
        """Whether a pod that asks for its business's own nodes is taken."""
        toleration = {"key": "language-models/business", "operator": "Exists"}
        placement = {"nodeSelector": {"language-models/business": tenant.business}, "tolerations": [toleration]}
        return self._accepts(pod(tenant.namespace, **placement))

    def await_rule_on_nodes(self) -> None:
        """Return once the API server enforces the rule, which it does a moment after it was made."""
        wait_for("no leak", lambda: self.nodes() == [], 30)

    def await_leak(self, attempt: Callable[[], list[str]]) -> None:
        """Return once an attempt finds a leak."""
        wait_for("a leak", attempt, 30)

    def quotas(self) -> list[str]:
        """Pods larger than their business's whole quota that the API server would take all the same."""
        return [
            f"{tenant.business} may take {key}={amount}"
            for tenant in self.tenants
            for key, amount in (("cpu", "1000"), ("memory", "4000Gi"), ("nvidia.com/gpu", "999"))
            if self._accepts(
                pod(
                    tenant.namespace,
                    requests={key: amount},
                    nodeSelector={"language-models/business": tenant.business},
                )
            )
        ]

    def network(self) -> list[str]:
        """Pods of one business that reach another's, by address and by the Service's name; its own must be reached."""
        targets = {
            tenant.business: [(address, 8080) for address in self._pod_addresses(tenant)]
            + [(f"serving.{tenant.namespace}.svc.cluster.local", 80)]
            for tenant in self.tenants
        }
        leaks = []
        for one in self.tenants:
            wanted = [(business, target) for business, found in targets.items() for target in found]
            answer = json.loads(
                self.done(
                    *("exec", "--namespace", one.namespace, "deployment/serving", "--"),
                    *("python3", "-c", CONNECT, json.dumps([target for _, target in wanted])),
                )
            )
            reached = {(business, target) for (business, target), yes in zip(wanted, answer, strict=True) if yes}
            assert any(business == one.business for business, _ in reached), f"{one.business} does not reach itself"
            leaks += [f"{one.business} reaches {target} of {business}" for business, target in reached
                      if business != one.business]  # fmt: skip
        return leaks

    def _accepts(self, manifest: dict[str, Any]) -> bool:
        path = f"/api/v1/namespaces/{manifest['metadata']['namespace']}/pods"
        answer = self._api.post(path, params={"dryRun": "All"}, json=manifest)
        assert answer.status_code in (201, 403, 422), answer.text
        return bool(answer.status_code == 201)

    def _node_of(self, tenant: Tenant) -> str:
        text = self.done("get", "nodes", "--selector", f"language-models/business={tenant.business}", "-o", "name")
        return text.split()[0].removeprefix("node/")

    def _pod_addresses(self, tenant: Tenant) -> list[str]:
        text = self.done("get", "pods", "--namespace", tenant.namespace, "-o", "json")
        servers = [
            item
            for item in json.loads(text)["items"]
            if item["metadata"]["labels"].get("app.kubernetes.io/name") == "serving"
            and item["status"].get("phase") == "Running"
        ]
        assert servers, f"{tenant.business} has no server"
        return [item["status"]["podIP"] for item in servers]


def pod(namespace: str, requests: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """A pod that no fence but the tried one refuses."""
    asked = {"cpu": "10m", "memory": "16Mi", **(requests or {})}
    limits = {key: amount for key, amount in asked.items() if key != "cpu"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "intruder", "namespace": namespace},
        "spec": {
            **spec,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "intruder",
                    "image": "example.com/intruder:1",
                    "resources": {"requests": asked, "limits": limits},
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
        },
    }


@contextmanager
def without(fences: Fences, kind: str, name: str, *where: str) -> Iterator[None]:
    """An object taken away, and put back as it was."""
    found = json.loads(fences.done("get", kind, name, *where, "-o", "json", "--show-managed-fields=false"))
    for key in ("resourceVersion", "uid", "creationTimestamp", "generation"):
        found["metadata"].pop(key, None)
    fences.done("delete", kind, name, *where)
    try:
        yield
    finally:
        fences.done("create", "-f", "-", content=found)
