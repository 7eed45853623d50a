"""Actions on weights: of several records of one name, type and line, one is answered, as often as its weight says."""

from __future__ import annotations

from typing import Any

from sandbox.cloud.alidns.errors import record_not_found, weights_closed, weights_need_records
from sandbox.cloud.alidns.model import Domain, Record, WeightedSet, Zones
from sandbox.cloud.alidns.validation import check_domain
from sandbox.cloud.core.errors import invalid_parameter
from sandbox.cloud.core.paging import PAGING, page
from sandbox.cloud.core.service import Answer, Call, action

WEIGHTED_KINDS = ("A", "AAAA", "CNAME")
HEAVIEST = 100


class WeightActions:
    """Weights of records (SetDNSSLBStatus, UpdateDNSSLBWeight, DescribeDNSSLBSubDomains)."""

    zones: Zones

    @action("SetDNSSLBStatus", "SubDomain DomainName Open Type Line Lang UserClientIp")
    def set_dns_slb_status(self, call: Call) -> Answer:
        """Turn weights on or off for a name's records of one type, on one line or on all that have records."""
        parameters = call.parameters
        name, opened = parameters.required("SubDomain").rstrip(".").lower(), parameters.boolean("Open", default=True)
        kind, line = parameters.choice("Type", "A", WEIGHTED_KINDS), parameters.text("Line")
        zone = self.zone_holding(name, parameters.text("DomainName"))
        found = [item for item in self.zones.records_of(zone.name) if (item.name, item.kind) == (name, kind)]
        lines = [line] if line else sorted({item.line for item in found})
        chosen = [item for item in found if item.line in lines]
        if not chosen:
            raise weights_need_records(name, kind, line)
        for each in lines:
            weighted = WeightedSet(name=name, kind=kind, line=each)
            if opened:
                self.zones.weighted.put(weighted.key, weighted)
            else:
                self.zones.weighted.delete(weighted.key)
        self.zones.changed()
        return {"RecordCount": len(chosen), "Open": opened}

    @action("UpdateDNSSLBWeight", "RecordId Weight Lang UserClientIp")
    def update_dns_slb_weight(self, call: Call) -> Answer:
        """Change how often a record is answered, beside the others of its name, type and line."""
        identifier = call.parameters.required("RecordId")
        weight = call.parameters.integer("Weight", 0, 1, HEAVIEST)
        record = self.zones.records.get(identifier)
        if record is None:
            raise record_not_found(identifier)
        if not self.is_weighted(record):
            raise weights_closed(record.name)
        self.zones.records.put(identifier, record.model_copy(update={"weight": weight}))
        self.zones.changed()
        return {"RecordId": identifier, "Weight": weight}

    @action("DescribeDNSSLBSubDomains", f"DomainName Rr Lang UserClientIp {PAGING}")
    def describe_dns_slb_sub_domains(self, call: Call) -> Answer:
        """A zone's names with several records of one type on one line, which weights make sense for."""
        domain = check_domain(call.parameters.required("DomainName"))
        zone = self.zone_holding(domain, domain)
        rr = call.parameters.text("Rr").lower()
        groups: dict[tuple[str, str], list[Record]] = {}
        for record in self.zones.records_of(zone.name):
            if record.kind in WEIGHTED_KINDS and rr in ("", record.rr):
                groups.setdefault((record.name, record.kind), []).append(record)
        listed = [self._describe(name, kind, found) for (name, kind), found in groups.items() if _several(found)]
        chosen, paging = page(listed, call.parameters, default_size=20)
        return {"SlbSubDomains": {"SlbSubDomain": chosen}, **paging}

    def _describe(self, name: str, kind: str, found: list[Record]) -> dict[str, Any]:
        opened = {line: self.zones.has_weights(name, kind, line) for line in sorted({item.line for item in found})}
        return {
            "SubDomain": name,
            "Type": kind,
            "RecordCount": len(found),
            "Open": any(opened.values()),
            "LineAlgorithms": {"LineAlgorithm": [{"Line": line, "Open": opened[line]} for line in opened]},
        }

    def is_weighted(self, record: Record) -> bool:
        """Whether weights are on for the record's name, type and line."""
        return self.zones.has_weights(record.name, record.kind, record.line)

    def zone_holding(self, name: str, domain: str = "") -> Domain:
        """The zone `domain`, or that with the longest name that `name` is in; raises when there is none."""
        labels = name.split(".")
        candidates = [domain] if domain else [".".join(labels[position:]) for position in range(len(labels))]
        for candidate in candidates:
            found = self.zones.domains.get(candidate.rstrip(".").lower())
            if found is not None and (name == found.name or name.endswith("." + found.name)):
                return found
        raise invalid_parameter("SubDomain", name, "it is in none of the account's domains")


def _several(records: list[Record]) -> bool:
    lines = [record.line for record in records]
    return len(lines) > len(set(lines))
