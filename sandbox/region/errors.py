"""The one error that leaves this package."""

from __future__ import annotations


class RegionError(Exception):
    """A region or one of its nodes could not be brought where it was asked to be; the message says why and the way out."""
