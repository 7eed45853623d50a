"""`python -m infra.review.stages --base REF`: what to apply after a merge, and in which regions' order.

Prints `stacks=` (names, platforms first) and `regions=` (a JSON list, in the platforms' own order) for a workflow.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from infra.command_line import end
from infra.review.errors import ReviewError
from infra.review.scope import platforms, scope_of
from infra.settings import SettingsError, load_stack
from infra.settings.loading import STACKS

UNUSABLE = 2


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status: 0, or 2 when it cannot be said."""
    parser = argparse.ArgumentParser(prog="python -m infra.review.stages", description=__doc__)
    parser.add_argument("--base", required=True, metavar="REF", help="the commit before the merge")
    options = parser.parse_args(arguments)
    root = Path.cwd()
    try:
        stacks = scope_of(options.base, root).stacks
        regions = regions_of(root / STACKS)
    except (ReviewError, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return UNUSABLE
    print(f"stacks={' '.join(stacks)}")
    print(f"regions={json.dumps(regions)}")
    return 0


def regions_of(folder: Path) -> list[str]:
    """Every region of every platform, each once, in the order in which the stack files name them."""
    found = [
        region.name
        for stack, platform in platforms(folder).items()
        if platform is None
        for region in load_stack(folder, stack).platform.regions
    ]
    return list(dict.fromkeys(found))


if __name__ == "__main__":
    end(main)
