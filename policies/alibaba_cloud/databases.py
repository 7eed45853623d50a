"""Databases. No stack has one today; the rules wait for the first."""

from __future__ import annotations

from collections.abc import Iterator

from policies.alibaba_cloud.network import EVERYBODY
from policies.model import Level, Resource, rule
from policies.values import UNKNOWN, at, below, differs, is_off, items

RELATIONAL = "alicloud:rds/instance:Instance"
MONGO = "alicloud:mongodb/instance:Instance"
LOG_AUDIT = "alicloud:log/audit:Audit"
RETENTION_DAYS = 180
ENCRYPTABLE = {
    "MySQL": ("5.6", "5.7", "8", "8.0"),
    "SQLServer": ("08r2_ent_ha", "2012_ent_ha", "2016_ent_ha", "2017_ent", "2019_std_ha", "2019_ent"),
}


def _open(addresses: object) -> Iterator[str]:
    for address in items(addresses):
        if address in EVERYBODY:
            yield f"`{address}` may connect, which is everybody; name the networks of its clients"


def _parameter(database: Resource, name: str) -> Iterator[str]:
    parameters = database.at("parameters")
    values = [at(item, "value") for item in items(parameters) if at(item, "name") == name]
    if parameters is UNKNOWN or UNKNOWN in values:
        return
    if "on" not in [str(value).casefold() for value in values]:
        yield f"the parameter `{name}` is not on; add it to `parameters` with the value `on`"


@rule(
    "database-is-private", source="CKV_ALI_9", level=Level.MANDATORY, types=(RELATIONAL,),
    description="A database does not let everybody connect.", reason="Passwords are guessed day and night.",
)  # fmt: skip
def database_is_private(database: Resource) -> Iterator[str]:
    """Judges the list of addresses."""
    yield from _open(database.at("securityIps"))


@rule(
    "database-encrypts-connections", source="CKV_ALI_20", level=Level.MANDATORY, types=(RELATIONAL,),
    description="A database offers TLS.", reason="Its clients' passwords pass the network.",
)  # fmt: skip
def database_encrypts_connections(database: Resource) -> Iterator[str]:
    """`Update` renews the certificate of a database that offers TLS."""
    if differs(database.at("sslAction"), "Open", "Update"):
        yield "TLS is not open; set `sslAction: Open`"


@rule(
    "database-encrypts-data", source="CKV_ALI_22", level=Level.MANDATORY, types=(RELATIONAL,),
    description="A database whose engine can encrypts its data.", reason="Backups and disks leave its fence.",
)  # fmt: skip
def database_encrypts_data(database: Resource) -> Iterator[str]:
    """Only some versions of two engines can."""
    can = database.at("engineVersion") in ENCRYPTABLE.get(str(database.at("engine")), ())
    if can and differs(database.at("tdeStatus"), "Enabled"):
        yield "its data is not encrypted; set `tdeStatus: Enabled`"


@rule(
    "database-keeps-its-audit", source="CKV_ALI_25", level=Level.ADVISORY, types=(RELATIONAL,),
    description=f"A database's statements are logged, and kept for at least {RETENTION_DAYS} days.",
    reason="A theft is noticed after half a year on average.",
)  # fmt: skip
def database_keeps_its_audit(database: Resource) -> Iterator[str]:
    """The collector must be on, and keep what it collects."""
    if differs(database.at("sqlCollectorStatus"), "Enabled"):
        yield "statements are not logged; set `sqlCollectorStatus: Enabled`"
    elif below(database.at("sqlCollectorConfigValue"), RETENTION_DAYS):
        yield f"the log of statements is kept too shortly; set `sqlCollectorConfigValue: {RETENTION_DAYS}`"


