"""What the traffic controller is told, and may do."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from controllers.config.base import Frozen, Rule, Seconds

TRAFFIC_FILE = "/etc/traffic/traffic.json"
TRAFFIC_PORT = 8080
TRAFFIC_NAME = "traffic-controller"
"""Name of its deployment and service account."""

TRAFFIC_RULES = (Rule(("",), ("events",), ("create",)),)
"""In the business's own namespace: each switch is an Event of the controller's own deployment."""

TRAFFIC_ACTIONS = (
    "alidns:DescribeDomainRecords",
    "alidns:SetDomainRecordStatus",
    "alidns:AddDomainRecord",
    "alidns:UpdateDomainRecord",
)
"""On `acs:alidns:*:*:domain/ZONE`. The last two are for the note (a TXT record) that each controller writes there."""


class TrafficRegionSettings(Frozen):
    """A region that answers users."""

    name: str
    address: str
    """Its entry: the address that its DNS records hold."""


class TrafficTimings(Frozen):
    """When a region is sick, and when it is well again. With these, users are led away about 6 s after its death."""

    probe_seconds: Seconds = 1.0
    """Each region's entry is asked so often, and must answer within `probe_timeout_seconds`."""
    probe_timeout_seconds: Seconds = 1.0
    sick_failures: Annotated[int, Field(ge=1, le=100)] = 2
    """Failures in a row without which nobody is taken out. At the first one the region is asked, whether it sees itself
    well: its time to answer then passes while it is probed again."""
    answer_seconds: Seconds = 3.0
    """How long the suspected region may take to answer, through the zone. Longer than it takes to poll and to write."""
    ask_again_seconds: Seconds = 15.0
    """A region that said it is well is asked anew after so long, while it does not answer us."""
    healthy_seconds: Seconds = 30.0
    """How long a sick region must have answered without a failure before users are led back."""
    note_seconds: Seconds = 30.0
    """A note that accuses is renewed three times as often; unchanged for so long, its controller is taken for dead."""


class TrafficSettings(Frozen):
    """Everything that the traffic controller needs: one JSON document in a ConfigMap.

    Started as `python3 -m controllers traffic --settings /etc/traffic/traffic.json`, one replica in each region, which
    must run on another node pool than the training. It answers /healthz, /readyz and /metrics on `port`, writes
    nothing to disk, and takes under 100 MB and 2 % of a core. Network: TCP to `probe_port` of every region's `address`
    (out of the network and in again, as users come); DNS; Alidns and STS on 443; the API server. Permissions:
    `TRAFFIC_RULES`, `TRAFFIC_ACTIONS`.
    """

    business: str
    namespace: str
    region: str
    """Where this controller runs; one of `regions`."""
    zone: str
    record: str
    """The name below the zone, as `qa`: its A records, one a line and region, are switched."""
    regions: Annotated[tuple[TrafficRegionSettings, ...], Field(min_length=1, max_length=8)]
    """In the same order in every region: of two regions that accuse each other, the first prevails."""
    lines: dict[str, tuple[str, ...]]
    """For each line of the DNS service (`default`, `telecom`, ...) the regions' names, nearest first."""
    probe_path: str = "/readyz"
    probe_port: Annotated[int, Field(ge=1, le=65_535)] = 80
    timings: TrafficTimings = TrafficTimings()
    alidns_endpoint: str = ""
    """Empty: the DNS service's endpoint of the region. With or without a scheme; without, it is https."""
    port: Annotated[int, Field(ge=1, le=65_535)] = TRAFFIC_PORT
