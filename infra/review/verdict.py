"""Whether a change may be merged, and why not. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from infra.review.plan import DELETE, REPLACE, Preview


def objections(previews: Sequence[Preview], removed: Sequence[str], accepted: Collection[str] = ()) -> list[str]:
    """Each reason against merging; none: mergeable. `accepted` are stacks whose loss of data is meant."""
    found: list[str] = []
    for preview in previews:
        lost = [step for step in (*preview.of(REPLACE), *preview.of(DELETE)) if step.loses]
        if lost and preview.stack not in accepted:
            names = ", ".join(f"`{step.name}`" for step in lost)
            found.append(
                f"`{preview.stack}`: data would be lost with {names}; if that is meant, review again with "
                f"`--accept-data-loss {preview.stack}`"
            )
        broken = sorted({result.policy for result in preview.policies if result.mandatory})
        if broken:
            found.append(
                f"`{preview.stack}`: mandatory policies are violated: {', '.join(f'`{name}`' for name in broken)}"
            )
        if preview.errors:
            found.append(f"`{preview.stack}`: the preview failed")
    found += [
        f"`{stack}`: its stack file is gone, its resources would stay with nobody to change them; run "
        f"`pulumi destroy --stack {stack}` and `pulumi stack rm {stack}` first"
        for stack in removed
    ]
    return found
