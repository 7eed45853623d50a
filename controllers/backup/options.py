"""The options of the commands `backup` and `restore`; free of the SDK, so that `--help` is quick."""

from __future__ import annotations

import argparse
import datetime
import os

Parser = argparse.ArgumentParser


def add_commands(backup: Parser, restore: Parser) -> None:
    """The options of both."""
    parts = backup.add_subparsers(dest="part", required=True, metavar="PART")
    run = parts.add_parser("run", help="make a backup, prove it, remove what is not kept any more (the CronJob)")
    run.add_argument("--settings", required=True, metavar="FILE", help="settings (BackupSettings)")
    for name, meaning in (
        ("list", "which backups there are, and when each was proven"),
        ("show", "what one holds"),
        ("verify", "restore it into a scratch prefix and compare; records the proof"),
        ("objects", "the namespace's objects, for kubectl apply -f -"),
    ):
        part = parts.add_parser(name, help=meaning)
        part.add_argument("--from", dest="origin", required=True, metavar="oss://BACKUPS", help="the backup bucket")
        part.add_argument("--region", default=_region(), help="its region ($ALIBABA_CLOUD_REGION_ID)")
        if name != "list":
            _which(part)
    restore.add_argument("--from", dest="origin", required=True, metavar="oss://BACKUPS", help="the backup bucket")
    restore.add_argument("--from-region", default="", help="its region (that of --region)")
    restore.add_argument(
        "--to",
        required=True,
        action="append",
        metavar="[SOURCE=]oss://BUCKET[/PREFIX]",
        help="where to; SOURCE, as `backup show` names it, where the backup has several; may be given again",
    )
    restore.add_argument("--region", default=_region(), help="the region of --to ($ALIBABA_CLOUD_REGION_ID)")
    _which(restore)
    restore.add_argument("--dry-run", action="store_true", help="only say what would change")
    restore.add_argument("--keep-others", action="store_true", help="leave objects that the backup does not have")
    restore.add_argument("--parallel", type=int, default=4, help="how many objects at a time (4)")


def _which(part: Parser) -> None:
    which = part.add_mutually_exclusive_group()
    which.add_argument("--backup", metavar="ID", help="the backup of this id (the newest)")
    which.add_argument(
        "--at", type=_time, metavar="TIME", help="the newest that began at or before, as 2026-03-01T12:00Z"
    )


def _time(text: str) -> datetime.datetime:
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write it as 2026-03-01T12:00Z") from error
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def _region() -> str:
    return os.environ.get("ALIBABA_CLOUD_REGION_ID", "")
