"""Who sent a request: signatures of version 1 and 4, in the header or in a presigned URL.

https://help.aliyun.com/zh/oss/developer-reference/include-signatures-in-the-authorization-header
https://help.aliyun.com/zh/oss/developer-reference/recommend-to-use-signature-version-4
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox.cloud.core.accounts import Accounts, Credential, Principal
from sandbox.cloud.oss import signature_v1, signature_v4
from sandbox.cloud.oss.addressing import Target
from sandbox.cloud.oss.errors import OssError, invalid_argument

MAXIMUM_SKEW = 15 * 60
"""Seconds that a signed request's date may differ from the machine's own clock."""


@dataclass(frozen=True)
class Identity:
    """The outcome: a principal, or None for an anonymous request; `region` is the one of a version 4 signature."""

    principal: Principal | None
    region: str | None = None


def authenticate(
    accounts: Accounts, method: str, target: Target, headers: Mapping[str, str], now: Callable[[], float] = time.time
) -> Identity:
    """Verify the request's signature; dates are compared with the machine's clock, as clients sign with theirs."""
    claim = _claim(method, target, headers)
    if claim is None:
        return Identity(None)
    if claim.region is not None and claim.product != "oss":
        raise invalid_argument("Invalid signing product in Authorization header.", "Authorization")
    _check_time(claim, now())
    credential = accounts.find(claim.access_key_id)
    if credential is None:
        raise OssError("InvalidAccessKeyId", detail={"OSSAccessKeyId": claim.access_key_id})
    _check_token(credential, claim.security_token)
    given = claim.signature.encode("utf-8", "surrogatepass")  # bytes: text beyond ASCII cannot be compared
    if not any(hmac.compare_digest(given, one.encode()) for one in claim.expected(credential.access_key_secret)):
        raise _mismatch(claim)
    return Identity(credential.principal, claim.region)


def claimed_region(method: str, target: Target, headers: Mapping[str, str]) -> str | None:
    """The region of a version 4 signature, which is not verified; None for other requests."""
    claim = _claim(method, target, headers)
    return claim.region if claim is not None else None


def _claim(method: str, target: Target, headers: Mapping[str, str]) -> signature_v1.Claim | signature_v4.Claim | None:
    authorization = headers.get("Authorization", "")
    if authorization.startswith(signature_v4.ALGORITHM):
        return signature_v4.from_header(method, target, headers)
    if authorization.startswith("OSS "):
        return signature_v1.from_header(method, target, headers)
    if authorization:
        raise invalid_argument("The Authorization header is invalid.", "Authorization", authorization.split(" ")[0])
    if target.get("x-oss-signature-version"):
        return signature_v4.from_query(method, target, headers)
    if target.has("Signature") or target.has("OSSAccessKeyId"):
        return signature_v1.from_query(method, target, headers)
    return None


def _check_time(claim: signature_v1.Claim | signature_v4.Claim, now: float) -> None:
    if claim.expires is not None:
        if now > claim.expires:
            raise OssError("AccessDenied", "Request has expired.")
        return
    if abs(now - claim.signed_at) > MAXIMUM_SKEW:
        raise OssError("RequestTimeTooSkewed", detail={"MaxAllowedSkewMilliseconds": str(MAXIMUM_SKEW * 1000)})


def _check_token(credential: Credential, token: str | None) -> None:
    expected = credential.security_token
    if expected is None and not token:
        return
    if (
        expected is None
        or not token
        or not hmac.compare_digest(expected.encode(), token.encode("utf-8", "surrogatepass"))
    ):
        raise OssError("InvalidSecurityToken")


def _mismatch(claim: signature_v1.Claim | signature_v4.Claim) -> OssError:
    return OssError(
        "SignatureDoesNotMatch",
        detail={
            "OSSAccessKeyId": claim.access_key_id,
            "SignatureProvided": claim.signature,
            "StringToSign": claim.string_to_sign,
        },
    )
