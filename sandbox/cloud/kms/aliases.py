"""Actions on aliases: other names for keys, unique in a region."""

from __future__ import annotations

import re
from typing import Any

from sandbox.cloud.core.context import Context
from sandbox.cloud.core.errors import invalid_parameter
from sandbox.cloud.core.paging import PAGING, page
from sandbox.cloud.core.service import Answer, Call, action
from sandbox.cloud.kms.errors import alias_exists, alias_not_found, key_not_found
from sandbox.cloud.kms.model import Alias, Key, Keys

PREFIX = "alias/"
_NAME = re.compile(r"alias/(?!acs)[A-Za-z0-9/_-]{1,249}")
"""1 to 255 characters with the prefix; the cloud's own begin with alias/acs."""


class AliasActions:
    """Aliases, and the keys that they stand for."""

    context: Context
    keys: Keys

    @action("CreateAlias", "AliasName KeyId")
    def create_alias(self, call: Call) -> Answer:
        """Give a key another name."""
        name = call.parameters.required("AliasName")
        if not _NAME.fullmatch(name):
            limit = "alias/ and letters, digits, slashes, hyphens and underscores, 255 characters; not alias/acs"
            raise invalid_parameter("AliasName", name, limit)
        with self.context.store.transaction():
            key = self.find_key(call)
            region = call.region if call.names_region else key.region
            if self.alias(region, name) is not None:
                raise alias_exists(name)
            return self._point(key, region, name)

    @action("UpdateAlias", "AliasName KeyId")
    def update_alias(self, call: Call) -> Answer:
        """Let a name stand for another key."""
        name = call.parameters.required("AliasName")
        with self.context.store.transaction():
            return self._point(self.find_key(call), self.find_alias(call, name).region, name)

    @action("DeleteAlias", "AliasName")
    def delete_alias(self, call: Call) -> Answer:
        """Take a name away; its key stays."""
        alias = self.find_alias(call, call.parameters.required("AliasName"))
        self.keys.aliases.delete(alias.identifier)
        return {}

    @action("ListAliases", PAGING)
    def list_aliases(self, call: Call) -> Answer:
        """The aliases of a region; of all, when the call names none."""
        return self._listing(call, self.keys.aliases.list(call.region if call.names_region else None))

    @action("ListAliasesByKeyId", f"KeyId {PAGING}")
    def list_aliases_by_key_id(self, call: Call) -> Answer:
        """The aliases of a key."""
        return self._listing(call, self.keys.aliases.list(key_id=self.find_key(call).identifier))

    def alias(self, region: str, name: str) -> Alias | None:
        """The alias of this name; None when there is none, or its key is gone."""
        found = self.keys.aliases.get(f"{region}/{name}")
        return found if found is not None and self.key(found.key_id) is not None else None

    def find_alias(self, call: Call, name: str) -> Alias:
        """The alias of this name, which must be there; the only one of all regions, when the call names none."""
        found = self.alias(call.region, name)
        if not call.names_region:
            everywhere = [
                one for one in self.keys.aliases.list() if one.name == name and self.key(one.key_id) is not None
            ]
            found = everywhere[0] if len(everywhere) == 1 else found
        if found is None:
            raise alias_not_found(name)
        return found

    def key(self, identifier: str) -> Key | None:
        """A key; one whose deletion date has passed is gone."""
        key = self.keys.keys.get(identifier)
        is_gone = key is not None and key.delete_date is not None and key.delete_date <= self.context.clock.now()
        return None if is_gone else key

    def find_key(self, call: Call, name: str = "KeyId") -> Key:
        """The key that the call's parameter names: by its identifier, its global name or an alias."""
        identifier = call.parameters.required(name)
        if identifier.startswith("acs:kms:"):
            identifier = identifier.rpartition("/")[2]
        if identifier.startswith(PREFIX):
            identifier = self.find_alias(call, identifier).key_id
        key = self.key(identifier)
        if key is None:
            raise key_not_found(identifier)
        return key

    def _point(self, key: Key, region: str, name: str) -> Answer:
        if key.region != region:
            raise key_not_found(key.identifier)
        alias = Alias(name=name, region=region, key_id=key.identifier)
        self.keys.aliases.put(alias.identifier, alias, alias.region)
        return {}

    def _listing(self, call: Call, aliases: list[Alias]) -> Answer:
        chosen, paging = page([one for one in aliases if self.key(one.key_id) is not None], call.parameters)
        return {"Aliases": {"Alias": [self._describe(alias) for alias in chosen]}, **paging}

    def _describe(self, alias: Alias) -> dict[str, Any]:
        return {
            "AliasName": alias.name,
            "KeyId": alias.key_id,
            "AliasArn": f"acs:kms:{alias.region}:{self.context.accounts.account_id}:{alias.name}",
        }
