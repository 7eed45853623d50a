"""Keys and their aliases."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any


def key(world: Any) -> str:
    return str(world.rpc("Kms", "CreateKey")["KeyMetadata"]["KeyId"])


def aliases(world: Any, **parameters: str) -> dict[str, str]:
    action = "ListAliasesByKeyId" if parameters else "ListAliases"
    found = world.rpc("Kms", action, **parameters)["Aliases"]["Alias"]
    return {alias["AliasName"]: alias["KeyId"] for alias in found}


def test_an_alias_stands_for_one_key_at_a_time(world: Any) -> None:
    first, second = key(world), key(world)
    world.rpc("Kms", "CreateAlias", AliasName="alias/data", KeyId=first)
    assert world.rpc("Kms", "DescribeKey", KeyId="alias/data")["KeyMetadata"]["KeyId"] == first
    taken = world.rpc.send("Kms", "CreateAlias", AliasName="alias/data", KeyId=second)
    assert (taken.status, taken.code) == (409, "Rejected.AliasAlreadyExists")
    world.rpc("Kms", "UpdateAlias", AliasName="alias/data", KeyId=second)
    assert aliases(world) == aliases(world, KeyId=second) == {"alias/data": second}
    assert aliases(world, KeyId=first) == {}
    world.rpc("Kms", "DeleteAlias", AliasName="alias/data")
    gone = world.rpc.send("Kms", "DescribeKey", KeyId="alias/data")
    assert (gone.status, gone.code) == (404, "Forbidden.AliasNotFound")


def test_a_call_that_names_no_region_means_that_of_the_key_or_of_the_only_alias(world: Any) -> None:
    """As the Terraform provider calls: on the real cloud, the endpoint's host name says the region."""
    beijing = replace(world.rpc, region="cn-beijing")
    nowhere = replace(world.rpc, region="")
    here, there = key(world), str(beijing("Kms", "CreateKey")["KeyMetadata"]["KeyId"])
    nowhere("Kms", "CreateAlias", AliasName="alias/there", KeyId=there)
    found = beijing("Kms", "ListAliases")["Aliases"]["Alias"]
    assert [alias["AliasName"] for alias in found] == ["alias/there"]
    assert aliases(world) == {}
    nowhere("Kms", "CreateAlias", AliasName="alias/both", KeyId=here)
    nowhere("Kms", "CreateAlias", AliasName="alias/both", KeyId=there)
    assert len(nowhere("Kms", "ListAliases")["Aliases"]["Alias"]) == 3
    nowhere("Kms", "DeleteAlias", AliasName="alias/both")  # the default region's, where several regions have the name
    assert aliases(world) == {}
    nowhere("Kms", "DeleteAlias", AliasName="alias/both")
    nowhere("Kms", "DeleteAlias", AliasName="alias/there")
    assert nowhere.send("Kms", "DeleteAlias", AliasName="alias/there").code == "Forbidden.AliasNotFound"
    assert nowhere("Kms", "ListAliases")["Aliases"]["Alias"] == []


def test_names_that_no_alias_may_have_are_refused(world: Any) -> None:
    for name in ("data", "alias/", "alias/acs/oss", "alias/a b", "alias/" + "a" * 250):
        assert world.rpc.send("Kms", "CreateAlias", AliasName=name, KeyId=key(world)).status == 400


def test_an_alias_goes_with_its_key(world: Any) -> None:
    first = key(world)
    world.rpc("Kms", "CreateAlias", AliasName="alias/data", KeyId=first)
    world.rpc("Kms", "ScheduleKeyDeletion", KeyId=first, PendingWindowInDays="7")
    assert aliases(world) == {"alias/data": first}
    world.clock.advance(datetime.timedelta(days=8))
    assert aliases(world) == {}
    world.rpc("Kms", "CreateAlias", AliasName="alias/data", KeyId=key(world))
