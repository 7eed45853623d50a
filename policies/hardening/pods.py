"""The guide's section "Kubernetes Pod security", and its resource limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policies.hardening.workloads import WORKLOADS, containers, pod_spec
from policies.model import Level, Resource, rule
from policies.values import UNKNOWN, at, is_off, items

POD_SECURITY = "Pod security"
HARMLESS_CAPABILITIES = ("NET_BIND_SERVICE",)
CONFINED = ("RuntimeDefault", "Localhost")


def _of_pod_or_container(workload: Resource, container: Any, key: str) -> Any:
    """A setting of the security context: the container's wins over the pod's."""
    own = at(container, f"securityContext.{key}")
    return own if own is not None else at(pod_spec(workload), f"securityContext.{key}")


@rule(
    "containers-are-not-root", source=f"{POD_SECURITY}, C-0013", level=Level.MANDATORY, types=WORKLOADS,
    description="Containers run as a user other than root.",
    reason="Root in a container is root on the node once it breaks out.",
)  # fmt: skip
def containers_are_not_root(workload: Resource) -> Iterator[str]:
    """Either the kubelet is told to refuse root, or a user is named."""
    for name, container in containers(workload):
        refused = _of_pod_or_container(workload, container, "runAsNonRoot")
        user = _of_pod_or_container(workload, container, "runAsUser")
        if user == 0 or (is_off(refused) and user is None):
            yield f"container `{name}` may run as root; set `runAsNonRoot`"


@rule(
    "containers-gain-no-privileges", source=f"{POD_SECURITY}, C-0016", level=Level.MANDATORY, types=WORKLOADS,
    description="A process in a container gains no privileges that its parent lacks.",
    reason="Programs with the set-user-id bit are a way to root.",
)  # fmt: skip
def containers_gain_no_privileges(workload: Resource) -> Iterator[str]:
    """Kubernetes allows it unless told otherwise."""
    for name, container in containers(workload):
        if at(container, "securityContext.allowPrivilegeEscalation") not in (False, UNKNOWN):
            yield f"container `{name}`: set `allowPrivilegeEscalation: false`"


@rule(
    "containers-cannot-change-their-files", source=f"{POD_SECURITY}, C-0017", level=Level.MANDATORY, types=WORKLOADS,
    description="A container's root file system cannot be written.", reason="An intruder then leaves nothing behind.",
)  # fmt: skip
def containers_cannot_change_their_files(workload: Resource) -> Iterator[str]:
    """Scratch space is an emptyDir."""
    for name, container in containers(workload):
        if is_off(at(container, "securityContext.readOnlyRootFilesystem")):
            yield f"container `{name}`: set `readOnlyRootFilesystem`, and mount an emptyDir where it writes"


@rule(
    "pods-share-no-host-processes", source=f"{POD_SECURITY}, C-0038", level=Level.MANDATORY, types=WORKLOADS,
    description="Pods share neither process ids nor memory with the node.",
    reason="They would see, and could signal, every process of the node.",
)  # fmt: skip
def pods_share_no_host_processes(workload: Resource) -> Iterator[str]:
    """Both are off unless asked for."""
    for key in ("hostPID", "hostIPC"):
        if at(pod_spec(workload), key) is True:
            yield f"`{key}` is on; remove it"


@rule(
    "pods-have-a-network-of-their-own", source=f"{POD_SECURITY}, C-0041", level=Level.MANDATORY, types=WORKLOADS,
    description="Pods do not use the node's network.",
    reason="NetworkPolicies do not hold for it, and the node's own services answer there.",
)  # fmt: skip
def pods_have_a_network_of_their_own(workload: Resource) -> Iterator[str]:
    """Off unless asked for."""
    if at(pod_spec(workload), "hostNetwork") is True:
        yield "`hostNetwork` is on; remove it"


@rule(
    "containers-take-no-host-port", source=f"{POD_SECURITY}, C-0044", level=Level.MANDATORY, types=WORKLOADS,
    description="Containers take no port of the node.", reason="It opens a way past NetworkPolicies and Services.",
)  # fmt: skip
def containers_take_no_host_port(workload: Resource) -> Iterator[str]:
    """One message a port."""
    for name, container in containers(workload):
        for port in items(at(container, "ports")):
            if at(port, "hostPort") not in (None, 0, UNKNOWN):
                yield f"container `{name}` takes the node's port {at(port, 'hostPort')}; use a Service"


@rule(
    "containers-drop-all-capabilities", source=f"{POD_SECURITY}, C-0046", level=Level.MANDATORY, types=WORKLOADS,
    description="Containers drop all capabilities, and take back none but binding low ports.",
    reason="Capabilities are root, in slices.",
)  # fmt: skip
def containers_drop_all_capabilities(workload: Resource) -> Iterator[str]:
    """Judges what is dropped and what is added."""
    for name, container in containers(workload):
        capabilities = at(container, "securityContext.capabilities")
        if capabilities is UNKNOWN:
            continue
        if "ALL" not in items(at(capabilities, "drop")):
            yield f'container `{name}`: set `capabilities.drop: ["ALL"]`'
        for added in items(at(capabilities, "add")):
            if added not in HARMLESS_CAPABILITIES:
                yield f"container `{name}` adds the capability {added}; do without"


@rule(
    "system-calls-are-confined", source=f"{POD_SECURITY}, C-0055", level=Level.MANDATORY, types=WORKLOADS,
    description="A seccomp profile confines the system calls of containers.",
    reason="Most ways out of a container go through a rare system call.",
)  # fmt: skip
def system_calls_are_confined(workload: Resource) -> Iterator[str]:
    """On the pod or on each container."""
    for name, container in containers(workload):
        profile = _of_pod_or_container(workload, container, "seccompProfile")
        if profile is not UNKNOWN and at(profile, "type") not in (*CONFINED, UNKNOWN):
            yield f"container `{name}`: set `seccompProfile.type: RuntimeDefault`"


@rule(
    "containers-are-not-privileged", source=f"{POD_SECURITY}, C-0057", level=Level.MANDATORY, types=WORKLOADS,
    description="No container is privileged.", reason="A privileged container is the node.",
)  # fmt: skip
def containers_are_not_privileged(workload: Resource) -> Iterator[str]:
    """Off unless asked for."""
    for name, container in containers(workload):
        if at(container, "securityContext.privileged") is True:
            yield f"container `{name}` is privileged; name the single thing that it needs instead"


@rule(
    "processors-are-limited", source=f"{POD_SECURITY} (resource policies), C-0270", level=Level.ADVISORY,
    types=WORKLOADS, description="Containers have a limit of CPU.", reason="One that runs away slows its neighbours.",
)  # fmt: skip
def processors_are_limited(workload: Resource) -> Iterator[str]:
    """A LimitRange's default does not show in the plan of a workload."""
    for name, container in containers(workload):
        if is_off(at(container, "resources.limits.cpu")):
            yield f"container `{name}` has no `resources.limits.cpu`"


@rule(
    "memory-is-limited", source=f"{POD_SECURITY} (resource policies), C-0271", level=Level.MANDATORY,
    types=WORKLOADS, description="Containers have a limit of memory.",
    reason="Memory cannot be slowed: one that runs away gets its neighbours killed.",
)  # fmt: skip
def memory_is_limited(workload: Resource) -> Iterator[str]:
    """A LimitRange's default does not show in the plan of a workload."""
    for name, container in containers(workload):
        if is_off(at(container, "resources.limits.memory")):
            yield f"container `{name}` has no `resources.limits.memory`"
