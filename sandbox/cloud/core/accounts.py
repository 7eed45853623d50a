"""Who calls: the emulated account, its root access key, its users' keys, and temporary credentials of roles."""

from __future__ import annotations

import datetime
import secrets
import string
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from sandbox.cloud.core.clock import Clock
from sandbox.cloud.core.store import Repository, Store

ALPHABET = string.ascii_letters + string.digits
ROOT_DOCUMENT = "root"
KEY_PREFIX = "LTAI5t"
SESSION_KEY_PREFIX = "STS."


@dataclass(frozen=True)
class Principal:
    """Who a request acts as, once its signature has been verified.

    `session_policy` is the policy text given to AssumeRole, which narrows what the role's own policies allow.
    """

    account_id: str
    arn: str
    kind: Literal["root", "role", "user"]
    role_name: str | None
    session_policy: str | None = None
    user_name: str | None = None


@dataclass(frozen=True)
class Credential:
    """An access key and whose it is. Its representation never shows the secret or the token."""

    access_key_id: str
    access_key_secret: str
    security_token: str | None
    principal: Principal

    def __repr__(self) -> str:
        return f"Credential(access_key_id={self.access_key_id!r}, principal={self.principal.arn!r})"


class RootAccount(BaseModel):
    """The account's identity as kept in the store."""

    model_config = ConfigDict(frozen=True)

    account_id: str
    access_key_id: str
    access_key_secret: str


class TemporaryCredential(BaseModel):
    """A role session's key as kept in the store, until it expires."""

    model_config = ConfigDict(frozen=True)

    access_key_id: str
    access_key_secret: str
    security_token: str
    role_name: str
    role_arn: str
    session_name: str
    session_policy: str | None
    expires: datetime.datetime


class AccessKey(BaseModel):
    """A long-lived key as kept in the store.

    Without a user's name it is the account's own, and may do all that the root key may.
    """

    model_config = ConfigDict(frozen=True)

    access_key_id: str
    access_key_secret: str
    user_name: str
    active: bool
    created: datetime.datetime


class Accounts:
    """The one emulated account; made with a fresh key at the first start of its store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._clock = clock
        self._roots = Repository(store, "account", RootAccount)
        self._sessions = Repository(store, "role-session", TemporaryCredential)
        self._keys = Repository(store, "access-key", AccessKey)
        root = self._roots.get(ROOT_DOCUMENT)
        if root is None:
            root = self._roots.put(
                ROOT_DOCUMENT,
                RootAccount(
                    account_id="1" + random_text(15, string.digits),
                    access_key_id=KEY_PREFIX + random_text(18),
                    access_key_secret=random_text(30),
                ),
            )
        self.account_id = root.account_id
        self.root = Credential(
            access_key_id=root.access_key_id,
            access_key_secret=root.access_key_secret,
            security_token=None,
            principal=Principal(root.account_id, f"acs:ram::{root.account_id}:root", "root", None),
        )

    def find(self, access_key_id: str) -> Credential | None:
        """The credential of this access key, or None when there is none, or it has expired or been made inactive."""
        if access_key_id == self.root.access_key_id:
            return self.root
        if not access_key_id.startswith(SESSION_KEY_PREFIX):
            key = self._keys.get(access_key_id)
            return self._credential_of_key(key) if key is not None and key.active else None
        session = self._sessions.get(access_key_id)
        if session is None:
            return None
        if session.expires <= self._clock.now():
            self._sessions.delete(access_key_id)
            return None
        return self._credential(session)

    def is_inactive(self, access_key_id: str) -> bool:
        """Whether there is such a key, which has been made inactive."""
        key = self._keys.get(access_key_id)
        return key is not None and not key.active

    def user_arn(self, user_name: str) -> str:
        """A user's global name."""
        return f"acs:ram::{self.account_id}:user/{user_name}"

    def create_key(self, user_name: str) -> AccessKey:
        """A new key for a user, or for the account itself when the name is empty. The caller has checked the limits."""
        key = AccessKey(
            access_key_id=KEY_PREFIX + random_text(18),
            access_key_secret=random_text(30),
            user_name=user_name,
            active=True,
            created=self._clock.now(),
        )
        return self._keys.put(key.access_key_id, key)

    def keys_of(self, user_name: str) -> list[AccessKey]:
        """A user's keys (the account's own beside the root key, when the name is empty), oldest first."""
        return [key for key in self._keys.list() if key.user_name.lower() == user_name.lower()]

    def replace_key(self, key: AccessKey) -> None:
        """Write a changed key over the one of the same identifier."""
        self._keys.put(key.access_key_id, key)

    def delete_key(self, access_key_id: str) -> None:
        """Delete a key for good."""
        self._keys.delete(access_key_id)

    def open_session(
        self,
        *,
        role_name: str,
        session_name: str,
        duration: datetime.timedelta,
        session_policy: str | None = None,
    ) -> tuple[Credential, datetime.datetime]:
        """A temporary credential for a role, and when it expires. The caller has checked that it may be given."""
        self._forget_expired()
        expires = self._clock.now() + duration
        session = TemporaryCredential(
            access_key_id=SESSION_KEY_PREFIX + "N" + random_text(24),
            access_key_secret=random_text(44),
            security_token="CAIS" + random_text(400),
            role_name=role_name,
            role_arn=f"acs:ram::{self.account_id}:role/{role_name.lower()}",
            session_name=session_name,
            session_policy=session_policy,
            expires=expires,
        )
        self._sessions.put(session.access_key_id, session)
        return self._credential(session), expires

    def _credential_of_key(self, key: AccessKey) -> Credential:
        principal = self.root.principal
        if key.user_name:
            arn = self.user_arn(key.user_name)
            principal = Principal(self.account_id, arn, "user", None, user_name=key.user_name)
        return Credential(key.access_key_id, key.access_key_secret, None, principal)

    def _credential(self, session: TemporaryCredential) -> Credential:
        arn = f"acs:sts::{self.account_id}:assumed-role/{session.role_name.lower()}/{session.session_name}"
        return Credential(
            access_key_id=session.access_key_id,
            access_key_secret=session.access_key_secret,
            security_token=session.security_token,
            principal=Principal(self.account_id, arn, "role", session.role_name, session.session_policy),
        )

    def _forget_expired(self) -> None:
        now = self._clock.now()
        for session in self._sessions.list():
            if session.expires <= now:
                self._sessions.delete(session.access_key_id)


def random_text(length: int, alphabet: str = ALPHABET) -> str:
    """Unguessable text of letters and digits."""
    return "".join(secrets.choice(alphabet) for _ in range(length))
