"""The DNS zone, through Alibaba Cloud's own SDK, with a workload identity and no key."""

from __future__ import annotations

import re
from typing import Any

from alibabacloud_alidns20150109 import models
from alibabacloud_alidns20150109.client import Client
from alibabacloud_credentials.client import Client as Credentials
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.policy.retry import RetryOptions
from darabonba.runtime import RuntimeOptions

from controllers.config.traffic import TrafficSettings
from controllers.errors import ControllerError
from controllers.traffic.model import Note, Record, Switch, Zone, parse
from trainer.storage.oss import credentials_source

NOTE_PREFIX = "_traffic-"
"""Of the TXT records `_traffic-REGION.NAME`. An underscore first: no host's name, so nobody's record."""
PAGE = 500
TIMEOUT_MILLISECONDS = 2000
"""A call that takes longer is as good as none: what it says is too old to act on."""
ENABLE, DISABLE = "Enable", "Disable"
REQUEST_ID = re.compile(r"\brequest ?id: ?[-\w]+|0x[0-9a-f]{6,}", re.IGNORECASE)


class ZoneError(ControllerError):
    """The DNS service refused or could not be reached."""


class AlidnsZone:
    """The records of one business's name, and the controllers' notes. Blocking."""

    def __init__(self, settings: TrafficSettings) -> None:
        self._settings = settings
        self._regions = {region.address: region.name for region in settings.regions}
        self._note_id: str | None = None
        scheme, _, host = settings.alidns_endpoint.rpartition("://")
        configuration = Config(
            credential=Credentials(provider=credentials_source(settings.region)),
            region_id=settings.region,
            endpoint=host or None,
            protocol=scheme or "https",
            connect_timeout=TIMEOUT_MILLISECONDS,
            read_timeout=TIMEOUT_MILLISECONDS,
        )
        self._client = Client(configuration)
        self._once = RuntimeOptions(
            retry_options=RetryOptions({"retryable": False}),
            connect_timeout=TIMEOUT_MILLISECONDS,
            read_timeout=TIMEOUT_MILLISECONDS,
        )

    def read(self) -> Zone:
        """All at once. Raises ZoneError."""
        name = self._settings.record
        records: list[Record] = []
        notes: dict[str, Note] = {}
        for found in self._list(name):
            if found.type == "A" and found.rr == name and found.value in self._regions:
                enabled = str(found.status).upper() == "ENABLE"
                records.append(Record(found.record_id, self._regions[found.value], found.line, enabled))
            elif found.type == "TXT" and found.rr.startswith(NOTE_PREFIX) and found.rr.endswith(f".{name}"):
                region = found.rr[len(NOTE_PREFIX) : -len(name) - 1]
                note = parse(found.value)
                if note is not None:
                    notes[region] = note
                if region == self._settings.region:
                    self._note_id = found.record_id
        return Zone(tuple(records), notes)

    def write(self, note: Note) -> None:
        """Say something to the other regions' controllers. Raises ZoneError."""
        rr = f"{NOTE_PREFIX}{self._settings.region}.{self._settings.record}"
        if self._note_id is None:
            request: Any = models.AddDomainRecordRequest(
                domain_name=self._settings.zone, rr=rr, type="TXT", value=note.text(), ttl=self._note_ttl()
            )
            self._note_id = self._call("add_domain_record_with_options", request).record_id
        else:
            request = models.UpdateDomainRecordRequest(
                record_id=self._note_id, rr=rr, type="TXT", value=note.text(), ttl=self._note_ttl()
            )
            self._call("update_domain_record_with_options", request)

    def switch(self, switch: Switch) -> None:
        """Raises ZoneError."""
        status = ENABLE if switch.enable else DISABLE
        request = models.SetDomainRecordStatusRequest(record_id=switch.record.id, status=status)
        self._call("set_domain_record_status_with_options", request)

    def _note_ttl(self) -> int:
        return 600  # every edition takes it, and no resolver ever asks for a note

    def _list(self, name: str) -> list[Any]:
        found: list[Any] = []
        for page in range(1, 100):
            request = models.DescribeDomainRecordsRequest(
                domain_name=self._settings.zone, rrkey_word=name, page_size=PAGE, page_number=page
            )
            body = self._call("describe_domain_records_with_options", request)
            found += body.domain_records.record or []
            if page * PAGE >= int(body.total_count or 0):
                break
        return found

    def _call(self, name: str, request: Any) -> Any:
        try:
            return getattr(self._client, name)(request, self._once).body
        except Exception as error:  # the SDK raises whatever its transport does
            # Without what is another at each call, so that a refusal that lasts is told once.
            text = REQUEST_ID.sub("", " ".join(str(error).split()))[:300].rstrip()
            raise ZoneError(f"the DNS service, zone {self._settings.zone}: {text}") from error
