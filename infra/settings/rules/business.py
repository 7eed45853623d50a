"""Rules across keys of a business's stack file, and between it and its platform's."""

from __future__ import annotations

from collections.abc import Iterator

from infra.naming import BusinessNames
from infra.settings.business import DEFAULT_LINE, Business
from infra.settings.faults import Problem, nearest
from infra.settings.platform import MINIMUM_TTL_SECONDS, Platform
from infra.settings.positions import Path
from infra.settings.rules.capacity import capacity_problems
from infra.settings.rules.common import name_problems, repeated


def business_problems(business: Business, platform: Platform) -> Iterator[Problem]:
    """Every broken rule of a business stack on its platform."""
    yield from repeated([region.name for region in business.regions], ("regions",), "name")
    yield from _region_problems(business, platform)
    yield from _line_problems(business)
    yield from _pair_problems(business)
    yield from _dns_problems(business, platform)
    yield from _lifecycle_problems(business)
    yield from capacity_problems(business)


# ---- regions


def _region_problems(business: Business, platform: Platform) -> Iterator[Problem]:
    known = {region.name for region in platform.regions}
    for index, region in enumerate(business.regions):
        if region.name not in known:
            yield _unknown_region(region.name, known, ("regions", index, "name"), business.platform)
        yield from name_problems(BusinessNames(platform.organization, business.name, region.name).all, ("name",))
    trains = business.training.region
    if trains is not None and trains not in (own := {region.name for region in business.regions}):
        yield _not_own(("training", "region"), trains, own, "training can only run where the business has nodes")
    state = business.backup.pulumi_state if business.backup else None
    if state is not None and state.region not in (own := {region.name for region in business.regions}):
        path: Path = ("backup", "pulumi_state", "region")
        yield _not_own(path, state.region, own, "a backup reads buckets of its own region only")


def _unknown_region(name: str, known: set[str], path: Path, stack: str) -> Problem:
    guess = nearest(name, known)
    return Problem(
        path, name, "a region of the platform: " + ", ".join(sorted(known)),
        f"there is no cluster in it (stack file of `{stack}`)",
        f"write `{guess}`" if guess else "choose one of them, or ask for the region to be added to the platform",
    )  # fmt: skip


def _not_own(path: Path, name: str, own: set[str], reason: str) -> Problem:
    guess = nearest(name, own)
    return Problem(
        path, name, "one of this file's `regions[].name`: " + ", ".join(sorted(own)), reason,
        f"write `{guess}`" if guess else "choose one of them, or add the region to `regions`",
    )  # fmt: skip


def _line_problems(business: Business) -> Iterator[Problem]:
    """Each line has one nearest region; who is on none of them has the region of the line `default`."""
    owners: dict[str, str] = {}
    for index, region in enumerate(business.regions):
        for position, line in enumerate(region.lines):
            if line in owners:
                yield Problem(
                    ("regions", index, "lines", position), line, "each line in one region",
                    f"`regions[].lines` of {owners[line]} has it too: two regions cannot both be the nearest",
                    "remove it from one of the two",
                )  # fmt: skip
            owners.setdefault(line, region.name)
    if DEFAULT_LINE not in owners:
        yield Problem(
            ("regions", 0, "lines"), f"no region takes `{DEFAULT_LINE}`", f"`{DEFAULT_LINE}` in exactly one region",
            "users on a line that no region names would get no answer from the DNS",
            f"add `{DEFAULT_LINE}` to the `lines` of the region that most users are near to",
        )  # fmt: skip


def _pair_problems(business: Business) -> Iterator[Problem]:
    own = {region.name for region in business.regions}
    kms, replicates = business.storage.encryption == "KMS", business.storage.replication and len(own) > 1
    for index, region in enumerate(business.regions):
        path: Path = ("regions", index)
        pair = region.replicate_to
        if pair is not None and pair not in own:
            yield _not_own((*path, "replicate_to"), pair, own, "the copies need a bucket of the business there")
        if pair == region.name:
            yield Problem(
                (*path, "replicate_to"), pair, f"another region than its own `name`, {region.name}",
                "a copy in the same region is lost with it", "name another of `regions`, or leave it out",
            )  # fmt: skip
        if region.kms_key and not kms:
            yield Problem(
                (*path, "kms_key"), region.kms_key, "only with `storage.encryption: KMS`",
                "it has no effect with `storage.encryption: AES256`", "remove it, or write `encryption: KMS`",
            )  # fmt: skip
        if kms and replicates and region.kms_key is None:
            yield Problem(
                (*path, "name"), f"{region.name} without `kms_key`", "a `kms_key` in each region",
                "with `storage.encryption: KMS` and `storage.replication`, OSS encrypts the copies with a named key of "
                "their own region", "add `kms_key`, or write `storage.replication: false`",
            )  # fmt: skip


# ---- names and lifecycles


def _dns_problems(business: Business, platform: Platform) -> Iterator[Problem]:
    least = MINIMUM_TTL_SECONDS[platform.zone.edition]
    if business.dns.ttl_seconds < least:
        yield Problem(
            ("dns", "ttl_seconds"), f"{business.dns.ttl_seconds} seconds", f"at least {least} seconds",
            f"the zone {platform.zone.name} has the edition `{platform.zone.edition}` (zone.edition of the stack "
            f"`{business.platform}`)", f"write {least} or more, or have the zone served by a higher edition",
        )  # fmt: skip


def _lifecycle_problems(business: Business) -> Iterator[Problem]:
    versions, backups = business.storage.versions, business.storage.backups
    at: Path = ("storage", "versions")
    if versions.infrequent_access_after_days >= versions.retention_days:
        yield Problem(
            (*at, "infrequent_access_after_days"), f"{versions.infrequent_access_after_days} days",
            f"less than retention_days, {versions.retention_days} days",
            "an old version is deleted before it would ever move: it only pays the move",
            "lower it, or keep old versions longer with `retention_days`",
        )  # fmt: skip
    archive = versions.archive_after_days
    if archive is not None and not versions.infrequent_access_after_days < archive < versions.retention_days:
        yield Problem(
            (*at, "archive_after_days"), f"{archive} days",
            f"more than infrequent_access_after_days, {versions.infrequent_access_after_days} days, and less than "
            f"retention_days, {versions.retention_days} days",
            "an old version moves from class to class and is deleted last",
            "order the three, or leave `archive_after_days` out",
        )  # fmt: skip
    archive = backups.archive_after_days
    if archive is not None and archive <= backups.infrequent_access_after_days:
        yield Problem(
            ("storage", "backups", "archive_after_days"), f"{archive} days",
            f"more than infrequent_access_after_days, {backups.infrequent_access_after_days} days",
            "a copy moves from class to class", "raise it, or write `archive_after_days: null`",
        )  # fmt: skip
