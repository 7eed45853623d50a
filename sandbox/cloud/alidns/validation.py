"""What a domain name and a record may look like."""

from __future__ import annotations

import ipaddress
import re

from sandbox.cloud.alidns.errors import invalid_value, record_conflict, record_duplicate
from sandbox.cloud.alidns.model import Record
from sandbox.cloud.core.errors import CloudError, invalid_parameter

LABEL = re.compile(r"(?!-)[A-Za-z0-9_\-]{1,63}(?<!-)")
KINDS = ("A", "AAAA", "CNAME", "TXT", "NS", "MX", "SRV", "CAA")
LONGEST_NAME = 253
LONGEST_TEXT = 512
LINES = re.compile(r"[a-z0-9_]{2,64}")


def check_domain(name: str) -> str:
    """A zone's name in lower case; raises when it isn't one."""
    lowered = name.strip().rstrip(".").lower()
    labels = lowered.split(".")
    if len(labels) < 2 or len(lowered) > LONGEST_NAME or not all(LABEL.fullmatch(label) for label in labels):
        raise CloudError("InvalidDomainName.Format", f"The domain name {name!r} is not well formed (example.com).")
    return lowered


def check_rr(rr: str) -> str:
    """A host record (`@`, `www`, `*.a`) in lower case."""
    lowered = rr.lower()
    if lowered == "@":
        return lowered
    labels = lowered.split(".")
    plain = labels[1:] if labels[0] == "*" else labels
    if len(lowered) > LONGEST_NAME or not all(LABEL.fullmatch(label) for label in plain):
        raise invalid_parameter("RR", rr, "it is @ or labels separated by dots, with * as the first label only")
    return lowered


def check_value(kind: str, value: str) -> str:
    """The value in the form it is answered in."""
    if kind in ("A", "AAAA"):
        try:
            return str(ipaddress.IPv4Address(value) if kind == "A" else ipaddress.IPv6Address(value))
        except ValueError as error:
            raise invalid_value(kind, value, str(error)) from None
    if kind in ("CNAME", "NS", "MX"):
        name = value.rstrip(".").lower()
        if not name or len(name) > LONGEST_NAME or not all(LABEL.fullmatch(label) for label in name.split(".")):
            raise invalid_value(kind, value, "it must be a host name")
        return name
    if kind == "TXT" and len(value) > LONGEST_TEXT:
        raise invalid_value(kind, value[:40] + "...", f"it has {len(value)} characters of at most {LONGEST_TEXT}")
    if kind == "SRV" and (len(value.split()) != 4 or not all(part.isdigit() for part in value.split()[:3])):
        raise invalid_value(kind, value, "it is priority, weight, port and host")
    if kind == "CAA" and len(value.split(maxsplit=2)) != 3:
        raise invalid_value(kind, value, 'it is a flag, a tag and a value: 0 issue "example.com"')
    return value


def check_kind(kind: str) -> str:
    """A record type that the emulator's DNS server answers."""
    if kind.upper() not in KINDS:
        raise invalid_parameter("Type", kind, "the emulator has " + ", ".join(KINDS))
    return kind.upper()


def check_line(line: str) -> str:
    """A line's name."""
    if LINES.fullmatch(line) is None:
        raise CloudError("DomainRecordLineInvalid", f"The line {line!r} is not valid; one is default, or oversea.")
    return line


def check_together(record: Record, others: list[Record]) -> None:
    """Raise when the record cannot stand beside the others of its zone."""
    for other in others:
        if other.identifier == record.identifier or other.rr != record.rr or other.line != record.line:
            continue
        if other.kind == record.kind and other.value == record.value:
            raise record_duplicate(record.name)
        if "CNAME" in (record.kind, other.kind) and record.kind != other.kind:
            raise record_conflict(record.name, f"a CNAME stands alone, and {other.kind} {other.value} is there")
