"""`python -m policies.manifests --output DIR`: every Kubernetes object that the stacks apply, a YAML file a stack."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml

from infra.command_line import end
from infra.settings import SettingsError
from policies.dry_run import plan_of
from policies.model import Plan
from policies.owner import STACKS
from policies.values import UNKNOWN

UNKNOWN_TEXT = "known-after-the-change"


def manifests(plan: Plan) -> list[dict[str, Any]]:
    """The objects of a plan, as `kubectl apply` would take them."""
    found = []
    for resource in plan.resources:
        if resource.type.startswith("kubernetes:"):
            _, group, kind = resource.type.split(":")
            api_version = group.removeprefix("core/")
            found.append({"apiVersion": api_version, "kind": kind, **_known(resource.properties)})
    return sorted(
        found, key=lambda item: (item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"])
    )


def _known(value: Any) -> Any:
    if value is UNKNOWN:
        return UNKNOWN_TEXT
    if isinstance(value, dict):
        return {key: _known(item) for key, item in value.items()}
    return [_known(item) for item in value] if isinstance(value, list) else value


def write(folder: Path) -> list[Path]:
    """Render every stack that has objects; returns the files. Raises SettingsError."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for path in sorted(STACKS.glob("Pulumi.*.yaml")):
        stack = path.name.removeprefix("Pulumi.").removesuffix(".yaml")
        objects = manifests(plan_of(stack))
        if objects:
            target = folder / f"{stack}.yaml"
            target.write_text(yaml.safe_dump_all(objects, allow_unicode=True), encoding="utf-8")
            written.append(target)
    return written


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m policies.manifests", description=__doc__)
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder to write into")
    options = parser.parse_args(arguments)
    try:
        for path in write(options.output):
            print(f"wrote {path}")
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    end(main)
