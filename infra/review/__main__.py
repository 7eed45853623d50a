"""`python -m infra.review --base REF`: what a change would do, as one Markdown comment.

Exit status: 0 mergeable, 1 not (a mandatory policy, a failed preview, a loss of data), 2 the review could not be made.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from infra.command_line import end
from infra.review import prices
from infra.review.comment import Review, comment
from infra.review.engine import Engine
from infra.review.errors import ReviewError
from infra.review.health import apply_and_look
from infra.review.scope import Scope, platforms, scope_of
from infra.review.verdict import objections
from infra.settings.loading import STACKS

NOT_MERGEABLE, UNUSABLE = 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    try:
        return _review(options)
    except ReviewError as error:
        print(f"error: {error}", file=sys.stderr)
        return UNUSABLE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.review", description=__doc__)
    parser.add_argument("--base", required=True, metavar="REF", help="the branch or commit that the change goes to")
    parser.add_argument("--stack", action="append", metavar="NAME", help="review only this stack of those touched")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the comment there instead of printing it")
    parser.add_argument("--refresh", action="store_true", help="ask the cloud what is there first, not only the state")
    parser.add_argument("--apply", action="store_true", help="apply the change if mergeable, and say what came up")
    parser.add_argument(
        "--accept-data-loss", action="append", default=[], metavar="STACK", help="this stack's loss of data is meant"
    )
    parser.add_argument("--dns-server", metavar="ADDRESS", help="with --apply: ask this server for the DNS names")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 2, help="previews at once (one a core)")
    return parser


def _review(options: argparse.Namespace) -> int:
    root = Path.cwd()
    if not (root / "Pulumi.yaml").exists():
        raise ReviewError(f"no Pulumi.yaml in {root}; run it in the project's folder")
    table = prices.load()
    scope = _narrowed(scope_of(options.base, root), options.stack, platforms(root / STACKS))
    engine = Engine(root, options.workers, options.refresh, lambda line: print(line, file=sys.stderr))
    previews = engine.previews(scope.stacks) if scope.stacks else []
    reasons = objections(previews, scope.removed, options.accept_data_loss)
    health: list[str] = []
    if options.apply and not reasons:
        health, failed = apply_and_look(engine, previews, options.dns_server)
        reasons += failed
    text = comment(Review(scope, tuple(previews), tuple(reasons), table, tuple(health)))
    if options.output:
        options.output.write_text(text, encoding="utf-8")
        print(f"wrote {options.output}", file=sys.stderr)
    else:
        print(text, end="")
    return NOT_MERGEABLE if reasons else 0


def _narrowed(scope: Scope, wanted: list[str] | None, known: dict[str, str | None]) -> Scope:
    if not wanted:
        return scope
    for stack in wanted:
        if stack not in known and stack not in scope.removed:
            raise ReviewError(f"there is no stack `{stack}`; the stack files are those of: {', '.join(known)}")
    stacks = tuple(stack for stack in scope.stacks if stack in wanted)
    return Scope(scope.base, scope.head, stacks, tuple(stack for stack in scope.removed if stack in wanted))


if __name__ == "__main__":
    end(main)
