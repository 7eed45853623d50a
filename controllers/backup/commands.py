"""The commands `backup run|list|show|verify|objects|tidy` and `restore`."""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
from pathlib import Path

from controllers.backup import hooks
from controllers.backup.model import KUBERNETES, Manifest
from controllers.backup.repository import Repository
from controllers.backup.restoring import Changes, Restore, compare
from controllers.backup.work import alone, back_up, prove, tidy, utc_now
from controllers.buckets import open_bucket
from controllers.config.backup import BackupSettings
from controllers.errors import ControllerError, SettingsError
from controllers.settings import read_settings
from trainer.errors import TrainerError

LOG = logging.getLogger("controllers.backup")
SHOWN_NAMES = 20


def backup(options: argparse.Namespace) -> None:
    """Raises ControllerError."""
    try:
        if options.part == "run":
            run(read_settings(options.settings, BackupSettings))
            return
        repository = Repository(open_bucket(options.origin, options.region))
        if options.part == "list":
            for one in repository.summaries():
                print(f"{one.id}  {'proven ' + one.proven_at if one.proven_at else 'not proven'}")
            return
        manifest = repository.chosen(options.backup, options.at)
        if options.part == "show":
            show(manifest)
        elif options.part == "verify":
            with tempfile.TemporaryDirectory() as folder, alone(repository.bucket) as renew:
                proof = prove(repository, manifest, Path(folder), 4, renew, utc_now)
                repository.write_status()
            print(f"{proof.id} is proven: {proof.objects:,} objects, {proof.bytes:,} bytes in {proof.seconds} s")
        else:
            print_objects(repository, manifest)
    except TrainerError as error:
        raise ControllerError(str(error)) from error


def run(settings: BackupSettings) -> None:
    """One backup, as the CronJob makes it."""
    repository = Repository(open_bucket(settings.address, settings.region))
    lister = None
    if settings.objects:
        from controllers.backup.objects import of_namespace  # noqa: PLC0415 - the client only where it is needed

        lister = of_namespace(settings.namespace)
    told = {"business": settings.business, "namespace": settings.namespace, "region": settings.region}
    with hooks.ending_by_error(), alone(repository.bucket) as renew:
        with hooks.around(settings.hooks, repository.bucket, told) as surrounded:
            manifest = back_up(settings, repository, lister, renew, utc_now)
            surrounded.backup = manifest.id
        LOG.info(
            "backup %s: %d objects, %d bytes; copied %d objects, %d bytes",
            manifest.id,
            len(manifest.entries),
            manifest.size,
            manifest.copied_objects,
            manifest.copied_bytes,
        )
        if settings.prove:
            proof = prove(repository, manifest, Path(settings.scratch), settings.parallel, renew, utc_now)
            LOG.info("proven: %d objects, %d bytes in %.1f s", proof.objects, proof.bytes, proof.seconds)
        gone, contents = tidy(settings, repository)
        LOG.info("removed %d backups (%s), %d contents", len(gone), ", ".join(gone) or "-", contents)
        LOG.info("status: %s", json.dumps(repository.write_status()))
        surrounded.raise_for_problems()  # the backup is there, and proven; whoever is told of failed Jobs is told


def show(manifest: Manifest) -> None:
    """In lines."""
    print(f"{manifest.id} of {manifest.business} in {manifest.region}, {manifest.began} to {manifest.ended}")
    for name, address in manifest.sources.items():
        entries = manifest.of(name)
        print(f"  {name}: {len(entries):,} objects, {sum(entry.size for entry in entries):,} bytes, of {address}")
    print(f"  copied for it: {manifest.copied_objects:,} objects, {manifest.copied_bytes:,} bytes")
    for name in manifest.broken:
        print(f"  broken in the source already: {name}")


def print_objects(repository: Repository, manifest: Manifest) -> None:
    """A Kubernetes List."""
    items = [
        json.loads(repository.bucket.get(repository.content_key(entry.sha256))) for entry in manifest.of(KUBERNETES)
    ]
    print(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=2, ensure_ascii=False))


def restore(options: argparse.Namespace) -> None:
    """Raises ControllerError."""
    try:
        repository = Repository(open_bucket(options.origin, options.from_region or options.region))
        manifest = repository.chosen(options.backup, options.at)
        with tempfile.TemporaryDirectory() as folder:
            for source, address in targets(manifest, options.to).items():
                work = Restore(
                    repository,
                    manifest.of(source),
                    open_bucket(address, options.region),
                    manifest.id,
                    Path(folder),
                    options.parallel,
                    delete=not options.keep_others,
                )
                changes = work.plan() if options.dry_run else work.carry_out()
                print_changes(source, address, manifest, changes, options.dry_run)
                if not options.dry_run:
                    _check(work)
    except TrainerError as error:
        raise ControllerError(str(error)) from error


def _check(work: Restore) -> None:
    different = compare(work.entries, work.target, work.scratch, work.parallel)
    if different:
        raise ControllerError(
            f"{len(different)} objects are not as in the backup: {', '.join(different[:5])}; run it again"
        )
    print("  compared: every object has the backup's checksum")


def targets(manifest: Manifest, given: list[str]) -> dict[str, str]:
    """Source to address. Raises SettingsError when it is not clear which source is meant."""
    sources = [name for name in manifest.sources if name != KUBERNETES]
    found: dict[str, str] = {}
    for text in given:
        name, sign, address = text.partition("=")
        if not sign:
            if len(sources) != 1:
                raise SettingsError(f"--to {text}: the backup has {', '.join(sources)}; write --to {sources[0]}={text}")
            name, address = sources[0], text
        if name not in sources:
            raise SettingsError(f"--to {text}: the backup has no source {name!r}; it has {', '.join(sources)}")
        if name in found:
            raise SettingsError(f"--to {text}: {name} goes to {found[name]} already")
        found[name] = address
    return found


def print_changes(source: str, address: str, manifest: Manifest, changes: Changes, dry_run: bool) -> None:
    """Counts, and names of what is not kept."""
    counts = ", ".join(f"{name} {count:,}" for name, count in changes.counts().items())
    print(f"{source} of {manifest.id} to {address}: {counts}{' (dry run: nothing was changed)' if dry_run else ''}")
    for name in ("create", "replace", "delete"):
        keys = getattr(changes, name)
        for key in keys[:SHOWN_NAMES]:
            print(f"  {name} {key}")
        if len(keys) > SHOWN_NAMES:
            print(f"  {name} {len(keys) - SHOWN_NAMES:,} more")
