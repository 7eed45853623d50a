"""Who pulls and pushes: passwords that the container registry service gives out, and the tokens that they buy.

https://distribution.github.io/distribution/spec/auth/token/. A temporary password (GetAuthorizationToken) is a signed
statement of who asked for it; a lasting one is kept as a salted hash.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import jwt
from pydantic import BaseModel, ConfigDict

from sandbox.cloud.core.accounts import Principal
from sandbox.cloud.core.clock import Clock
from sandbox.cloud.core.store import Repository, Store
from sandbox.cloud.registry.addressing import NAME, Registry
from sandbox.cloud.registry.errors import RegistryError

TEMPORARY_USER = "cr_temp_user"
PASSWORD_LIFETIME = datetime.timedelta(hours=1)
TOKEN_LIFETIME = datetime.timedelta(minutes=10)
ALGORITHM = "HS256"
SCOPE = re.compile(r"repository(?:\([a-z]+\))?:(?P<name>[^:]+):(?P<actions>[a-z*,]+)")


class SigningKey(BaseModel):
    """The secret with which tokens are signed."""

    model_config = ConfigDict(frozen=True)

    secret: str


class Password(BaseModel):
    """A lasting password of an account's user in a registry."""

    model_config = ConfigDict(frozen=True)

    salt: str
    digest: str


@dataclass(frozen=True)
class Scope:
    """What a client wants to do in a repository, or may."""

    name: str
    actions: frozenset[str]


class Tokens:
    """Gives out and verifies passwords and tokens. All times are the cloud's."""

    def __init__(self, store: Store, clock: Clock, root: Principal) -> None:
        self._clock = clock
        self._root = root
        self._passwords = Repository(store, "registry-password", Password)
        keys = Repository(store, "registry-key", SigningKey)
        key = keys.get("key") or keys.put("key", SigningKey(secret=secrets.token_hex(32)))
        self._secret = key.secret

    def temporary_password(self, principal: Principal, registry: Registry) -> tuple[str, datetime.datetime]:
        """A password for TEMPORARY_USER that acts as `principal`, and when it ends."""
        expires = self._clock.now() + PASSWORD_LIFETIME
        claims = {
            "account": principal.account_id,
            "arn": principal.arn,
            "kind": principal.kind,
            "role": principal.role_name,
            "user": principal.user_name,
            "policy": principal.session_policy,
        }
        return self._sign({"typ": "password", "aud": registry.service, **claims}, expires), expires

    def set_password(self, registry: Registry, password: str) -> None:
        """Set the account's lasting password in a registry."""
        salt = secrets.token_hex(16)
        self._passwords.put(registry.service, Password(salt=salt, digest=_hash(password, salt)))

    def principal_of(self, registry: Registry, user: str, password: str) -> Principal:
        """Who a name and password belong to. Raises RegistryError when they are wrong or have expired."""
        if user == TEMPORARY_USER:
            claims = self._verify(password, "password", registry.service)
            return Principal(
                account_id=claims["account"],
                arn=claims["arn"],
                kind=claims["kind"],
                role_name=claims["role"],
                session_policy=claims["policy"],
                user_name=claims["user"],
            )
        kept = self._passwords.get(registry.service)
        right = kept is not None and hmac.compare_digest(kept.digest, _hash(password, kept.salt))
        if user != self._root.account_id or not right:
            raise RegistryError("UNAUTHORIZED", "authentication required: the name or the password is wrong")
        return self._root

    def access_token(self, registry: Registry, granted: Iterable[Scope]) -> str:
        """A token for what was granted."""
        access = [{"type": "repository", "name": scope.name, "actions": sorted(scope.actions)} for scope in granted]
        claims = {"typ": "access", "aud": registry.service, "access": access}
        return self._sign(claims, self._clock.now() + TOKEN_LIFETIME)

    def scopes_of(self, registry: Registry, token: str) -> list[Scope]:
        """What a token allows. Raises RegistryError when it is not ours, or has expired."""
        claims = self._verify(token, "access", registry.service)
        return [Scope(entry["name"], frozenset(entry["actions"])) for entry in claims["access"]]

    def _sign(self, claims: dict[str, Any], expires: datetime.datetime) -> str:
        return jwt.encode({**claims, "exp": int(expires.timestamp())}, self._secret, ALGORITHM)

    def _verify(self, token: str, kind: str, service: str) -> dict[str, Any]:
        options = {"verify_exp": False, "require": ["exp", "aud"]}  # by the cloud's clock, below
        try:
            claims = jwt.decode(token, self._secret, [ALGORITHM], audience=service, options=options)  # type: ignore[arg-type]
        except jwt.InvalidTokenError as error:
            raise RegistryError("UNAUTHORIZED", f"authentication required: {error}") from None
        if claims.get("typ") != kind or claims["exp"] <= self._clock.now().timestamp():
            raise RegistryError("UNAUTHORIZED", "authentication required: the token has expired")
        return claims


def scopes(texts: Iterable[str]) -> list[Scope]:
    """The scopes that a request for a token names; others than repositories' are left out."""
    found = []
    for text in " ".join(texts).split():
        match = SCOPE.fullmatch(text)
        if match is not None and NAME.fullmatch(match["name"]):
            actions = frozenset(match["actions"].replace("*", "pull,push,delete").split(","))
            found.append(Scope(match["name"], actions & {"pull", "push", "delete"}))
    return found


def _hash(password: str, salt: str) -> str:
    return hashlib.scrypt(password.encode(), salt=salt.encode(), n=2**12, r=8, p=1).hex()
