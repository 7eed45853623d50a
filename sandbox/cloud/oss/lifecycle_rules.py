"""Lifecycle rules: read from XML, checked, and asked when an object is due.

https://help.aliyun.com/zh/oss/developer-reference/putbucketlifecycle
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.cloud.oss import xml
from sandbox.cloud.oss.errors import invalid_argument, malformed_xml
from sandbox.cloud.oss.model import STORAGE_CLASSES
from sandbox.cloud.oss.times import parse_iso
from sandbox.cloud.oss.xml import Element

DAY = 24 * 3600 * 1000
"""Milliseconds of a day."""
MAXIMUM_RULES = 1000
ACTIONS = (
    "Expiration",
    "Transition",
    "AbortMultipartUpload",
    "NoncurrentVersionExpiration",
    "NoncurrentVersionTransition",
)


@dataclass(frozen=True)
class Due:
    """When an action applies: after days, at a date, or to what is older than a date. Times in milliseconds."""

    days: int | None = None
    date: int | None = None
    created_before: int | None = None

    def reached(self, since: int, now: int) -> bool:
        """Whether it applies to what was made (or became noncurrent) at `since`.

        Days end at the following midnight in UTC, when the cloud's own daily run begins.
        """
        if self.days is not None:
            end = since + self.days * DAY
            return now >= -(-end // DAY) * DAY
        if self.date is not None:
            return now >= self.date
        return self.created_before is not None and since < self.created_before and now >= self.created_before


@dataclass(frozen=True)
class Transition:
    """A change of storage class; `by_access` counts from the last access."""

    due: Due
    storage_class: str
    by_access: bool


@dataclass(frozen=True)
class Exclusion:
    """Objects that a rule leaves out."""

    prefix: str
    tag: tuple[str, str] | None


@dataclass(frozen=True)
class Rule:
    """A rule, as stored."""

    id: str
    prefix: str
    enabled: bool
    tags: Mapping[str, str]
    exclusions: tuple[Exclusion, ...]
    larger_than: int | None
    smaller_than: int | None
    expiration: Due | None
    expired_markers: bool
    transitions: tuple[Transition, ...]
    abort_uploads: Due | None
    noncurrent_expiration: Due | None
    noncurrent_transitions: tuple[Transition, ...]

    def covers(self, key: str, size: int, tags: Mapping[str, str]) -> bool:
        """Whether an object is within the rule's prefix, tags and filter."""
        if not key.startswith(self.prefix) or any(tags.get(name) != value for name, value in self.tags.items()):
            return False
        if (self.larger_than is not None and size <= self.larger_than) or (
            self.smaller_than is not None and size >= self.smaller_than
        ):
            return False
        return not any(
            key.startswith(one.prefix) and (one.tag is None or tags.get(one.tag[0]) == one.tag[1])
            for one in self.exclusions
        )


def check(root: Element, *, allow_overlap: bool) -> None:
    """Validate a configuration and give every rule an id, in place."""
    elements = root.findall("Rule")
    if not 1 <= len(elements) <= MAXIMUM_RULES:
        raise malformed_xml(f"A lifecycle configuration has 1 to {MAXIMUM_RULES} rules; this one has {len(elements)}.")
    for element in elements:
        if element.find("ID") is None or not xml.text(element, "ID"):
            found = element.find("ID")
            identifier = found if found is not None else Element("ID")
            identifier.text = secrets.token_hex(16)
            if found is None:
                element.insert(0, identifier)
    rules = read(root)
    identifiers = [rule.id for rule in rules]
    for name in identifiers:
        if len(name) > 255 or identifiers.count(name) > 1:
            raise invalid_argument("A rule's ID has at most 255 bytes and is unique.", "ID", name)
    if not allow_overlap:
        _check_overlap(elements, rules)


def read(root: Element) -> list[Rule]:
    """The configuration's rules; MalformedXML or InvalidArgument where one is wrong."""
    return [_rule(element) for element in root.findall("Rule")]


