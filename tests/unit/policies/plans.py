"""For each rule over a whole plan: a plan that it must let pass, and one that it must refuse."""

from __future__ import annotations

from typing import Any

from policies.model import BusinessQuota, Plan, Resource
from policies.values import UNKNOWN

BUCKET = "alicloud:oss/bucket:Bucket"
ENCRYPTION = "alicloud:oss/bucketServerSideEncryption:BucketServerSideEncryption"
NAMESPACE = Resource("kubernetes:core/v1:Namespace", {"metadata": {"name": "qa"}}, "namespace", "urn:namespace")


def bucket(**inputs: Any) -> Resource:
    return Resource(BUCKET, {"bucket": "example-qa-data", **inputs}, "bucket", "urn:bucket")


def beside(type_token: str, **inputs: Any) -> Resource:
    """A companion that names its bucket."""
    return Resource(type_token, {"bucket": "example-qa-data", **inputs}, "companion")


def after(type_token: str, **inputs: Any) -> Resource:
    """A companion whose bucket is not known yet."""
    return Resource(type_token, {"bucket": UNKNOWN, **inputs}, "companion", depends_on=frozenset({"urn:bucket"}))


def within(kind: str, group: str = "core/v1", **inputs: Any) -> Resource:
    """An object in the namespace."""
    return Resource(f"kubernetes:{group}:{kind}", {"metadata": {"namespace": "qa"}, **inputs}, kind.lower())


def pool(instance_type: str, **inputs: Any) -> Resource:
    return Resource("alicloud:cs/nodePool:NodePool", {"instanceTypes": [instance_type], **inputs}, "pool")


def switch(addresses: str) -> Resource:
    inputs = {"vswitchName": "example-cn-hangzhou-h-pods", "zoneId": "cn-hangzhou-h", "cidrBlock": addresses}
    return Resource("alicloud:vpc/switch:Switch", inputs, "pods")


NETWORKING = "networking.k8s.io/v1"
DENY = within("NetworkPolicy", NETWORKING, spec={"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
DENY_ONE_WAY = within("NetworkPolicy", NETWORKING, spec={"podSelector": {}, "policyTypes": ["Ingress"]})
OPENING = within(
    "NetworkPolicy", NETWORKING, spec={"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [{}]}]}
)
QUOTA = within("ResourceQuota", spec={"hard": {"requests.nvidia.com/gpu": "2"}})
T4 = "ecs.gn6i-c4g1.xlarge"
OFF = {"enable": False, "maxSize": 0}
BUSINESSES = (BusinessQuota("qa", "cn-hangzhou", 40), BusinessQuota("chatbot", "cn-hangzhou", 24))


def plan(*resources: Resource, businesses: tuple[BusinessQuota, ...] = ()) -> Plan:
    return Plan(resources, businesses=businesses)


PLANS: dict[str, tuple[list[Plan], list[Plan]]] = {
    "bucket-has-a-key-of-our-own": (
        [
            plan(bucket(serverSideEncryptionRule={"sseAlgorithm": "KMS", "kmsMasterKeyId": "key"})),
            plan(bucket(), after(ENCRYPTION, kmsMasterKeyId="key")),
        ],
        [plan(bucket(serverSideEncryptionRule={"sseAlgorithm": "AES256"}))],
    ),
    "bucket-keeps-old-versions": (
        [
            plan(bucket(versioning={"status": "Enabled"})),
            plan(bucket(), beside("alicloud:oss/bucketVersioning:BucketVersioning", status="Enabled")),
        ],
        [plan(bucket(versioning={"status": "Suspended"})), plan(bucket())],
    ),
    "bucket-is-accelerated": ([plan(bucket(transferAcceleration={"enabled": True}))], [plan(bucket())]),
    "bucket-has-access-logs": (
        [
            plan(bucket(logging={"targetBucket": "logs"})),
            plan(bucket(), after("alicloud:oss/bucketLogging:BucketLogging", targetBucket="logs")),
        ],
        [plan(bucket())],
    ),
    "a-namespace-limits-resources": (
        [plan(NAMESPACE, QUOTA, within("LimitRange"))], [plan(NAMESPACE, QUOTA), plan(NAMESPACE)],
    ),
    "a-namespace-is-shut-by-default": (
        [plan(NAMESPACE, DENY, OPENING)], [plan(NAMESPACE, OPENING), plan(NAMESPACE, DENY_ONE_WAY)],
    ),
    "a-namespace-has-network-policies": ([plan(NAMESPACE, OPENING)], [plan(NAMESPACE)]),
    "quota-fits-the-nodes": (
        [
            plan(pool(T4, desiredSize="2"), QUOTA),
            plan(pool(T4, scalingConfig={"maxSize": 2}), QUOTA),
            plan(pool(T4, desiredSize="2", scalingConfig=OFF), QUOTA),
        ],
        [plan(pool(T4, desiredSize="1"), QUOTA), plan(QUOTA)],
    ),
    "quotas-fit-the-platform": (
        [plan(switch("172.16.0.0/26"), businesses=BUSINESSES)], [plan(switch("172.16.0.0/27"), businesses=BUSINESSES)],
    ),
}  # fmt: skip
