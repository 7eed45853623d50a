"""Openings to the internet, and the encryption of what passes them."""

from __future__ import annotations

from collections.abc import Iterator

from policies.model import Level, Resource, rule
from policies.values import UNKNOWN, at, differs, items

SECURITY_GROUP_RULE = "alicloud:ecs/securityGroupRule:SecurityGroupRule"
API = "alicloud:apigateway/api:Api"
ACL_ENTRY = "alicloud:alb/aclEntryAttachment:AclEntryAttachment"
CIPHER_POLICY = "alicloud:slb/tlsCipherPolicy:TlsCipherPolicy"
EVERYBODY = ("0.0.0.0/0", "::/0", "0.0.0.0")  # noqa: S104 - judged, not bound to
OLD_VERSIONS = ("TLSv1.0", "TLSv1.1")
SSH, REMOTE_DESKTOP = 22, 3389
ALL_PORTS = "-1/-1"


def opens_to_everybody(group_rule: Resource, port: int) -> bool:
    """Whether the rule lets packets from anywhere in to the port. A rule without a source is one for anywhere."""
    if group_rule.at("type") != "ingress" or group_rule.at("policy") == "drop":
        return False
    sources = [group_rule.at(key) for key in ("cidrIp", "ipv6CidrIp", "sourceSecurityGroupId", "prefixListId")]
    if UNKNOWN in sources:
        return False
    if any(sources) and not any(source in EVERYBODY for source in sources):
        return False
    ports = group_rule.at("portRange") or ALL_PORTS
    if ports is UNKNOWN or group_rule.at("ipProtocol") not in ("tcp", "all"):
        return False
    first, _, last = str(ports).partition("/")
    return ports == ALL_PORTS or int(first) <= port <= int(last or first)


@rule(
    "no-ssh-from-everywhere", source="CKV_ALI_2", level=Level.MANDATORY, types=(SECURITY_GROUP_RULE,),
    description="No security group lets SSH (port 22) in from anywhere.", reason="It is tried within minutes.",
)  # fmt: skip
def no_ssh_from_everywhere(group_rule: Resource) -> Iterator[str]:
    """Judges ranges too, not just the port by itself."""
    if opens_to_everybody(group_rule, SSH):
        yield "port 22 is open to everybody; give `cidrIp` the network that administers the machine"


@rule(
    "no-remote-desktop-from-everywhere", source="CKV_ALI_3", level=Level.MANDATORY, types=(SECURITY_GROUP_RULE,),
    description="No security group lets Remote Desktop (port 3389) in from anywhere.",
    reason="It is tried within minutes.",
)  # fmt: skip
def no_remote_desktop_from_everywhere(group_rule: Resource) -> Iterator[str]:
    """Judges ranges too, not just the port by itself."""
    if opens_to_everybody(group_rule, REMOTE_DESKTOP):
        yield "port 3389 is open to everybody; give `cidrIp` the network that administers the machine"


@rule(
    "api-is-encrypted", source="CKV_ALI_21", level=Level.MANDATORY, types=(API,),
    description="An API of the API gateway answers by HTTPS alone.", reason="Questions and answers are private.",
)  # fmt: skip
def api_is_encrypted(api: Resource) -> Iterator[str]:
    """`HTTP,HTTPS` also lets plain requests in."""
    if differs(at(api.properties, "requestConfig.protocol"), "HTTPS"):
        yield f"requestConfig.protocol is `{api.at('requestConfig.protocol')}`; write `HTTPS`"


@rule(
    "load-balancer-list-is-narrow", source="CKV_ALI_29", level=Level.MANDATORY, types=(ACL_ENTRY,),
    description="An access list of an application load balancer does not let everybody in.",
    reason="A list that lets everybody in looks like a fence and is none.",
)  # fmt: skip
def load_balancer_list_is_narrow(entry: Resource) -> Iterator[str]:
    """One entry a resource."""
    if entry.at("entry") in EVERYBODY:
        yield f"the entry is `{entry.at('entry')}`; name the networks that may enter, or take the list off"


@rule(
    "no-old-encryption", source="CKV_ALI_33", level=Level.MANDATORY, types=(CIPHER_POLICY,),
    description="A load balancer's cipher policy has no TLS 1.0 or 1.1.", reason="Both are broken (RFC 8996).",
)  # fmt: skip
def no_old_encryption(policy: Resource) -> Iterator[str]:
    """One message a version."""
    for version in items(policy.at("tlsVersions")):
        if version in OLD_VERSIONS:
            yield f"tlsVersions holds {version}; leave TLSv1.2 and TLSv1.3"
