"""For each rule of one resource: inputs that it must let pass, and inputs that it must refuse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from policies.model import Owner

QA, PLATFORM = Owner("qa", "example"), Owner(None, "example")
GOOD_CONTAINER = {
    "name": "main",
    "image": "registry.example.com/main:1",
    "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    },
}
GOOD_POD = {
    "automountServiceAccountToken": False,
    "nodeSelector": {"language-models/business": "qa"},
    "tolerations": [{"key": "language-models/business", "operator": "Equal", "value": "qa", "effect": "NoSchedule"}],
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [GOOD_CONTAINER],
}


@dataclass(frozen=True)
class Case:
    """Inputs of a resource of a rule's type (its first, unless named) in an owner's stack."""

    good: dict[str, Any]
    bad: dict[str, Any]
    type: str = ""
    owner: Owner = QA
    protect_good: bool = True
    protect_bad: bool = True


def workload(container: dict[str, Any] | None = None, **pod: Any) -> dict[str, Any]:
    """Inputs of a Deployment whose pods are good but for what is given."""
    spec = {**GOOD_POD, **pod, "containers": [{**GOOD_CONTAINER, **(container or {})}]}
    return {"metadata": {"name": "w", "namespace": "qa"}, "spec": {"template": {"spec": spec}}}


def secured(**security: Any) -> dict[str, Any]:
    """Inputs of a Deployment whose container's security context is good but for what is given."""
    return workload({"securityContext": {**GOOD_CONTAINER["securityContext"], **security}})


DEPLOYMENT = "kubernetes:apps/v1:Deployment"
TAGS = {"project": "language-model-clusters", "business": "qa", "owner": "qa-team", "managed-by": "pulumi"}
RULE_FROM = {"type": "ingress", "ipProtocol": "tcp", "portRange": "1/65535"}
LOGGED = {
    "parameters": [{"name": name, "value": "on"} for name in ("log_duration", "log_connections", "log_disconnections")]
}
TAINT = {"key": "language-models/business", "value": "qa"}

