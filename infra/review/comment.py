"""The review as one Markdown comment: what cannot be undone first. Pure, and the same for the same input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infra.review.plan import CHANGE, CREATE, DELETE, REPLACE, Preview, Step
from infra.review.prices import PriceTable
from infra.review.properties import differences, shorter_history
from infra.review.quantities import Holding, Range, holdings
from infra.review.scope import Scope

MARK = "<!-- language-model-clusters: review -->"
"""By it the comment is found again and edited in place."""
LONGEST = 60_000
"""GitHub refuses comments of more than 65,536 characters."""
DONE = {CREATE: "created", CHANGE: "changed", REPLACE: "replaced", DELETE: "deleted"}
LONGEST_LIST = 60


@dataclass(frozen=True)
class Review:
    """All that a comment is made from; `health` is what came up, when the change was applied."""

    scope: Scope
    previews: tuple[Preview, ...]
    objections: tuple[str, ...]
    prices: PriceTable
    health: tuple[str, ...] = ()


def comment(review: Review) -> str:
    """The whole comment."""
    if review.health:
        verdict = "applied, not healthy" if review.objections else "applied and healthy"
    else:
        verdict = "not mergeable" if review.objections else "mergeable"
    lines = [MARK, f"## Review of {review.scope.head} against {review.scope.base}: {verdict}", ""]
    lines += [f"- {reason}" for reason in review.objections]
    if not review.previews:
        lines += ["", "The change touches no stack."]
        return _within("\n".join(lines) + "\n")
    lines += _warning(review.previews)
    lines += _overview(review)
    for preview in review.previews:
        lines += _stack(preview)
    lines += _health(review.health) if review.health else _how_to_apply(review)
    return _within("\n".join(lines).rstrip() + "\n")


def _warning(previews: Sequence[Preview]) -> list[str]:
    lost = [(preview.stack, step) for preview in previews for kind in (DELETE, REPLACE) for step in preview.of(kind)]
    lost = [(stack, step) for stack, step in lost if step.loses]
    sooner = [
        f"> Old versions in `{step.name}` of `{preview.stack}` would go after {after} days instead of {before}: those "
        "that are older now, at once."
        for preview in previews
        for step in preview.of(CHANGE)
        for before, after in shorter_history(step)
    ]
    if not lost:
        return ["", "> [!WARNING]", *sooner] if sooner else []
    rows = [
        f"> | `{stack}` | `{step.name}` ({_kind(step)}) | **{DONE[step.kind]}** | {step.loses} |"
        for stack, step in lost
    ]
    return [
        "",
        "> [!CAUTION]",
        "> **DATA WOULD BE LOST.** It cannot be brought back by another `pulumi up`.",
        ">",
        "> | stack | resource | would be | what is lost |",
        "> |---|---|---|---|",
        *rows,
        *([">", *sooner] if sooner else []),
    ]


def _overview(review: Review) -> list[str]:
    lines = [
        "",
        "| stack | created | changed | replaced | deleted | GPUs | quota | CNY a month | policies |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    notes: set[str] = set()
    for preview in review.previews:
        before, after = holdings(preview, review.prices)
        counts = " | ".join(str(len(preview.of(kind))) for kind in DONE)
        cells = [_range_change(before.gpus, after.gpus), _quota_change(before, after), _money(before, after)]
        lines.append(f"| `{preview.stack}` | {counts} | {' | '.join(cells)} | {_policy_counts(preview)} |")
        notes |= _notes(after) | _notes(before)
    oldest, newest = review.prices.dates
    notes.add(
        f"List prices of {oldest} to {newest} (infra/prices.yaml), from the fewest to the most nodes; no discount."
    )
    return [*lines, "", *(f"<sub>{note}</sub>  " for note in sorted(notes, reverse=True))]


def _notes(holding: Holding) -> set[str]:
    found = set()
    if holding.unpriced:
        found.add(f"Without a known price, and not counted: {', '.join(sorted(holding.unpriced))}.")
    if holding.by_use:
        found.add(f"Billed by use, and not counted: {', '.join(sorted(holding.by_use))}.")
    if holding.estimated:
        found.add("≈ holds an estimate: a price that the cloud has not quoted for exactly this type and region.")
    return found


def _money(before: Holding, after: Holding) -> str:
    mark = "≈ " if before.estimated or after.estimated else ""
    unknown = " + unknown" if before.unpriced or after.unpriced else ""
    return f"{mark}{_range_change(before.monthly, after.monthly)}{unknown}"


def _range_change(before: Range, after: Range) -> str:
    if (before.least, before.most) == (after.least, after.most):
        return _range(after)
    least, most = after.least - before.least, after.most - before.most
    return f"{_range(before)} → {_range(after)} (**{_signed(least)}{'' if least == most else f' to {_signed(most)}'}**)"


def _range(value: Range) -> str:
    return f"{value.least:,.0f}" if value.least == value.most else f"{value.least:,.0f} to {value.most:,.0f}"


def _signed(value: float) -> str:
    return f"{value:+,.0f}"


def _quota_change(before: Holding, after: Holding) -> str:
    changed = [
        f"{name} {before.quota.get(name, 0):g} → {after.quota.get(name, 0):g}{' GiB' if name == 'memory' else ''}"
        for name in sorted({*before.quota, *after.quota})
        if before.quota.get(name, 0) != after.quota.get(name, 0)
    ]
    return ", ".join(changed) or "as before"


def _policy_counts(preview: Preview) -> str:
    mandatory = sum(result.mandatory for result in preview.policies)
    advisory = len(preview.policies) - mandatory
    return f"**{mandatory} violated**, {advisory} advisory" if mandatory else f"kept, {advisory} advisory"


def _stack(preview: Preview) -> list[str]:
    lines = ["", f"### `{preview.stack}`" + (" (new)" if preview.is_new else ""), ""]
    for error in preview.errors:
        lines += ["**The preview failed:**", "", "```", *error.splitlines(), "```", ""]
    for result in sorted(preview.policies, key=lambda item: (not item.mandatory, item.policy, item.resource)):
        if result.mandatory:
            lines.append(f"- ❌ policy `{result.policy}`, `{result.resource or preview.stack}`: {result.message}")
    shown = False
    for kind in (DELETE, REPLACE, CHANGE):
        for step in preview.of(kind):
            shown = True
            lines += _detailed(step)
    created = preview.of(CREATE)
    if created:
        lines += _folded(f"{len(created)} created", [f"- `{step.name}` ({_kind(step)})" for step in created])
    elif not shown and not preview.errors:
        lines.append("No change.")
    advisory = sorted({(item.policy, item.resource, item.message) for item in preview.policies if not item.mandatory})
    if advisory:
        rows = [f"- `{policy}`, `{resource or preview.stack}`: {message}" for policy, resource, message in advisory]
        lines += _folded(f"{len(advisory)} advisory policy results", rows)
    return lines


def _detailed(step: Step) -> list[str]:
    warning = f" **{step.loses} would be lost**" if step.loses else ""
    lines = [f"- **{DONE[step.kind]}** `{step.name}` ({_kind(step)}){warning}"]
    if step.kind != DELETE:
        lines += [f"  - {line.replace(chr(10), chr(10) + '  ')}" for line in differences(step)]
    return lines


def _folded(title: str, rows: list[str]) -> list[str]:
    more = [f"- … {len(rows) - LONGEST_LIST} more"] if len(rows) > LONGEST_LIST else []
    return ["", f"<details><summary>{title}</summary>", "", *rows[:LONGEST_LIST], *more, "", "</details>"]


def _kind(step: Step) -> str:
    """The type as people say it: `oss Bucket`, `apps/v1 Deployment`."""
    _, module, name = step.type.split(":", 2)
    return f"{module.split('/')[0] if '/v' not in module else module} {name}"


def _how_to_apply(review: Review) -> list[str]:
    if review.objections:
        return ["", "### How to go on", "", "Mend the reasons at the top, push, and the review is made anew."]
    changed = [preview.stack for preview in review.previews if any(preview.of(kind) for kind in DONE)]
    if not changed:
        return ["", "### How to apply", "", "Merge; there is nothing to apply."]
    return [
        "",
        "### How to apply",
        "",
        "Merging starts the workflow `up`, region by region. By hand, platforms first:",
        "",
        "```sh",
        *(f"pulumi up --stack {stack} --policy-pack policies" for stack in changed),
        "```",
    ]


def _health(health: Sequence[str]) -> list[str]:
    return ["", "### What came up", "", *health]


def _within(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return text[:LONGEST].rsplit("\n", 1)[0] + "\n\n… cut: the whole review is in the workflow's log.\n"
