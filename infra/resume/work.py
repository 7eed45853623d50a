"""Takes up what a killed engine was making: looks for it, tells the stack, and lets Pulumi look at each thing."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.resume import engine
from infra.resume.errors import ResumeError
from infra.resume.identifiers import derived
from infra.resume.leftovers import end_leftovers
from infra.resume.searches import SEARCHES, Api, Row
from infra.resume.state import Creation, Export, accounts, adopted, creations, known_identifiers, present, settled

if TYPE_CHECKING:
    from infra.resume.cloud import Cloud

CALLS_AT_ONCE = 8
ARRIVAL_SECONDS = 5.0
"""A call that the engine had sent off is carried out by then, and lists show what it made."""
READY_SECONDS = 1800.0
"""A cluster takes up to twenty minutes."""
POLL_SECONDS = 2.0
Tell = Callable[[str], None]
Known = set[tuple[str, str]]


@dataclass(frozen=True)
class Outcome:
    """What became of a creation: its identifier if it was made, and one line about it."""

    creation: Creation
    identifier: str | None
    words: str


def resume(stack: str, tell: Tell) -> list[Outcome]:
    """Take up the stack's interrupted creations; nothing is done where there are none. Repeatable at any point.

    Raises:
        ResumeError: when it cannot be told what was made, or the cloud or Pulumi refuses.
    """
    export = engine.export(stack)
    pending = creations(export)
    if not pending:
        return []
    ended = end_leftovers()
    if ended:
        tell(f"ended {len(ended)} plugin(s) that the killed engine had left behind")
    _wait_for_arrival(export)
    clouds = _clouds({creation.region for creation in pending} - {""})
    _check_account(export, clouds)
    known = known_identifiers(export)
    with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        found = list(pool.map(lambda creation: _identify(creation, clouds, known, tell), pending))
    wanted = {one.creation.urn: one.identifier for one in found if one.identifier is not None}
    if wanted:
        engine.replace(stack, adopted(export, wanted))
        engine.refresh(stack, wanted)
        export = engine.export(stack)
    outcomes = [_confirmed(one, present(export, wanted)) for one in found]
    engine.replace(stack, settled(export, [one.creation.urn for one in found]))
    return outcomes


def _clouds(regions: Iterable[str]) -> dict[str, Cloud]:
    from infra.resume.cloud import Cloud  # noqa: PLC0415 - the SDK takes a second, and is seldom needed

    return {region: Cloud(region) for region in regions}


def _wait_for_arrival(export: Export) -> None:
    written = datetime.datetime.fromisoformat(export["deployment"]["manifest"]["time"])
    age = (datetime.datetime.now(datetime.UTC) - written).total_seconds()
    time.sleep(min(max(ARRIVAL_SECONDS - age, 0.0), ARRIVAL_SECONDS))


def _check_account(export: Export, clouds: Mapping[str, Cloud]) -> None:
    """With another account's credentials everything would seem not to have been made."""
    of_stack = accounts(export)
    if not of_stack or not clouds:
        return
    account = next(iter(clouds.values())).account()
    if account not in of_stack:
        raise ResumeError(
            f"these credentials belong to the account {account}, the stack to {', '.join(sorted(of_stack))}; nothing "
            "was changed; way out: switch credentials"
        )


def _identify(creation: Creation, clouds: Mapping[str, Api], known: Known, tell: Tell) -> Outcome:
    if creation.made:
        return Outcome(creation, None, _twin(creation, clouds, known))
    identifier = derived(creation)
    if identifier is not None:
        return Outcome(creation, identifier, "")
    if creation.kind not in SEARCHES:
        raise ResumeError(
            f"{creation} was being made, and it is not known how to look for a {creation.kind}; look yourself, then "
            f"`pulumi import {creation.kind} {creation.name} ID` if it is there, or `pulumi refresh "
            "--clear-pending-creates` if it is not"
        )
    row = _ready(creation, clouds[creation.region], known, tell)
    found = None if row is None else SEARCHES[creation.kind].identifier(row, creation.inputs)
    return Outcome(creation, found, "was not made")


def _candidates(creation: Creation, api: Api, known: Known) -> list[Row]:
    search = SEARCHES[creation.kind]
    found = search.found(api, creation.inputs)
    return [row for row in found if (creation.kind, search.identifier(row, creation.inputs)) not in known]


def _ready(creation: Creation, api: Api, known: Known, tell: Tell) -> Row | None:
    """The one thing that was made, once others can be made that need it; None when nothing was."""
    search, deadline, told = SEARCHES[creation.kind], time.monotonic() + READY_SECONDS, False
    while True:
        rows = _candidates(creation, api, known)
        if not rows:
            return None
        if len(rows) > 1:
            names = ", ".join(search.identifier(row, creation.inputs) for row in rows)
            raise ResumeError(
                f"{creation} was being made in {creation.region}, and each of these could be it: {names}; delete those "
                f"that nobody needs, or say which it is: pulumi import {creation.kind} {creation.name} ID"
            )
        row = rows[0]
        if search.is_ready(row):
            return row
        name, state = search.identifier(row, creation.inputs), search.state_of(row)
        if search.is_broken(row):
            raise ResumeError(f"{creation} ({name}) is {state!r}: delete it, then run the command again")
        if time.monotonic() > deadline:
            raise ResumeError(f"{creation} ({name}) is {state!r} after {READY_SECONDS:.0f} s; run the command again")
        if not told:
            tell(f"waiting for {creation} ({name}), which is {state!r}")
            told = True
        time.sleep(POLL_SECONDS)


def _twin(creation: Creation, clouds: Mapping[str, Api], known: Known) -> str:
    """A word on a creation that a later update made again: the first one may still be there, and cost money."""
    rows = _candidates(creation, clouds[creation.region], known) if creation.kind in SEARCHES else []
    names = [SEARCHES[creation.kind].identifier(row, creation.inputs) for row in rows]
    also = f"; delete what no stack knows: {', '.join(names)}" if names else ""
    return f"was made by a later update as {creation.made}{also}"


def _confirmed(outcome: Outcome, there: Mapping[str, str]) -> Outcome:
    if outcome.identifier is None:
        return outcome
    identifier = there.get(outcome.creation.urn)
    words = "was not made" if identifier is None else f"is the stack's now, as {identifier}"
    return Outcome(outcome.creation, identifier, words)


def lines(outcomes: Sequence[Outcome]) -> list[str]:
    """A line each, for a person."""
    return [f"{outcome.creation} {outcome.words}" for outcome in outcomes]
