"""The STS service, API version 2015-04-01."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import Any, ClassVar

import jwt

from sandbox.cloud.core.accounts import Principal
from sandbox.cloud.core.authorization import Authorizer, statements
from sandbox.cloud.core.clock import iso
from sandbox.cloud.core.context import Context
from sandbox.cloud.core.errors import CloudError, invalid_parameter
from sandbox.cloud.core.service import Answer, Call, Service, action
from sandbox.cloud.ram.errors import malformed_policy
from sandbox.cloud.ram.model import Identities, Role
from sandbox.cloud.sts.errors import (
    expired_token,
    invalid_duration,
    invalid_token,
    not_trusted,
    provider_missing,
    role_missing,
)
from sandbox.cloud.sts.model import OidcProvider, OidcProviders, trusts

ROLE_ARN = re.compile(r"acs:ram::(\d+):role/(.+)")
SESSION_NAME = re.compile(r"[A-Za-z0-9.@\-_]{2,64}")
SHORTEST_SESSION = 900
DEFAULT_SESSION = 3600
DECODE_OPTIONS: Any = {
    "require": ["exp", "iss", "sub", "aud"],
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}
"""Times are compared with the cloud's own clock, which tests can move, and not by the library."""

CLOCK_SKEW = datetime.timedelta(seconds=60)


