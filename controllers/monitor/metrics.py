"""The monitor's figures for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from controllers.monitor.core import Core
from controllers.monitor.incidents import Incident

SECONDS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600)
DECISION_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5)


class Metrics:
    """Each with its meaning; docs/operations.md says what to do about them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.leading = self._gauge("monitor_leading", "1 if this replica acts, 0 if it stands by")
        self.connected = self._gauge("monitor_watch_connected", "1 while a watch is connected", "kind")
        self.opened = self._counter("monitor_incidents", "Faults detected", "fault")
        self.open = self._gauge("monitor_incidents_open", "Faults not recovered from yet", "fault")
        self.alerts = self._gauge("monitor_alerts", "Open faults that a person must look at", "fault")
        self.repairs = self._counter("monitor_repairs", "Repairs done", "fault")
        self.refused = self._counter("monitor_repairs_refused", "Repairs that the API server refused", "fault")
        self.recovery = Histogram(
            "monitor_recovery_seconds",
            "From detection to the job at work again",
            ["fault"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.redone = self._counter("monitor_tasks_redone", "Tasks that were given out a second time")
        self.decision = Histogram(
            "monitor_event_to_decision_seconds",
            "From an event's arrival to the decision",
            buckets=DECISION_SECONDS,
            registry=self.registry,
        )
        self.unsaved = self._gauge("monitor_incidents_unsaved", "Incidents that the bucket does not hold yet")
        self.step = self._gauge("monitor_job_step", "Training step that the master noted last")
        self.left = self._gauge("monitor_job_tasks_left", "Tasks left in this epoch")
        self.workers = self._gauge(
            "monitor_job_workers", "Workers that the master has heard, and how many it wants at work", "state"
        )
        ProcessCollector(namespace="monitor", registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(name, meaning, labels, registry=self.registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, labels, registry=self.registry)

    def show(self, core: Core) -> None:
        """What is so now."""
        self.open.clear()
        self.alerts.clear()
        for incident in core.memory.open():
            self.open.labels(incident.fault).inc()
            if incident.alert:
                self.alerts.labels(incident.fault).inc()
        self.unsaved.set(len(core.memory.unsaved))
        beat = core.world.master
        if beat is not None:
            self.step.set(beat.progress.step)
            self.left.set(beat.progress.left)
            standbys = sum(worker.standby for worker in beat.progress.workers.values())
            self.workers.labels("standby").set(standbys)
            self.workers.labels("active").set(len(beat.progress.workers) - standbys)
            self.workers.labels("wanted").set(beat.progress.wanted)

    def closed(self, incident: Incident) -> None:
        """An incident is over."""
        if incident.recovered_at is not None:
            self.recovery.labels(incident.fault).observe(incident.recovered_at - incident.detected_at)
        self.redone.inc(incident.tasks_redone or 0)
