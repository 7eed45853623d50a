"""kubeconform's schemas, from an API server's own description of its objects: strict, and of exactly its version.

`python -m policies.schemas --kubeconfig FILE --output DIR` asks `kubectl get --raw /openapi/v3`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from infra.command_line import end

REFERENCE, DEFINITION = "#/components/schemas/", "#/definitions/"
LOCATION = "{{.ResourceKind}}{{.KindSuffix}}.json"
"""How kubeconform finds the files that `write` makes."""
EXPLANATIONS = ("description", "default", "format")
TIMEOUT_SECONDS = 60.0


def schemas(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The file name and the schema of each kind of an API group's OpenAPI document (version 3).

    kubeconform names a kind `deployment-apps-v1`: the kind, the first part of its group, its version. A schema holds
    what it refers to, and refuses keys that it does not know.
    """
    known = document["components"]["schemas"]
    for name, schema in known.items():
        for place in schema.get("x-kubernetes-group-version-kind", ()):
            group = place["group"].split(".")[0]
            suffix = "-".join(part for part in (group, place["version"]) if part)
            reached = {other: _strict(known[other]) for other in sorted(_reached(known, name))}
            yield f"{place['kind'].lower()}-{suffix}.json", {"$ref": DEFINITION + name, "definitions": reached}


def _reached(known: Mapping[str, Any], name: str) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting.extend(_references(known[current]))
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].removeprefix(REFERENCE)
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _strict(value: Any) -> Any:
    """A schema that knows no other keys, without what only explains; keys below `properties` are names, kept all."""
    if isinstance(value, list):
        return [_strict(item) for item in value]
    if not isinstance(value, dict):
        return value
    strict: dict[str, Any] = {}
    for key, item in value.items():
        if key == "properties":
            strict[key] = {name: _strict(schema) for name, schema in item.items()}
        elif key == "$ref":
            strict[key] = str(item).replace(REFERENCE, DEFINITION)
        elif key not in EXPLANATIONS and not key.startswith("x-kubernetes-"):
            strict[key] = _strict(item)
    if "properties" in strict:
        strict.setdefault("additionalProperties", False)
    return strict


def write(fetch: Callable[[str], Any], folder: Path) -> int:
    """Write the schema of every kind that the API server has; `fetch` answers a path. Returns how many."""
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for group in fetch("/openapi/v3")["paths"].values():
        document = fetch(group["serverRelativeURL"])
        if "schemas" in document.get("components", {}):
            for name, schema in schemas(document):
                (folder / name).write_text(json.dumps(schema), encoding="utf-8")
                written += 1
    return written


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m policies.schemas", description=__doc__)
    parser.add_argument(
        "--kubeconfig", type=Path, required=True, metavar="FILE", help="of a cluster of the version meant"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder to write into")
    options = parser.parse_args(arguments)

    def fetch(path: str) -> Any:
        command = ["kubectl", "--kubeconfig", str(options.kubeconfig), "get", "--raw", path]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=True)
        return json.loads(ran.stdout)

    try:
        print(f"wrote {write(fetch, options.output)} schemas into {options.output}")
    except FileNotFoundError:
        print("error: no `kubectl` on PATH; install it", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"error: the API server did not answer: {error.stderr.strip()}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    end(main)
