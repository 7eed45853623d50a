"""The DNS service, API version 2015-01-09."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sandbox.cloud.alidns.editions import EDITIONS, EditionActions
from sandbox.cloud.alidns.errors import domain_exists, domain_not_found, record_not_found
from sandbox.cloud.alidns.gtm import TrafficManagerActions
from sandbox.cloud.alidns.gtm_model import TrafficManagers
from sandbox.cloud.alidns.lines import describe_lines
from sandbox.cloud.alidns.model import DEFAULT_LINE, NAME_SERVERS, Domain, Record, Zones
from sandbox.cloud.alidns.validation import (
    check_domain,
    check_kind,
    check_line,
    check_rr,
    check_together,
    check_value,
)
from sandbox.cloud.alidns.weights import WeightActions
from sandbox.cloud.core.accounts import random_text
from sandbox.cloud.core.clock import iso
from sandbox.cloud.core.context import Context
from sandbox.cloud.core.errors import CloudError
from sandbox.cloud.core.paging import PAGING, page
from sandbox.cloud.core.service import Answer, Call, Service, action

LONGEST_TTL = 86400
SHORTEST_TTL = 1
"""In the highest edition; a zone's own edition may ask for more."""

DIGITS = "0123456789"


@dataclass
class AlidnsService(WeightActions, EditionActions, TrafficManagerActions, Service):
    """Domains and their records."""

    name: ClassVar[str] = "Alidns"
    version: ClassVar[str] = "2015-01-09"
    hosts: ClassVar[tuple[str, ...]] = ("alidns", "dns")

    context: Context
    zones: Zones
    managers: TrafficManagers

    def permission(self, action: str, values: Mapping[str, Any], region: str, account_id: str) -> tuple[str, str]:
        """alidns:AddDomainRecord on acs:alidns:REGION:ACCOUNT:domain/NAME; a record belongs to its zone's name.

        https://www.alibabacloud.com/help/en/dns/ram-authorization
        """
        record = self.zones.records.get(str(values.get("RecordId") or ""))
        name = record.domain if record else str(values.get("DomainName") or "*").rstrip(".").lower()
        return f"alidns:{action}", f"acs:alidns:{region}:{account_id}:domain/{name}"

    @action("AddDomain", "DomainName GroupId ResourceGroupId Lang")
    def add_domain(self, call: Call) -> Answer:
        """Make a zone."""
        name = check_domain(call.parameters.required("DomainName"))
        if self.zones.domains.get(name) is not None:
            raise domain_exists(name)
        domain = Domain(
            name=name,
            identifier=random_text(32, "0123456789abcdef"),
            created=self.context.clock.now(),
            group_id=call.parameters.text("GroupId"),
            resource_group_id=call.parameters.text("ResourceGroupId"),
        )
        self.zones.domains.put(name, domain)
        self.zones.changed()
        return {
            "DomainId": domain.identifier,
            "DomainName": name,
            "PunyCode": name,
            "GroupId": domain.group_id,
            "GroupName": "",
            "DnsServers": {"DnsServer": list(NAME_SERVERS)},
        }

    @action("DescribeDomainInfo", "DomainName Lang NeedDetailAttributes")
    def describe_domain_info(self, call: Call) -> Answer:
        """One zone."""
        return self.describe_domain(self.find_domain(call))

    @action("DescribeDomains", f"KeyWord GroupId ResourceGroupId SearchMode Lang {PAGING}")
    def describe_domains(self, call: Call) -> Answer:
        """The account's zones."""
        word = call.parameters.text("KeyWord").lower()
        found = [domain for domain in self.zones.domains.list() if word in domain.name]
        chosen, paging = page(found, call.parameters, default_size=20)
        return {"Domains": {"Domain": [self.describe_domain(domain) for domain in chosen]}, **paging}

    @action("UpdateDomainRemark", "DomainName Remark Lang")
    def update_domain_remark(self, call: Call) -> Answer:
        """Change a zone's remark."""
        domain = self.find_domain(call)
        self.zones.domains.put(domain.name, domain.model_copy(update={"remark": call.parameters.text("Remark")}))
        return {}

    @action("ChangeDomainGroup", "DomainName GroupId Lang")
    def change_domain_group(self, call: Call) -> Answer:
        """Put a zone into another group."""
        domain = self.find_domain(call)
        changed = domain.model_copy(update={"group_id": call.parameters.text("GroupId")})
        self.zones.domains.put(domain.name, changed)
        return {"GroupId": changed.group_id, "GroupName": ""}

    @action("DeleteDomain", "DomainName Lang")
    def delete_domain(self, call: Call) -> Answer:
        """Delete a zone with its records."""
        domain = self.find_domain(call)
        with self.context.store.transaction():
            for record in self.zones.records_of(domain.name):
                self.zones.records.delete(record.identifier)
                self.zones.weighted.delete(f"{record.name}/{record.kind}/{record.line}")
            self.zones.domains.delete(domain.name)
            for product in self.zones.products.list():
                if product.domain == domain.name:
                    self.zones.products.put(product.identifier, product.model_copy(update={"domain": ""}))
            self.zones.tags.forget("DOMAIN", domain.name)
        self.zones.changed()
        return {"DomainName": domain.name}

    @action("AddDomainRecord", "DomainName RR Type Value TTL Line Priority Lang UserClientIp")
    def add_domain_record(self, call: Call) -> Answer:
        """Add a record to a zone."""
        domain, parameters = self.find_domain(call), call.parameters
        now = self.context.clock.now()
        kind = check_kind(parameters.required("Type"))
        record = Record(
            identifier=random_text(18, DIGITS[1:]),
            domain=domain.name,
            rr=check_rr(parameters.required("RR")),
            kind=kind,
            value=check_value(kind, parameters.required("Value")),
            ttl=self.check_ttl(domain, parameters.integer("TTL", 600, SHORTEST_TTL, LONGEST_TTL)),
            line=check_line(parameters.text("Line", DEFAULT_LINE)),
            priority=parameters.integer("Priority", 1, 1, 50),
            created=now,
            updated=now,
        )
        self.put_record(record)
        return {"RecordId": record.identifier}

    @action("UpdateDomainRecord", "RecordId RR Type Value TTL Line Priority Lang UserClientIp")
    def update_domain_record(self, call: Call) -> Answer:
        """Change a record."""
        record, parameters = self.find_record(call), call.parameters
        kind = check_kind(parameters.text("Type", record.kind))
        ttl = parameters.integer("TTL", record.ttl, SHORTEST_TTL, LONGEST_TTL)
        if ttl != record.ttl:
            self.check_ttl(self.domain_named(record.domain), ttl)
        changed = record.model_copy(
            update={
                "rr": check_rr(parameters.text("RR", record.rr)),
                "kind": kind,
                "value": check_value(kind, parameters.text("Value", record.value)),
                "ttl": ttl,
                "line": check_line(parameters.text("Line", record.line)),
                "priority": parameters.integer("Priority", record.priority, 1, 50),
                "updated": self.context.clock.now(),
            }
        )
        if changed.model_dump(exclude={"updated"}) == record.model_dump(exclude={"updated"}):
            raise CloudError("DomainRecordDuplicate", f"The record {record.identifier} is like that already.")
        self.put_record(changed)
        return {"RecordId": record.identifier}

    @action("UpdateDomainRecordRemark", "RecordId Remark Lang UserClientIp")
    def update_domain_record_remark(self, call: Call) -> Answer:
        """Change a record's remark."""
        record = self.find_record(call)
        changed = record.model_copy(update={"remark": call.parameters.text("Remark")})
        self.zones.records.put(record.identifier, changed)
        return {}

    @action("SetDomainRecordStatus", "RecordId Status Lang UserClientIp")
    def set_domain_record_status(self, call: Call) -> Answer:
        """Let a record be answered, or not."""
        record = self.find_record(call)
        status = call.parameters.required("Status").upper()
        if status not in ("ENABLE", "DISABLE"):
            raise CloudError("InvalidStatus", f"The status {status!r} is not valid; it is Enable or Disable.")
        changed = record.model_copy(update={"enabled": status == "ENABLE", "updated": self.context.clock.now()})
        self.zones.records.put(record.identifier, changed)
        self.zones.changed()
        return {"RecordId": record.identifier, "Status": status.capitalize()}

    @action("DescribeDomainRecordInfo", "RecordId Lang UserClientIp")
    def describe_domain_record_info(self, call: Call) -> Answer:
        """One record."""
        return self.describe_record(self.find_record(call))

    @action(
        "DescribeDomainRecords", f"DomainName RRKeyWord TypeKeyWord ValueKeyWord KeyWord Type Line Status Lang {PAGING}"
    )
    def describe_domain_records(self, call: Call) -> Answer:
        """The records of a zone."""
        domain, parameters = self.find_domain(call), call.parameters
        rr, kind = parameters.text("RRKeyWord").lower(), parameters.text("Type") or parameters.text("TypeKeyWord")
        value, line = parameters.text("ValueKeyWord").lower(), parameters.text("Line")
        status = parameters.text("Status").upper()
        found = [
            record
            for record in self.zones.records_of(domain.name)
            if rr in record.rr
            and kind in ("", record.kind)
            and value in record.value.lower()
            and line in ("", record.line)
            and status in ("", "ENABLE" if record.enabled else "DISABLE")
        ]
        chosen, paging = page(found, parameters, default_size=20, maximum_size=500)
        return {"DomainRecords": {"Record": [self.describe_record(record) for record in chosen]}, **paging}

    @action("DeleteDomainRecord", "RecordId Lang UserClientIp")
    def delete_domain_record(self, call: Call) -> Answer:
        """Delete a record."""
        record = self.find_record(call)
        self.zones.records.delete(record.identifier)
        self.zones.changed()
        return {"RecordId": record.identifier}

    @action("DescribeSupportLines", "DomainName Lang UserClientIp")
    def describe_support_lines(self, call: Call) -> Answer:
        """The lines that records may have; the same for every zone of the emulator."""
        if call.parameters.given("DomainName"):
            self.find_domain(call)
        return {"RecordLines": {"RecordLine": describe_lines()}}

    @action("TagResources", "ResourceType ResourceId Tag")
    def tag_resources(self, call: Call) -> Answer:
        """Add tags to zones."""
        for identifier in call.parameters.texts("ResourceId"):
            self.zones.tags.add(call.parameters.required("ResourceType"), identifier, call.parameters.tags())
        return {}

    @action("UntagResources", "ResourceType ResourceId TagKey All")
    def untag_resources(self, call: Call) -> Answer:
        """Remove tags of zones."""
        parameters = call.parameters
        for identifier in parameters.texts("ResourceId"):
            self.zones.tags.remove(
                parameters.required("ResourceType"),
                identifier,
                parameters.texts("TagKey"),
                every=parameters.boolean("All"),
            )
        return {}

    @action("ListTagResources", "ResourceType ResourceId NextToken")
    def list_tag_resources(self, call: Call) -> Answer:
        """The tags of zones."""
        kind, identifiers = call.parameters.required("ResourceType"), call.parameters.texts("ResourceId")
        return {"TagResources": self.zones.tags.records(kind, identifiers)}

    def put_record(self, record: Record) -> None:
        """Keep a record that can stand beside the others."""
        with self.context.store.transaction():
            check_together(record, self.zones.records_of(record.domain))
            self.zones.records.put(record.identifier, record)
        self.zones.changed()

    def find_domain(self, call: Call) -> Domain:
        """The zone that the call names."""
        return self.domain_named(call.parameters.required("DomainName").rstrip(".").lower())

    def domain_named(self, name: str) -> Domain:
        """The zone of this name."""
        domain = self.zones.domains.get(name)
        if domain is None:
            raise domain_not_found(name)
        return domain

    def find_record(self, call: Call) -> Record:
        """The record that the call names."""
        identifier = call.parameters.required("RecordId")
        record = self.zones.records.get(identifier)
        if record is None:
            raise record_not_found(identifier)
        return record

    def describe_domain(self, domain: Domain) -> dict[str, Any]:
        """A zone as the service describes it."""
        edition = self.edition_of(domain)
        return {
            "DomainId": domain.identifier,
            "DomainName": domain.name,
            "PunyCode": domain.name,
            "GroupId": domain.group_id,
            "GroupName": "",
            "Remark": domain.remark,
            "ResourceGroupId": domain.resource_group_id,
            "CreateTime": iso(domain.created),
            "DnsServers": {"DnsServer": list(NAME_SERVERS)},
            "RecordCount": len(self.zones.records_of(domain.name)),
            "VersionCode": edition,
            "VersionName": EDITIONS[edition].name,
            "MinTtl": EDITIONS[edition].shortest_ttl,
            "AliDomain": True,
            "InBlackHole": False,
            "InClean": False,
            "LineType": "region_province",
            "RecordLineTreeJson": "",
            "SlaveDns": False,
            "SubDomain": False,
        }

    def describe_record(self, record: Record) -> dict[str, Any]:
        """A record as the service describes it."""
        return {
            "RecordId": record.identifier,
            "DomainName": record.domain,
            "DomainId": "",
            "PunyCode": record.domain,
            "GroupId": "",
            "GroupName": "",
            "RR": record.rr,
            "Type": record.kind,
            "Value": record.value,
            "TTL": record.ttl,
            "Line": record.line,
            "Priority": record.priority if record.kind == "MX" else 1,
            "Status": "ENABLE" if record.enabled else "DISABLE",
            "Locked": False,
            **({"Weight": record.weight} if self.is_weighted(record) else {}),
            "Remark": record.remark,
            "CreateTimestamp": int(record.created.timestamp() * 1000),
            "UpdateTimestamp": int(record.updated.timestamp() * 1000),
        }

    def status(self) -> dict[str, Any]:
        """What the status page shows."""
        return {"zones": {item.name: len(self.zones.records_of(item.name)) for item in self.zones.domains.list()}}
