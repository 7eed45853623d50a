"""The traffic controller's figures for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from controllers.traffic.core import Core
from controllers.traffic.model import Zone

SECONDS = (1, 2, 5, 7, 10, 15, 20, 30, 60)


class Metrics:
    """Each with its meaning; docs/operations.md says what to do about them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.well = self._gauge("traffic_region_well", "1 while the region's entry answers us", "region")
        self.out = self._gauge("traffic_region_out", "1 while users are led away from the region", "region")
        self.asked = self._gauge(
            "traffic_region_questioned", "1: we do not reach it, and ask whether it is well", "region"
        )
        self.enabled = self._gauge("traffic_record_enabled", "1 while the record is answered", "line", "region")
        self.through_dns = self._gauge("traffic_answer_well", "1 if what our resolver gives for the name answers")
        self.zone_read_at = self._gauge("traffic_zone_read_timestamp_seconds", "When the zone was read last")
        self.failures = Counter("traffic_zone_failures", "Calls that the DNS service refused", registry=self.registry)
        self.switches = Counter(
            "traffic_switches", "Records switched by us", ["line", "region", "to"], registry=self.registry
        )
        self.delay = Histogram(
            "traffic_switch_seconds",
            "From the first failure of a region's entry to a record being switched for it",
            buckets=SECONDS,
            registry=self.registry,
        )
        ProcessCollector(namespace="traffic", registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(name, meaning, labels, registry=self.registry)

    def show(self, core: Core, zone: Zone, now: float) -> None:
        """What is so now."""
        out = core.taken_out(now)
        for region in core.order:
            self.well.labels(region).set(core.is_well(region))
            self.out.labels(region).set(region in out)
            self.asked.labels(region).set(region in core.questions)
        self.enabled.clear()
        for record in zone.records:
            self.enabled.labels(record.line, record.region).set(record.enabled)