def _rule(element: Element) -> Rule:
    status = xml.text(element, "Status")
    if status not in ("Enabled", "Disabled"):
        raise malformed_xml(f"A rule's Status is Enabled or Disabled, not {status!r}.")
    if not any(element.find(action) is not None for action in ACTIONS):
        raise invalid_argument(f"A rule needs at least one action: {', '.join(ACTIONS)}.", "Rule")
    expiration = element.find("Expiration")
    markers = expiration is not None and xml.text(expiration, "ExpiredObjectDeleteMarker") == "true"
    abort = element.find("AbortMultipartUpload")
    noncurrent = element.find("NoncurrentVersionExpiration")
    larger, smaller = (_number(element, f"Filter/{name}") for name in ("ObjectSizeGreaterThan", "ObjectSizeLessThan"))
    return Rule(
        id=xml.text(element, "ID"),
        prefix=xml.text(element, "Prefix"),
        enabled=status == "Enabled",
        tags=dict(_tag(tag) for tag in element.findall("Tag")),
        exclusions=tuple(_exclusion(one) for one in element.findall("Filter/Not")),
        larger_than=larger,
        smaller_than=smaller,
        expiration=None if expiration is None or markers else _due(expiration),
        expired_markers=markers,
        transitions=tuple(_transition(one, "Days") for one in element.findall("Transition")),
        abort_uploads=None if abort is None else _due(abort),
        noncurrent_expiration=None if noncurrent is None else _due(noncurrent, "NoncurrentDays"),
        noncurrent_transitions=tuple(
            _transition(one, "NoncurrentDays") for one in element.findall("NoncurrentVersionTransition")
        ),
    )


def _exclusion(element: Element) -> Exclusion:
    tag = element.find("Tag")
    return Exclusion(xml.text(element, "Prefix"), None if tag is None else _tag(tag))


def _tag(element: Element) -> tuple[str, str]:
    return xml.text(element, "Key"), xml.text(element, "Value")


def _transition(element: Element, days_name: str) -> Transition:
    storage_class = xml.text(element, "StorageClass")
    if storage_class not in STORAGE_CLASSES[1:]:
        allowed = ", ".join(STORAGE_CLASSES[1:])
        raise invalid_argument(f"A transition's storage class is one of {allowed}.", "StorageClass", storage_class)
    return Transition(_due(element, days_name), storage_class, xml.text(element, "IsAccessTime") == "true")


def _due(element: Element, days_name: str = "Days") -> Due:
    days, date, before = (xml.text(element, name) for name in (days_name, "Date", "CreatedBeforeDate"))
    if sum(map(bool, (days, date, before))) != 1:
        message = f"{element.tag} takes exactly one of {days_name}, Date and CreatedBeforeDate."
        raise invalid_argument(message, element.tag)
    if days:
        number = _number(element, days_name)
        if number is None or number < 1:
            raise invalid_argument(f"{days_name} is a whole number of at least 1.", days_name, days)
        return Due(days=number)
    moment = parse_iso(date or before)
    if moment is None or moment % DAY:
        message = f"{element.tag}'s date is midnight in UTC, such as 2026-01-31T00:00:00.000Z."
        raise invalid_argument(message, element.tag, date or before)
    return Due(date=moment) if date else Due(created_before=moment)


def _number(element: Element, path: str) -> int | None:
    value = xml.text(element, path)
    if not value:
        return None
    if not value.isascii() or not value.isdigit() or len(value) > 15:
        raise invalid_argument(f"{path} is a whole number.", path, value)
    return int(value)


def _check_overlap(elements: list[Element], rules: list[Rule]) -> None:
    """Two enabled rules with the same action may not cover the same objects, unless the caller allows it."""
    for number, first in enumerate(rules):
        for other in range(number + 1, len(rules)):
            second = rules[other]
            if first.tags != second.tags or not (first.enabled and second.enabled):
                continue
            if not (first.prefix.startswith(second.prefix) or second.prefix.startswith(first.prefix)):
                continue
            for action in ACTIONS:
                if elements[number].find(action) is not None and elements[other].find(action) is not None:
                    message = f"Overlap for same action type {action}: rules {first.id} and {second.id}."
                    raise invalid_argument(message, "prefix", second.prefix)