@rule(
    "database-is-kept-up-to-date", source="CKV_ALI_30", level=Level.ADVISORY, types=(RELATIONAL,),
    description="A database takes minor versions by itself.", reason="They carry the security fixes.",
)  # fmt: skip
def database_is_kept_up_to_date(database: Resource) -> Iterator[str]:
    """Within its maintenance window."""
    if differs(database.at("autoUpgradeMinorVersion"), "Auto"):
        yield "minor versions wait for a person; set `autoUpgradeMinorVersion: Auto`"


@rule(
    "database-logs-durations", source="CKV_ALI_35", level=Level.ADVISORY, types=(RELATIONAL,),
    description="A database logs how long statements take.", reason="It is how a runaway query is found.",
)  # fmt: skip
def database_logs_durations(database: Resource) -> Iterator[str]:
    """The parameter `log_duration`."""
    yield from _parameter(database, "log_duration")


@rule(
    "database-logs-disconnections", source="CKV_ALI_36", level=Level.ADVISORY, types=(RELATIONAL,),
    description="A database logs the end of each session.", reason="With its begin it tells who was there when.",
)  # fmt: skip
def database_logs_disconnections(database: Resource) -> Iterator[str]:
    """The parameter `log_disconnections`."""
    yield from _parameter(database, "log_disconnections")


@rule(
    "database-logs-connections", source="CKV_ALI_37", level=Level.ADVISORY, types=(RELATIONAL,),
    description="A database logs the begin of each session.", reason="It tells who tried.",
)  # fmt: skip
def database_logs_connections(database: Resource) -> Iterator[str]:
    """The parameter `log_connections`."""
    yield from _parameter(database, "log_connections")


@rule(
    "log-audit-covers-databases", source="CKV_ALI_38", level=Level.ADVISORY, types=(LOG_AUDIT,),
    description="The account's audit log takes databases in.", reason="An audit with a hole proves nothing.",
)  # fmt: skip
def log_audit_covers_databases(audit: Resource) -> Iterator[str]:
    """The variable `rds_enabled`, a text in a map."""
    if is_off(audit.at("variableMap.rds_enabled")):
        yield "databases are left out; set `variableMap.rds_enabled: true`"


@rule(
    "document-store-is-inside-the-network", source="CKV_ALI_41", level=Level.MANDATORY, types=(MONGO,),
    description="A MongoDB instance stands in a VPC.", reason="The classic network is shared by all customers.",
)  # fmt: skip
def document_store_is_inside_the_network(database: Resource) -> Iterator[str]:
    """An instance with a switch is in that switch's VPC."""
    if differs(database.at("networkType"), "VPC") and is_off(database.at("vswitchId")):
        yield "it stands in the classic network; set `networkType: VPC` and a `vswitchId`"


@rule(
    "document-store-encrypts-connections", source="CKV_ALI_42", level=Level.MANDATORY, types=(MONGO,),
    description="A MongoDB instance offers TLS.", reason="Its clients' passwords pass the network.",
)  # fmt: skip
def document_store_encrypts_connections(database: Resource) -> Iterator[str]:
    """`Update` renews the certificate of an instance that offers TLS."""
    if differs(database.at("sslAction"), "Open", "Update"):
        yield "TLS is not open; set `sslAction: Open`"


@rule(
    "document-store-is-private", source="CKV_ALI_43", level=Level.MANDATORY, types=(MONGO,),
    description="A MongoDB instance does not let everybody connect.", reason="Passwords are guessed day and night.",
)  # fmt: skip
def document_store_is_private(database: Resource) -> Iterator[str]:
    """Judges the list of addresses."""
    yield from _open(database.at("securityIpLists"))


@rule(
    "document-store-encrypts-data", source="CKV_ALI_44", level=Level.MANDATORY, types=(MONGO,),
    description="A MongoDB instance encrypts its data.", reason="Backups and disks leave its fence.",
)  # fmt: skip
def document_store_encrypts_data(database: Resource) -> Iterator[str]:
    """The provider takes `enabled`, in lower case."""
    if differs(database.at("tdeStatus"), "enabled"):
        yield "its data is not encrypted; set `tdeStatus: enabled`"
