"""Pages of a listing, as the cloud counts them: from 1, with a size and a total."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from sandbox.cloud.core.parameters import Parameters

Item = TypeVar("Item")

PAGING = "PageNumber PageSize"
"""The parameters that `page` reads, to be added to what an action honours."""


def page(
    items: Sequence[Item], parameters: Parameters, default_size: int = 10, maximum_size: int = 100
) -> tuple[list[Item], dict[str, Any]]:
    """The items of the page asked for, and the fields that describe it."""
    number = parameters.integer("PageNumber", 1, minimum=1)
    size = parameters.integer("PageSize", default_size, minimum=1, maximum=maximum_size)
    chosen = list(items[(number - 1) * size : number * size])
    return chosen, {"PageNumber": number, "PageSize": size, "TotalCount": len(items)}
