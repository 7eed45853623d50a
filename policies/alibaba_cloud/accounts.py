"""The account: its trail, and how its users log in."""

from __future__ import annotations

from collections.abc import Iterator

from policies.model import Level, Resource, rule
from policies.values import as_number, below, differs, is_off

TRAILS = ("alicloud:actiontrail/trail:Trail", "alicloud:actiontrail/trailDeprecated:TrailDeprecated")
PASSWORDS = "alicloud:ram/accountPasswordPolicy:AccountPasswordPolicy"
PREFERENCES = "alicloud:ram/securityPreference:SecurityPreference"
LEAST_LENGTH, LEAST_HISTORY, MOST_DAYS, MOST_ATTEMPTS = 14, 24, 90, 5


def _out_of(value: object, most: int) -> bool:
    """Whether a known number is not between 1 and the most (0 means: no limit)."""
    number = as_number(value)
    return number is not None and not 0 < number <= most


@rule(
    "trail-covers-all-regions", source="CKV_ALI_4", level=Level.MANDATORY, types=TRAILS,
    description="The account's trail records calls in every region.", reason="A thief takes the region it leaves out.",
)  # fmt: skip
def trail_covers_all_regions(trail: Resource) -> Iterator[str]:
    """A trail without a region covers all."""
    if differs(trail.at("trailRegion"), None, "All"):
        yield f"it covers `{trail.at('trailRegion')}` alone; write `trailRegion: All`"


@rule(
    "trail-covers-all-events", source="CKV_ALI_5", level=Level.MANDATORY, types=TRAILS,
    description="The account's trail records reads and writes.", reason="Stealing data is a read.",
)  # fmt: skip
def trail_covers_all_events(trail: Resource) -> Iterator[str]:
    """The provider's own default is writes alone."""
    if differs(trail.at("eventRw"), "All"):
        yield f"it records `{trail.at('eventRw') or 'Write'}` alone; write `eventRw: All`"


@rule(
    "passwords-are-long", source="CKV_ALI_13", level=Level.MANDATORY, types=(PASSWORDS,),
    description=f"Passwords have at least {LEAST_LENGTH} characters.", reason="Length is what guessing pays for.",
)  # fmt: skip
def passwords_are_long(policy: Resource) -> Iterator[str]:
    """The service's own default is 12."""
    if below(policy.at("minimumPasswordLength"), LEAST_LENGTH):
        yield f"shorter passwords are taken; set `minimumPasswordLength: {LEAST_LENGTH}`"


@rule(
    "passwords-hold-a-digit", source="CKV_ALI_14", level=Level.ADVISORY, types=(PASSWORDS,),
    description="Passwords hold a digit.", reason="It widens what must be guessed.",
)  # fmt: skip
def passwords_hold_a_digit(policy: Resource) -> Iterator[str]:
    """The service asks for it unless told otherwise."""
    if is_off(policy.at("requireNumbers")):
        yield "set `requireNumbers`"


@rule(
    "passwords-hold-a-symbol", source="CKV_ALI_15", level=Level.ADVISORY, types=(PASSWORDS,),
    description="Passwords hold a symbol.", reason="It widens what must be guessed.",
)  # fmt: skip
def passwords_hold_a_symbol(policy: Resource) -> Iterator[str]:
    """The service asks for it unless told otherwise."""
    if is_off(policy.at("requireSymbols")):
        yield "set `requireSymbols`"


@rule(
    "passwords-expire", source="CKV_ALI_16", level=Level.ADVISORY, types=(PASSWORDS,),
    description=f"Passwords end after at most {MOST_DAYS} days.", reason="A stolen one then ends too.",
)  # fmt: skip
def passwords_expire(policy: Resource) -> Iterator[str]:
    """0 means never, and so does saying nothing."""
    age = policy.at("maxPasswordAge")
    if age is None or _out_of(age, MOST_DAYS):
        yield f"they never end, or too late; set `maxPasswordAge: {MOST_DAYS}`"


@rule(
    "passwords-hold-a-small-letter", source="CKV_ALI_17", level=Level.ADVISORY, types=(PASSWORDS,),
    description="Passwords hold a lower-case letter.", reason="It widens what must be guessed.",
)  # fmt: skip
def passwords_hold_a_small_letter(policy: Resource) -> Iterator[str]:
    """The service asks for it unless told otherwise."""
    if is_off(policy.at("requireLowercaseCharacters")):
        yield "set `requireLowercaseCharacters`"


@rule(
    "passwords-are-not-used-again", source="CKV_ALI_18", level=Level.ADVISORY, types=(PASSWORDS,),
    description=f"The last {LEAST_HISTORY} passwords are refused.", reason="An old one may be known to others.",
)  # fmt: skip
def passwords_are_not_used_again(policy: Resource) -> Iterator[str]:
    """24 is the most that the service takes."""
    if below(policy.at("passwordReusePrevention"), LEAST_HISTORY):
        yield f"set `passwordReusePrevention: {LEAST_HISTORY}`"


@rule(
    "passwords-hold-a-capital-letter", source="CKV_ALI_19", level=Level.ADVISORY, types=(PASSWORDS,),
    description="Passwords hold an upper-case letter.", reason="It widens what must be guessed.",
)  # fmt: skip
def passwords_hold_a_capital_letter(policy: Resource) -> Iterator[str]:
    """The service asks for it unless told otherwise."""
    if is_off(policy.at("requireUppercaseCharacters")):
        yield "set `requireUppercaseCharacters`"


@rule(
    "few-login-attempts", source="CKV_ALI_23", level=Level.MANDATORY, types=(PASSWORDS,),
    description=f"A login is shut after at most {MOST_ATTEMPTS} wrong passwords.", reason="Guessing then ends.",
)  # fmt: skip
def few_login_attempts(policy: Resource) -> Iterator[str]:
    """The service's own default is 5."""
    if _out_of(policy.at("maxLoginAttempts"), MOST_ATTEMPTS):
        yield f"more attempts are taken; set `maxLoginAttempts: {MOST_ATTEMPTS}`"


@rule(
    "second-factor-is-asked", source="CKV_ALI_24", level=Level.MANDATORY, types=(PREFERENCES,),
    description="Logging in takes a second factor.", reason="A stolen password alone then opens nothing.",
)  # fmt: skip
def second_factor_is_asked(preferences: Resource) -> Iterator[str]:
    """For every user of the account."""
    if is_off(preferences.at("enforceMfaForLogin")):
        yield "set `enforceMfaForLogin`"
