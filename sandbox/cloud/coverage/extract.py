"""Read the Terraform provider's Go source once and write down the calls that it can make: `provider_calls.json`.

Run it again when the pinned provider or the list of resources changes (needs Go and the module in its cache):

    python -m sandbox.cloud.coverage.extract
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from sandbox.cloud.coverage.calls import ProviderCall, calls_in
from sandbox.cloud.coverage.data import DATA, ProviderCalls
from sandbox.cloud.coverage.source import Source

MODULE = "github.com/aliyun/terraform-provider-alicloud"
PINS = Path(__file__).parents[2] / "toolchain" / "modules" / "alicloud"
ALSO = ("alicloud_alidns_instance",)
"""Resources that the emulator serves to the Terraform provider, beyond those that the Pulumi provider is built with."""


def supported() -> list[str]:
    """Resources and data sources that are to work, as `Source.registered` names them."""
    tokens = json.loads((PINS / "tokens.json").read_text())
    resources = [f"resource.{name}" for name in (*tokens["resources"], *ALSO)]
    return sorted(resources + [f"data.{name}" for name in tokens["dataSources"]])


def pinned_version() -> str:
    """The provider's version in go.mod, with the v."""
    found = re.search(rf"{MODULE} (v[\d.]+)", (PINS / "go.mod").read_text())
    if found is None:
        raise ValueError(f"{PINS / 'go.mod'} requires no {MODULE}; require the provider that is built")
    return found.group(1)


def source_folder(version: str) -> Path:
    """Where the Go module cache keeps the provider's package."""
    cache = subprocess.run(["go", "env", "GOMODCACHE"], capture_output=True, text=True, check=True).stdout.strip()
    folder = Path(cache) / f"{MODULE}@{version}" / "alicloud"
    if not folder.is_dir():
        raise ValueError(f"the provider {version} is not in the Go module cache; run `python -m sandbox toolchain`")
    return folder


def merge(calls: Iterable[ProviderCall]) -> list[ProviderCall]:
    """One entry an action, with all parameters that any of its calls sets, sorted."""
    found: dict[tuple[str, ...], ProviderCall] = {}
    for call in calls:
        key = (call.product.lower(), call.action, call.method if not call.action else "", call.path)
        before = found.get(key, call)
        names = tuple(sorted({*before.parameters, *call.parameters}))
        found[key] = call.model_copy(update={"parameters": names, "version": call.version or before.version})
    return [found[key] for key in sorted(found)]


def extract(source: Source, names: Iterable[str], version: str) -> ProviderCalls:
    """The calls of each resource and data source."""
    makers = source.registered()
    helpers = {name for owner, name in source.methods if owner in ("CsClient", "CsService")}
    return ProviderCalls(
        provider=version,
        resources={
            name: merge(call for function in source.reachable(makers[name]) for call in calls_in(function, helpers))
            for name in names
        },
    )


def main() -> int:
    """Write the file; 1 with one line when the source is not there."""
    try:
        version = pinned_version()
        found = extract(Source.read(source_folder(version)), supported(), version)
    except (ValueError, OSError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    DATA.write_text(found.model_dump_json(indent=1, exclude_defaults=True) + "\n")
    print(f"{DATA.name}: {sum(map(len, found.resources.values()))} calls of {len(found.resources)} resources")
    return 0


if __name__ == "__main__":
    sys.exit(main())
