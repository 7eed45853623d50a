"""Whose stack is judged, and what the businesses beside it may use: read from the project's stack files."""

from __future__ import annotations

from pathlib import Path

from infra.settings import SettingsError, StackSettings, load_stack
from policies.model import BusinessQuota, Owner

STACKS = Path(__file__).resolve().parents[1] / "stacks"


def owner_of(settings: StackSettings) -> Owner:
    """Whose a stack is."""
    return Owner(settings.business.name if settings.business else None, settings.platform.organization)


def owner_of_stack(stack: str, folder: Path = STACKS) -> Owner:
    """Whose the stack of this name is. Raises SettingsError when its file is not sound."""
    return owner_of(load_stack(folder, stack))


def quotas(folder: Path = STACKS) -> tuple[BusinessQuota, ...]:
    """What each business may use in each region. Unsound files are left out: their own preview reports them."""
    found: list[BusinessQuota] = []
    for path in sorted(folder.glob("Pulumi.*.yaml")):
        try:
            business = load_stack(folder, path.name.removeprefix("Pulumi.").removesuffix(".yaml")).business
        except SettingsError:
            continue
        if business is not None:
            found += [BusinessQuota(business.name, region.name, business.quota.pods) for region in business.regions]
    return tuple(found)
