"""Quantities as Kubernetes writes them."""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation

SUFFIXES = {
    **{"n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1)},
    **{name: Decimal(1000) ** power for power, name in enumerate(("k", "M", "G", "T", "P", "E"), 1)},
    **{name: Decimal(1024) ** power for power, name in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
}


def quantity(text: object) -> int:
    """A Kubernetes quantity ("500m", "1.5Gi", "1e3") in thousandths, rounded up. Raises ValueError."""
    value = str(text).strip()
    suffix = next((item for item in (value[-2:], value[-1:]) if item in SUFFIXES and item), "")
    try:
        return math.ceil(Decimal(value.removesuffix(suffix)) * SUFFIXES[suffix] * 1000)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a Kubernetes quantity") from None
