"""`python -m trainer models ...`: what the registry holds, and which version servers use."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from trainer.errors import DataError
from trainer.registry import versions as registry
from trainer.storage.object_store import ObjectStore, open_store


def store_of(bucket: str, region: str) -> ObjectStore:
    """The store that `--bucket` names: a bucket's name, oss://BUCKET[/PREFIX] or a directory."""
    is_address = "://" in bucket or "/" in bucket or Path(bucket).is_dir()
    return open_store(bucket if is_address else f"oss://{bucket}", region)


def run(options: argparse.Namespace) -> None:
    """Dispatch to the subcommand."""
    store = store_of(options.bucket, options.region)
    actions = {"list": show_all, "show": show, "promote": promote, "rollback": rollback}
    actions[options.action](store, options)


def show_all(store: ObjectStore, options: argparse.Namespace) -> None:
    """A line a version, oldest first; `*` marks the one in use."""
    current = (registry.current(store, options.prefix) or {}).get("version")
    found = []
    for name in registry.versions(store, options.prefix):
        try:
            manifest = registry.open_version(store, options.prefix, name).manifest
        except DataError as error:
            manifest = {"error": str(error)}
        found.append({"version": name, "current": name == current, **_facts(manifest)})
    if options.json:
        print(json.dumps(found, ensure_ascii=False))
        return
    if not found:
        print(f"no version in {store.address}{options.prefix} yet")
    for entry in found:
        mark = "*" if entry["current"] else " "
        perplexity = entry.get("perplexity", {}).get("network")
        figure = "unreadable" if perplexity is None else f"perplexity {perplexity:,.1f}"
        print(f"{mark} {entry['version']}  {figure:<22} data {entry.get('data_version')}  parent {entry.get('parent')}")


def show(store: ObjectStore, options: argparse.Namespace) -> None:
    """A version's manifest, after its files were compared with it."""
    version = registry.open_version(store, options.prefix, options.version)
    version.verify()
    shown = {key: value for key, value in version.manifest.items() if key != "probe"}
    print(json.dumps(shown, indent=2, sort_keys=True, ensure_ascii=False))


def promote(store: ObjectStore, options: argparse.Namespace) -> None:
    """Have servers use a version, after its files were verified."""
    before = registry.current(store, options.prefix)
    registry.promote(store, options.prefix, options.version, options.reason or "by hand")
    print(f"{options.version} is promoted (before: {before and before['version']}); servers load it at their next poll")


def rollback(store: ObjectStore, options: argparse.Namespace) -> None:
    """Have servers use the version before."""
    before = registry.current(store, options.prefix)
    now = registry.rollback(store, options.prefix)
    print(f"rolled back from {before and before['version']} to {now['version']}; servers load it at their next poll")


def _facts(manifest: dict[str, Any]) -> dict[str, Any]:
    return {
        key: manifest[key]
        for key in ("perplexity", "data_version", "parent", "run", "image", "error")
        if key in manifest
    }
