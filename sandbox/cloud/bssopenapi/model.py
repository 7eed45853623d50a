"""What the billing service sells, and what it has sold."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

DAYS_A_MONTH = 30


@dataclass(frozen=True)
class Product:
    """How something is sold, and taken back where that can be."""

    sell: Callable[[dict[str, str]], str]
    """Makes an instance with the components bought, and returns its identifier."""
    take_back: Callable[[str], bool] | None = None
    """Deletes an instance; whether there was one. Products that have this are listed among what was sold."""


class Subscription(BaseModel):
    """An instance that was sold."""

    model_config = ConfigDict(frozen=True)

    instance: str
    product_code: str
    product_type: str
    region: str
    kind: str
    """Subscription or PayAsYouGo."""
    months: int
    renewal: str
    renewal_months: int
    created: datetime.datetime

    @property
    def end(self) -> datetime.datetime | None:
        """When it ends unless it is renewed; None for one that is paid as it is used."""
        if self.kind == "PayAsYouGo":
            return None
        return self.created + datetime.timedelta(days=DAYS_A_MONTH * self.months)
