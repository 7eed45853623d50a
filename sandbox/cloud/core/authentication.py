"""Whose request it is: the claim that a request makes, and its check against the account's access keys."""

from __future__ import annotations

import base64
import datetime
import email.utils
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sandbox.cloud.core import log_protocol
from sandbox.cloud.core.accounts import Accounts, Principal
from sandbox.cloud.core.clock import Clock
from sandbox.cloud.core.errors import CloudError, missing_parameter
from sandbox.cloud.core.nonces import Nonces
from sandbox.cloud.core.signatures import (
    acs3_signature,
    acs3_text,
    as_sent,
    roa_resource,
    roa_signature,
    roa_text,
    rpc_signature,
    rpc_text,
)
from sandbox.cloud.core.wire import Request

TOLERANCE = datetime.timedelta(minutes=15)
"""How far a request's time may be from the cloud's."""

ACS3 = re.compile(r"ACS3-HMAC-SHA256 +Credential=([^,]+),\s*SignedHeaders=([^,]+),\s*Signature=([0-9a-f]{64})")
ROA = re.compile(r"acs +([^:]+):(\S+)")

Style = Literal["acs3", "roa", "rpc", "log"]


@dataclass(frozen=True)
class Claim:
    """What a request says of its sender."""

    style: Style
    access_key_id: str
    signature: str
    security_token: str
    time: str
    nonce: str
    signed_headers: tuple[str, ...] = ()


def claim_of(request: Request, parameters: dict[str, str]) -> Claim | None:
    """The claim in a request's headers (ACS3, ROA) or parameters (RPC); None when it makes none."""
    authorization = request.headers.get("authorization", "")
    if authorization.startswith("ACS3-"):
        match = ACS3.fullmatch(authorization)
        if match is None:
            raise CloudError("IncompleteSignature", "The Authorization header is not a valid ACS3-HMAC-SHA256 header.")
        key, names, signature = match.groups()
        return Claim(
            "acs3",
            key,
            signature,
            request.headers.get("x-acs-security-token", ""),
            request.headers.get("x-acs-date", ""),
            request.headers.get("x-acs-signature-nonce", ""),
            tuple(names.split(";")),
        )
    if authorization.startswith("acs "):
        match = ROA.fullmatch(authorization)
        if match is None:
            raise CloudError("IncompleteSignature", "The Authorization header is not of the form acs KEY:SIGNATURE.")
        moment = request.headers.get("x-acs-date") or request.headers.get("date", "")
        token = request.headers.get("x-acs-security-token", "")
        nonce = request.headers.get("x-acs-signature-nonce", "")
        return Claim("roa", match.group(1), match.group(2), token, moment, nonce)
    log = log_protocol.VERSION_1.fullmatch(authorization) or log_protocol.VERSION_4.fullmatch(authorization)
    if log is not None:
        moment = request.headers.get("x-log-date") or request.headers.get("date", "")
        return Claim("log", log.group(1), log.groups()[-1], request.headers.get("x-acs-security-token", ""), moment, "")
    if authorization.startswith(("LOG ", "SLS4-")):
        raise CloudError("IncompleteSignature", "The Authorization header is neither LOG KEY:SIGNATURE nor SLS4.")
    if parameters.get("AccessKeyId"):
        if not parameters.get("Signature"):
            raise CloudError("MissingSignature", "Signature is mandatory for this action.")
        return Claim(
            "rpc",
            parameters["AccessKeyId"],
            parameters["Signature"],
            parameters.get("SecurityToken", ""),
            parameters.get("Timestamp", ""),
            parameters.get("SignatureNonce", ""),
        )
    return None