ALIBABA_CLOUD = {
    "bucket-is-private": Case({"acl": "private"}, {"acl": "public-read"}),
    "disk-is-encrypted": Case({"encrypted": True}, {"encrypted": False}),
    "disk-has-a-key-of-our-own": Case({"encrypted": True, "kmsKeyId": "key"}, {"encrypted": True}),
    "key-is-rotated": Case({"automaticRotation": "Enabled"}, {"automaticRotation": "Disabled"}),
    "key-is-enabled": Case({}, {"status": "Disabled"}),
    "launch-template-disks-are-encrypted": Case(
        {"dataDisks": [{"encrypted": True}]}, {"dataDisks": [{"encrypted": True}, {"encrypted": False}]}
    ),
    "no-ssh-from-everywhere": Case(
        {**RULE_FROM, "cidrIp": "10.0.0.0/8"}, {"type": "ingress", "ipProtocol": "all", "cidrIp": "0.0.0.0/0"}
    ),
    "no-remote-desktop-from-everywhere": Case(
        {**RULE_FROM, "portRange": "443/443", "cidrIp": "0.0.0.0/0"}, {**RULE_FROM, "cidrIp": "0.0.0.0/0"}
    ),
    "api-is-encrypted": Case({"requestConfig": {"protocol": "HTTPS"}}, {"requestConfig": {"protocol": "HTTP,HTTPS"}}),
    "load-balancer-list-is-narrow": Case({"entry": "10.0.0.0/8"}, {"entry": "0.0.0.0/0"}),
    "no-old-encryption": Case({"tlsVersions": ["TLSv1.2"]}, {"tlsVersions": ["TLSv1.2", "TLSv1.0"]}),
    "database-is-private": Case({"securityIps": ["10.0.0.0/8"]}, {"securityIps": ["10.0.0.0/8", "0.0.0.0/0"]}),
    "database-encrypts-connections": Case({"sslAction": "Open"}, {}),
    "database-encrypts-data": Case(
        {"engine": "MySQL", "engineVersion": "8.0", "tdeStatus": "Enabled"}, {"engine": "MySQL", "engineVersion": "8.0"}
    ),
    "database-keeps-its-audit": Case(
        {"sqlCollectorStatus": "Enabled", "sqlCollectorConfigValue": 180},
        {"sqlCollectorStatus": "Enabled", "sqlCollectorConfigValue": 30},
    ),
    "database-is-kept-up-to-date": Case({"autoUpgradeMinorVersion": "Auto"}, {"autoUpgradeMinorVersion": "Manual"}),
    "database-logs-durations": Case(LOGGED, {"parameters": [{"name": "log_duration", "value": "off"}]}),
    "database-logs-disconnections": Case(LOGGED, {}),
    "database-logs-connections": Case(LOGGED, {"parameters": []}),
    "log-audit-covers-databases": Case(
        {"variableMap": {"rds_enabled": "true"}}, {"variableMap": {"oss_access": "true"}}
    ),
    "document-store-is-inside-the-network": Case({"networkType": "VPC"}, {"networkType": "Classic"}),
    "document-store-encrypts-connections": Case({"sslAction": "Update"}, {"sslAction": "Close"}),
    "document-store-is-private": Case({"securityIpLists": ["10.0.0.0/8"]}, {"securityIpLists": ["0.0.0.0/0"]}),
    "document-store-encrypts-data": Case({"tdeStatus": "enabled"}, {"tdeStatus": "disabled"}),
    "trail-covers-all-regions": Case({"trailRegion": "All"}, {"trailRegion": "cn-hangzhou"}),
    "trail-covers-all-events": Case({"eventRw": "All"}, {}),
    "passwords-are-long": Case({"minimumPasswordLength": 14}, {"minimumPasswordLength": 13}),
    "passwords-hold-a-digit": Case({"requireNumbers": True}, {"requireNumbers": False}),
    "passwords-hold-a-symbol": Case({"requireSymbols": True}, {"requireSymbols": False}),
    "passwords-expire": Case({"maxPasswordAge": 90}, {"maxPasswordAge": 0}),
    "passwords-hold-a-small-letter": Case({"requireLowercaseCharacters": True}, {"requireLowercaseCharacters": False}),
    "passwords-are-not-used-again": Case({"passwordReusePrevention": 24}, {"passwordReusePrevention": 3}),
    "passwords-hold-a-capital-letter": Case(
        {"requireUppercaseCharacters": True}, {"requireUppercaseCharacters": False}
    ),
    "few-login-attempts": Case({"maxLoginAttempts": 5}, {"maxLoginAttempts": 6}),
    "second-factor-is-asked": Case({"enforceMfaForLogin": True}, {"enforceMfaForLogin": False}),
    "cluster-enforces-network-policies": Case(
        {"addons": [{"name": "terway-eniip"}], "podVswitchIds": ["p"], "vswitchIds": ["n"]},
        {"addons": [{"name": "terway-eniip"}], "podVswitchIds": ["n"], "vswitchIds": ["n"]},
    ),
    "node-pool-repairs-nodes": Case({"management": {"autoRepair": True}}, {"management": {"autoRepair": False}}),
}