@dataclass
class StsService(Service):
    """Temporary credentials."""

    name: ClassVar[str] = "Sts"
    version: ClassVar[str] = "2015-04-01"
    hosts: ClassVar[tuple[str, ...]] = ("sts",)

    context: Context
    identities: Identities
    providers: OidcProviders
    authorizer: Authorizer

    @action("GetCallerIdentity", everyone=True)
    def get_caller_identity(self, call: Call) -> Answer:
        """Who signed the call."""
        principal = call.principal
        if principal is None:
            raise CloudError("MissingAccessKeyId", "AccessKeyId is mandatory for this action.")
        if principal.kind == "root":
            kind, identifier = "Account", principal.account_id
        elif principal.kind == "user":
            user = self.identities.user(principal.user_name or "")
            kind, identifier = "RAMUser", user.identifier if user is not None else ""
        else:
            role = self.identities.role(principal.role_name or "")
            session = principal.arn.rsplit("/", 1)[-1]
            kind, identifier = "AssumedRoleUser", f"{role.identifier if role is not None else ''}:{session}"
        return {
            "AccountId": principal.account_id,
            "UserId": principal.account_id if principal.kind == "root" else identifier,
            "RoleId": identifier.split(":")[0] if kind == "AssumedRoleUser" else "",
            "Arn": principal.arn,
            "IdentityType": kind,
            "PrincipalId": identifier,
        }

    @action("AssumeRole", "RoleArn RoleSessionName DurationSeconds Policy ExternalId", everyone=True)
    def assume_role(self, call: Call) -> Answer:
        """Take on a role that trusts the caller, whose own policies must allow it for that role."""
        role = self.find_role(call)
        if call.principal is None:
            raise CloudError("MissingAccessKeyId", "AccessKeyId is mandatory for this action.")
        context = {"sts:ExternalId": call.parameters.text("ExternalId")}
        arn = role_arn(self.context, role)
        if not trusts(role.trust, "sts:AssumeRole", "RAM", self.names_of(call.principal), context):
            raise not_trusted(arn, call.principal.arn)
        self.authorizer.authorize(call.principal, "sts:AssumeRole", arn)
        return self.open_session(call, role)

    @action(
        "AssumeRoleWithOIDC",
        "OIDCProviderArn RoleArn OIDCToken RoleSessionName DurationSeconds Policy",
        anonymous=True,
    )
    def assume_role_with_oidc(self, call: Call) -> Answer:
        """Take on a role with the token that a cluster gave a pod (RRSA)."""
        role = self.find_role(call)
        arn = call.parameters.required("OIDCProviderArn")
        provider = self.providers.find_provider(arn)
        if provider is None:
            raise provider_missing(arn)
        claims = self.verify(call.parameters.required("OIDCToken"), provider)
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        context = {"oidc:iss": str(claims["iss"]), "oidc:sub": str(claims["sub"])}
        if not any(
            trusts(role.trust, "sts:AssumeRole", "Federated", [arn], context | {"oidc:aud": str(audience)})
            for audience in audiences
        ):
            raise not_trusted(role_arn(self.context, role), f"{claims['sub']} of {arn}")
        answer = self.open_session(call, role)
        token = {
            "Subject": claims["sub"],
            "Issuer": claims["iss"],
            "ClientIds": ",".join(map(str, audiences)),
            "ExpirationTime": iso(datetime.datetime.fromtimestamp(int(claims["exp"]), datetime.UTC)),
            "VerificationInfo": "Success",
        }
        return {**answer, "OIDCTokenInfo": token}

    def names_of(self, principal: Principal) -> list[str]:
        """The names by which a trust policy may let a caller in: its account's, and a user's or role's own."""
        accounts = self.context.accounts
        names = [accounts.root.principal.arn]
        if principal.user_name is not None:
            names.append(accounts.user_arn(principal.user_name))
        if principal.role_name is not None:
            names.append(f"acs:ram::{accounts.account_id}:role/{principal.role_name}")
        return names

    def verify(self, token: str, provider: OidcProvider) -> dict[str, Any]:
        """The claims of a token, once its signature, issuer, audience and times are right."""
        now = self.context.clock.now()
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                provider.public_key,
                algorithms=["RS256", "ES256"],
                audience=list(provider.audiences),
                issuer=provider.issuer,
                options=DECODE_OPTIONS,
            )
            expires = datetime.datetime.fromtimestamp(int(claims["exp"]), datetime.UTC)
            begins = datetime.datetime.fromtimestamp(int(claims.get("nbf", 0)), datetime.UTC)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise invalid_token(str(error)) from None
        if expires + CLOCK_SKEW < now:
            raise expired_token()
        if begins - CLOCK_SKEW > now:
            raise invalid_token("it is not valid yet")
        return claims

    def find_role(self, call: Call) -> Role:
        """The role that the call names."""
        arn = call.parameters.required("RoleArn")
        match = ROLE_ARN.fullmatch(arn)
        if match is None:
            raise invalid_parameter("RoleArn", arn, "it looks like acs:ram::ACCOUNT:role/NAME")
        role = self.identities.role(match.group(2))
        if match.group(1) != self.context.accounts.account_id or role is None:
            raise role_missing(arn)
        return role

    def open_session(self, call: Call, role: Role) -> dict[str, Any]:
        """Temporary credentials for the role."""
        parameters = call.parameters
        session_name = parameters.required("RoleSessionName")
        if SESSION_NAME.fullmatch(session_name) is None:
            raise invalid_parameter("RoleSessionName", session_name, "2 to 64 letters, digits and .@-_")
        seconds = parameters.integer("DurationSeconds", DEFAULT_SESSION)
        if not SHORTEST_SESSION <= seconds <= role.longest_session:
            raise invalid_duration(seconds, role.longest_session)
        policy = parameters.text("Policy") or None
        if policy is not None:
            try:
                statements(policy)
            except ValueError as error:
                raise malformed_policy(str(error)) from None
        credential, expires = self.context.accounts.open_session(
            role_name=role.name,
            session_name=session_name,
            duration=datetime.timedelta(seconds=seconds),
            session_policy=policy,
        )
        return {
            "AssumedRoleUser": {
                "Arn": credential.principal.arn,
                "AssumedRoleId": f"{role.identifier}:{session_name}",
            },
            "Credentials": {
                "AccessKeyId": credential.access_key_id,
                "AccessKeySecret": credential.access_key_secret,
                "SecurityToken": credential.security_token,
                "Expiration": iso(expires),
            },
        }


def role_arn(context: Context, role: Role) -> str:
    """A role's global name."""
    return f"acs:ram::{context.accounts.account_id}:role/{role.name.lower()}"
