"""The guide's section "Authentication and authorization": who may do what, and credentials that lie about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from policies.hardening.workloads import WORKLOADS, containers, pod_spec
from policies.model import Level, Resource, rule
from policies.values import UNKNOWN, at, items

AUTHORIZATION = "Authentication and authorization"
_RBAC = "kubernetes:rbac.authorization.k8s.io/v1:"
ROLES = (f"{_RBAC}Role", f"{_RBAC}ClusterRole")
BINDINGS = (f"{_RBAC}RoleBinding", f"{_RBAC}ClusterRoleBinding")
SERVICE_ACCOUNT = "kubernetes:core/v1:ServiceAccount"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
CREDENTIAL_KEY = re.compile(
    r"(^|[^a-z])(passw(or)?d|passphrase|secret|token|api_?key|access_?key|private_?key|credentials?)s?$"
)
INTO_PODS = ("pods/exec", "pods/attach", "pods/portforward", "pods/ephemeralcontainers", "pods/*")
MIGHTY = ("cluster-admin", "admin", "edit")


def _looks_like_credential(key: str, value: Any) -> bool:
    """A key named like a credential that holds a plain value: neither empty, nor a path, nor a name."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).replace("-", "_").casefold()
    return (
        isinstance(value, str)
        and bool(CREDENTIAL_KEY.search(name))
        and value.strip() != ""
        and not value.startswith(("/", "$("))
    )


@rule(
    "nobody-enters-containers", source=f"{AUTHORIZATION}, C-0002", level=Level.MANDATORY, types=ROLES,
    description="No role lets its holder run commands in, or open a way into, a running pod.",
    reason="Whoever holds it has every credential of every pod there.",
)  # fmt: skip
def nobody_enters_containers(role: Resource) -> Iterator[str]:
    """All verbs count: `get` of exec opens a session by a websocket."""
    for item in items(role.at("rules")):
        for resource in items(at(item, "resources")):
            if resource in INTO_PODS:
                yield f"it allows `{resource}`; look by logs and events instead"


@rule(
    "no-credentials-in-settings", source=f"{AUTHORIZATION}, C-0012", level=Level.MANDATORY,
    types=(CONFIG_MAP, *WORKLOADS), description="Neither a ConfigMap nor an environment variable holds a credential.",
    reason="Both are read by everybody who may look at the namespace, and stand in logs.",
)  # fmt: skip
def no_credentials_in_settings(resource: Resource) -> Iterator[str]:
    """By the names of keys; by their form they are found by the rule `no-plaintext-secret`."""
    data = resource.at("data") if resource.type == CONFIG_MAP else None
    for key, value in data.items() if isinstance(data, dict) else ():
        if _looks_like_credential(str(key), value):
            yield f"the key `{key}` holds a plain value; use a workload identity, or a Secret"
    for name, container in containers(resource) if resource.type != CONFIG_MAP else ():
        for variable in items(at(container, "env")):
            if _looks_like_credential(str(at(variable, "name")), at(variable, "value")):
                yield f"container `{name}`: `{at(variable, 'name')}` holds a plain value; use `valueFrom.secretKeyRef`"


@rule(
    "cluster-access-is-stated", source=f"{AUTHORIZATION}, C-0034", level=Level.MANDATORY,
    types=(SERVICE_ACCOUNT, *WORKLOADS),
    description="A pod gets a token for the API server only where that is said.",
    reason="A token in every pod is a key in every pod.",
)  # fmt: skip
def cluster_access_is_stated(resource: Resource) -> Iterator[str]:
    """Kubernetes mounts a token unless told otherwise; a pod that says `true` has a reason that its review saw."""
    if resource.type == SERVICE_ACCOUNT:
        stated = resource.at("automountServiceAccountToken")
    else:
        stated = at(pod_spec(resource), "automountServiceAccountToken")
    if stated is None:
        yield "say `automountServiceAccountToken: false`, or `true` where the pod calls the API server"


@rule(
    "nobody-administers-the-cluster", source=f"{AUTHORIZATION}, C-0035", level=Level.MANDATORY,
    types=(*ROLES, *BINDINGS),
    description="No binding makes anybody an administrator, and no role allows everything.",
    reason="A business's credential must never reach another business.",
)  # fmt: skip
def nobody_administers_the_cluster(resource: Resource) -> Iterator[str]:
    """Judges bindings to Kubernetes' own mighty roles, and wildcards."""
    if resource.at("roleRef.name") in MIGHTY and resource.at("roleRef.kind") == "ClusterRole":
        yield f"it binds to `{resource.at('roleRef.name')}`; make a role with the verbs that are needed"
    for item in items(resource.at("rules")):
        for key in ("verbs", "resources", "apiGroups"):
            if "*" in [value for value in items(at(item, key)) if value is not UNKNOWN]:
                yield f'its `{key}` hold "*"; name each one'
