"""The dated price table, infra/prices.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from infra.review.errors import ReviewError

FILE = Path(__file__).resolve().parents[1] / "prices.yaml"


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    region: str = ""
    price: float = Field(gt=0)
    kind: Literal["quoted", "estimate"]
    date: date
    source: str = Field(min_length=10)


class PriceTable(BaseModel):
    """All prices, in CNY an hour."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hours_a_month: float = Field(gt=0)
    instances: tuple[_Row, ...]
    services: tuple[_Row, ...]
    by_use: tuple[str, ...]
    free: tuple[str, ...] = ()

    def instance(self, name: str, region: str) -> Price | None:
        """An instance's price; another region's counts as an estimate for this one. None when there is none."""
        rows = sorted((row for row in self.instances if row.type == name), key=lambda row: row.region != region)
        return _price(rows[0], elsewhere=rows[0].region != region) if rows else None

    def service(self, type_token: str) -> Price | None:
        """A service's fixed fee. None when there is none."""
        rows = [row for row in self.services if row.type == type_token]
        return _price(rows[0], elsewhere=False) if rows else None

    def is_free(self, type_token: str) -> bool:
        """Whether it is known to cost nothing by itself."""
        return any(fnmatchcase(type_token, pattern) for pattern in self.free)

    @property
    def dates(self) -> tuple[date, date]:
        """The oldest and the newest date of the table."""
        found = sorted(row.date for row in (*self.instances, *self.services))
        return found[0], found[-1]


@dataclass(frozen=True)
class Price:
    """A price in CNY an hour, and whether it is an estimate."""

    hourly: float
    estimate: bool


def _price(row: _Row, *, elsewhere: bool) -> Price:
    return Price(row.price, row.kind == "estimate" or elsewhere)


def load(path: Path = FILE) -> PriceTable:
    """Read the table. Raises ReviewError."""
    try:
        return PriceTable.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ReviewError(f"{path.name}: {place}: {first['msg']}; the head of the file says what a row holds") from None
    except (OSError, yaml.YAMLError) as error:
        raise ReviewError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