class Authenticator:
    """Verifies claims; every failure is the cloud's own error."""

    def __init__(self, accounts: Accounts, clock: Clock) -> None:
        self._accounts = accounts
        self._clock = clock
        self._nonces = Nonces(2 * TOLERANCE)

    def verify(self, request: Request, claim: Claim) -> Principal:
        """Who sent the request."""
        credential = self._accounts.find(claim.access_key_id)
        if credential is None:
            if self._accounts.is_inactive(claim.access_key_id):
                raise CloudError("InvalidAccessKeyId.Inactive", "Specified access key is disabled.")
            raise CloudError("InvalidAccessKeyId.NotFound", "Specified access key is not found.", 404)
        self._check_time(claim.time)
        if claim.style == "log":
            texts: list[str] = []
            signatures = log_protocol.log_signatures(request, credential.access_key_secret)
        else:
            sign, texts = self._expected(request, claim)
            signatures = [sign(text, credential.access_key_secret) for text in texts]
        if not any(hmac.compare_digest(one.encode(), as_sent(claim.signature)) for one in signatures):
            raise _mismatch(f"server string to sign is:{texts[0]}" if texts else "")
        self._check_token(claim, credential.security_token)
        self._check_nonce(claim)
        return credential.principal

    def _expected(self, request: Request, claim: Claim) -> tuple[Callable[[str, str], str], list[str]]:
        """How to sign, and the texts of which one is right (older ROA clients sign the target as they send it)."""
        if claim.style == "rpc":
            return rpc_signature, [rpc_text(request.method, (*request.query, *request.form))]
        if claim.style == "roa":
            _check_md5(request)
            resources = (roa_resource(request.path, request.query), request.target)
            return roa_signature, [roa_text(request.method, resource, request.headers) for resource in resources]
        stated = request.headers.get("x-acs-content-sha256", "")
        if stated and stated != hashlib.sha256(request.body).hexdigest():
            raise _mismatch("The header x-acs-content-sha256 does not fit the body.")
        missing = [name for name in ("host", "x-acs-date") if name not in claim.signed_headers]
        if missing:
            raise CloudError("IncompleteSignature", f"The signed headers lack {', '.join(missing)}.")
        text = acs3_text(
            request.method, request.raw_path, request.query, request.headers, claim.signed_headers, request.body
        )
        return acs3_signature, [text]

    def _check_time(self, text: str) -> None:
        moment = _parse_time(text)
        if moment is None:
            raise CloudError(
                "InvalidTimeStamp.Format", f"Specified time stamp or date value {text!r} is not well formatted."
            )
        if abs(moment - self._clock.now()) > TOLERANCE:
            raise CloudError("InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")

    def _check_nonce(self, claim: Claim) -> None:
        """Last of all, so that only who knows the secret can use a nonce up. The oldest ROA clients send none."""
        if not claim.nonce:
            if claim.style == "rpc":
                raise missing_parameter("SignatureNonce")
            return
        if not self._nonces.use(claim.access_key_id, claim.nonce, self._clock.now()):
            raise CloudError("SignatureNonceUsed", "Specified signature nonce was used already.")

    def _check_token(self, claim: Claim, token: str | None) -> None:
        if token is None:
            return
        if not claim.security_token:
            raise CloudError("MissingSecurityToken", "SecurityToken is mandatory for this access key.")
        if not hmac.compare_digest(token.encode(), as_sent(claim.security_token)):
            raise CloudError(
                "InvalidSecurityToken.MismatchWithAccessKey", "Specified SecurityToken mismatch with the AccessKey."
            )


def _mismatch(reason: str) -> CloudError:
    """Older SDKs look for the text to sign behind the message's colon, to tell a wrong secret from a wrong text.

    The call log leaves it out: a temporary key's token is part of it.
    """
    message = "Specified signature is not matched with our calculation."
    return CloudError("SignatureDoesNotMatch", f"{message} {reason}".strip(), logged=message)


def _check_md5(request: Request) -> None:
    stated = request.headers.get("content-md5", "")
    if not stated:
        return
    try:
        matches = base64.b64decode(stated, validate=True) == hashlib.md5(request.body, usedforsecurity=False).digest()
    except ValueError:  # not base64, or not even ASCII
        matches = False
    if not matches:
        raise CloudError("InvalidContentMD5", "The header Content-MD5 does not fit the body.")


def _parse_time(text: str) -> datetime.datetime | None:
    for form in ("%Y-%m-%dT%H:%M:%SZ", "%Y%m%dT%H%M%SZ"):
        try:
            return datetime.datetime.strptime(text, form).replace(tzinfo=datetime.UTC)
        except ValueError:
            pass
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=datetime.UTC)
