"""Replication rules: read from XML, checked, and asked whether they cover an object.

https://help.aliyun.com/zh/oss/developer-reference/putbucketreplication
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sandbox.cloud.oss import xml
from sandbox.cloud.oss.errors import invalid_argument, malformed_xml
from sandbox.cloud.oss.xml import Element

ROOT = "ReplicationConfiguration"
ACTIONS = ("ALL", "PUT")
SWITCH = ("enabled", "disabled")
MAXIMUM_PREFIXES = 10


@dataclass(frozen=True)
class ReplicationRule:
    """A rule, as stored.

    `removals` says that deletions are replicated too (the action ALL), `kms` that objects encrypted with a KMS key
    are, under the key `kms_key` of the target's region.
    """

    id: str
    prefixes: tuple[str, ...]
    removals: bool
    target: str
    location: str
    historical: bool
    kms: bool
    kms_key: str

    def covers(self, key: str) -> bool:
        """Whether an object is under one of the rule's prefixes; without any, all are."""
        return not self.prefixes or key.startswith(self.prefixes)


@lru_cache(maxsize=256)
def read(content: str) -> tuple[ReplicationRule, ...]:
    """The rules of a stored configuration. Kept by their text, as every write asks for them."""
    return tuple(_rule(element) for element in xml.parse(content.encode(), ROOT).findall("Rule"))


def check(element: Element) -> ReplicationRule:
    """Validate a new rule; MalformedXML or InvalidArgument where one of its values is wrong."""
    _one_of(element, "Action", *ACTIONS)
    _one_of(element, "HistoricalObjectReplication", *SWITCH)
    _one_of(element, "RTC/Status", *SWITCH)
    _one_of(element, "Destination/TransferType", "internal", "oss_acc")
    _one_of(element, "SourceSelectionCriteria/SseKmsEncryptedObjects/Status", "Enabled", "Disabled")
    rule = _rule(element)
    if not rule.target:
        raise malformed_xml("A replication rule needs Destination/Bucket.")
    if len(rule.prefixes) > MAXIMUM_PREFIXES:
        message = f"A replication rule has at most {MAXIMUM_PREFIXES} prefixes; this one has {len(rule.prefixes)}."
        raise invalid_argument(message, "PrefixSet")
    if rule.kms and not (rule.kms_key and xml.text(element, "SyncRole")):
        message = "Replicating objects encrypted with KMS needs EncryptionConfiguration/ReplicaKmsKeyID and SyncRole."
        raise invalid_argument(message, "SseKmsEncryptedObjects", "Enabled")
    return rule


def _rule(element: Element) -> ReplicationRule:
    return ReplicationRule(
        id=xml.text(element, "ID"),
        prefixes=tuple(one.text or "" for one in element.findall("PrefixSet/Prefix")),
        removals=xml.text(element, "Action", "ALL") == "ALL",
        target=xml.text(element, "Destination/Bucket"),
        location=xml.text(element, "Destination/Location"),
        historical=xml.text(element, "HistoricalObjectReplication", "enabled") == "enabled",
        kms=xml.text(element, "SourceSelectionCriteria/SseKmsEncryptedObjects/Status") == "Enabled",
        kms_key=xml.text(element, "EncryptionConfiguration/ReplicaKmsKeyID"),
    )


def _one_of(element: Element, path: str, *allowed: str) -> None:
    value = xml.text(element, path)
    if value and value not in allowed:
        raise invalid_argument(f"{path} is one of {', '.join(allowed)}.", path.rpartition("/")[2], value)
