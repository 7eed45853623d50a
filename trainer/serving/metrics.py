"""What /metrics shows, in a registry of its own: a process can hold two servers, and a test its own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """The server's counters. Labels take few values: paths are routes, never what a client wrote."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._registry = registry
        self.requests = Counter("serving_requests", "Answers sent.", ("path", "status"), registry=registry)
        self.seconds = Histogram(
            "serving_request_seconds", "From arrival to answer.", ("path",), buckets=_SECONDS, registry=registry
        )
        self.in_flight = Gauge("serving_requests_in_flight", "Requests that are worked on.", registry=registry)
        self.queued = Gauge("serving_requests_queued", "Requests that wait for a place.", registry=registry)
        self.refused = Counter(
            "serving_requests_refused", "Requests refused because of load.", ("reason",), registry=registry
        )
        self.batch_jobs = Histogram(
            "serving_batch_requests", "Requests that shared a pass.", buckets=_SIZES, registry=registry
        )
        self.batch_positions = Histogram(
            "serving_batch_positions", "Words scored in a pass.", buckets=_SIZES, registry=registry
        )
        self.ready = Gauge("serving_ready", "1 while /readyz says so.", registry=registry)
        self.model = Gauge("serving_model_info", "1 for the version that answers.", ("version",), registry=registry)
        self.model_loaded = Gauge(
            "serving_model_loaded_timestamp_seconds", "When that version was loaded.", registry=registry
        )
        self.swaps = Counter("serving_model_loads", "Versions loaded.", registry=registry)
        self.load_failures = Counter(
            "serving_model_load_failures", "Versions or pointers that could not be loaded.", registry=registry
        )
        self.words = Counter("serving_words", "Words scored or generated.", ("work",), registry=registry)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return bytes(generate_latest(self._registry))
