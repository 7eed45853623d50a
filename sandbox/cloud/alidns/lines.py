"""The lines that records may have, as DescribeSupportLines lists them."""

from __future__ import annotations

LINES = {
    "default": ("Default", ""),
    "telecom": ("China Telecom", ""),
    "unicom": ("China Unicom", ""),
    "mobile": ("China Mobile", ""),
    "edu": ("China Education Network", ""),
    "drpeng": ("Dr. Peng", ""),
    "btvn": ("China Broadcasting Network", ""),
    "oversea": ("Outside mainland China", ""),
    "oversea_asia": ("Asia", "oversea"),
    "oversea_europe": ("Europe", "oversea"),
    "oversea_northamerica": ("North America", "oversea"),
    "oversea_southamerica": ("South America", "oversea"),
    "oversea_africa": ("Africa", "oversea"),
    "oversea_oceania": ("Oceania", "oversea"),
    "search": ("Search engines", ""),
}
"""Code -> name and the line above. Provinces (cn_telecom_zhejiang) are served too, by the line above in their name."""


def describe_lines() -> list[dict[str, str]]:
    """Every line with the one above it."""
    return [
        {"LineCode": code, "LineName": name, "LineDisplayName": name, **({"FatherCode": above} if above else {})}
        for code, (name, above) in LINES.items()
    ]
