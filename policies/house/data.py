"""Data is kept, and nothing secret stands in the open."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies.alibaba_cloud.containers import CLUSTERS
from policies.alibaba_cloud.storage import BUCKET, KEY
from policies.model import Level, Resource, rule
from policies.values import is_off, texts

ZONE = "alicloud:dns/alidnsDomain:AlidnsDomain"
SECRET = "kubernetes:core/v1:Secret"  # noqa: S105 - a type token
PUBLIC_BLOCK = "alicloud:oss/bucketPublicAccessBlock:BucketPublicAccessBlock"
KEPT = (BUCKET, *CLUSTERS, KEY, ZONE)
"""What holds data, or what data cannot be reached without."""
CREDENTIALS = {
    "an AccessKey id of Alibaba Cloud": re.compile(r"\bLTAI[A-Za-z0-9]{12,26}\b"),
    "an access key id of AWS": re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a JSON Web Token": re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    "a token of GitHub": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}\b"),
    "a password in an address": re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s:@]+@"),
}


@rule(
    "data-is-protected", source="data", level=Level.MANDATORY, types=KEPT,
    description="Buckets, clusters, keys and zones are protected from deletion.",
    reason="Their deletion cannot be undone.",
)  # fmt: skip
def data_is_protected(resource: Resource) -> Iterator[str]:
    """Pulumi's protection, and the service's own where it has one."""
    if not resource.protect:
        yield "Pulumi would delete it; keep `protection` on in the stack file"
    if resource.type in CLUSTERS and is_off(resource.at("deletionProtection")):
        yield "ACK would delete it; set `deletionProtection`"
    if resource.type == BUCKET and resource.at("forceDestroy") is True:
        yield "it would be emptied to be deleted; set `forceDestroy: false`"


@rule(
    "no-plaintext-secret", source="secrets", level=Level.MANDATORY, types=("alicloud:*", "kubernetes:*"),
    description="No input holds what has the form of a credential.",
    reason="Inputs stand in the state, in previews and in reviews.",
)  # fmt: skip
def no_plaintext_secret(resource: Resource) -> Iterator[str]:
    """A Secret's data are judged too: Pulumi's own secrets reach a policy in the open, but no plan needs any."""
    for path, text in texts(resource.properties):
        for kind, pattern in CREDENTIALS.items():
            if pattern.search(text):
                yield f"`{path}` holds {kind}; pods have workload identities, people have their own environment"


@rule(
    "no-public-bucket-by-accident", source="data", level=Level.MANDATORY, types=(PUBLIC_BLOCK,),
    description="A bucket's block of public access is on.", reason="It outranks every list and policy of the bucket.",
)  # fmt: skip
def no_public_bucket_by_accident(block: Resource) -> Iterator[str]:
    """The resource alone does nothing."""
    if is_off(block.at("blockPublicAccess")):
        yield "`blockPublicAccess` is off; set it"