HARDENING = {
    "containers-are-not-root": Case(workload(), workload(securityContext={"runAsUser": 0})),
    "containers-gain-no-privileges": Case(workload(), secured(allowPrivilegeEscalation=True)),
    "containers-cannot-change-their-files": Case(workload(), secured(readOnlyRootFilesystem=False)),
    "pods-share-no-host-processes": Case(workload(), workload(hostPID=True)),
    "pods-have-a-network-of-their-own": Case(workload(), workload(hostNetwork=True)),
    "containers-take-no-host-port": Case(
        workload({"ports": [{"containerPort": 80}]}), workload({"ports": [{"containerPort": 80, "hostPort": 80}]})
    ),
    "containers-drop-all-capabilities": Case(
        secured(capabilities={"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}),
        secured(capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
    ),
    "system-calls-are-confined": Case(workload(), workload(securityContext={"seccompProfile": {"type": "Unconfined"}})),
    "containers-are-not-privileged": Case(workload(), secured(privileged=True)),
    "processors-are-limited": Case(workload(), workload({"resources": {"limits": {"memory": "1Gi"}}})),
    "memory-is-limited": Case(workload(), workload({"resources": {"limits": {"cpu": "1"}}})),
    "nobody-enters-containers": Case(
        {"rules": [{"resources": ["pods", "pods/log"], "verbs": ["get"]}]},
        {"rules": [{"resources": ["pods/exec"], "verbs": ["create"]}]},
    ),
    "no-credentials-in-settings": Case(
        {"data": {"tokens_per_batch": "128", "secret_name": "x", "password_file": "/run/password"}},
        {"data": {"DB_PASSWORD": "hunter2"}},
    ),
    "cluster-access-is-stated": Case({"automountServiceAccountToken": True}, {"metadata": {"name": "a"}}),
    "nobody-administers-the-cluster": Case(
        {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]},
        {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}]},
    ),
    "no-snippets-in-ingresses": Case(
        {"metadata": {"annotations": {"nginx.ingress.kubernetes.io/rewrite-target": "/"}}},
        {"metadata": {"annotations": {"nginx.ingress.kubernetes.io/server-snippet": "return 200;"}}},
    ),
    "a-namespace-confines-its-pods": Case(
        {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}},
        {"metadata": {"labels": {"pod-security.kubernetes.io/warn": "restricted"}}},
    ),
    "cluster-is-safe-from-symlinks": Case({"version": "1.34.4-aliyun.1"}, {"version": "1.20.4-aliyun.1"}),
    "cluster-encrypts-secrets": Case({"encryptionProviderKey": "key"}, {}),
    "cluster-logs-its-audit": Case({"auditLogConfig": {"enabled": True}}, {"auditLogConfig": {"enabled": False}}),
}

HOUSE = {
    "namespace-is-the-businesss-own": Case(
        {"metadata": {"namespace": "qa"}}, {"metadata": {"namespace": "chatbot"}}, "kubernetes:core/v1:Service"
    ),
    "labels-name-the-business": Case(
        {"metadata": {"labels": {"language-models/business": "qa"}}},
        {"metadata": {"labels": {"language-models/business": "chatbot"}}},
        "kubernetes:core/v1:Service",
    ),
    "pods-stay-on-the-businesss-nodes": Case(workload(), workload(tolerations=[{"operator": "Exists"}])),
    "nodes-are-the-businesss-own": Case({"taints": [TAINT], "labels": [TAINT]}, {"labels": [TAINT]}),
    "tags-are-complete": Case({"tags": TAGS}, {"tags": {**TAGS, "business": "chatbot"}}, "alicloud:oss/bucket:Bucket"),
    "names-hold-the-business": Case(
        {"bucket": "example-qa-cn-hangzhou-data"}, {"bucket": "example-aqab-data"}, "alicloud:oss/bucket:Bucket"
    ),
    "data-is-protected": Case({"forceDestroy": False}, {"forceDestroy": False}, protect_bad=False),
    "no-plaintext-secret": Case(
        {"data": {"note": "LTAI is how AccessKey ids begin"}},
        {"data": {"note": "key LTAI5tExampleExample0001 of the robot"}},
        "kubernetes:core/v1:ConfigMap",
    ),
    "no-public-bucket-by-accident": Case({"blockPublicAccess": True}, {"blockPublicAccess": False}),
}

CASES = {**ALIBABA_CLOUD, **HARDENING, **HOUSE}
