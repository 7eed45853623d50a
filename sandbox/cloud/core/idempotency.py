"""ClientToken: a create call repeated with the same token does nothing twice and gets the first call's answer."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from sandbox.cloud.core.clock import Clock
from sandbox.cloud.core.errors import CloudError
from sandbox.cloud.core.store import Repository, Store

LIFETIME = datetime.timedelta(hours=24)


class TokenRecord(BaseModel):
    """The answer that a token has had."""

    model_config = ConfigDict(frozen=True)

    key: str
    parameters_digest: str
    answer: str
    expires: datetime.datetime


class Idempotency:
    """Remembers answers by token for a day, as the cloud does."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._records = Repository(store, "client-token", TokenRecord)

    def run(self, action: str, token: str, parameters: Mapping[str, Any], handler: Callable[[], Any]) -> Any:
        """The handler's answer, or the earlier one for this token; what failed may be tried again with its token."""
        if not token:
            return handler()
        key = f"{action}/{token}"
        digest = _digest(parameters)
        with self._store.transaction():
            known = self._records.get(key)
            if known is not None and known.expires > self._clock.now():
                if known.parameters_digest != digest:
                    raise CloudError(
                        "IdempotentParameterMismatch",
                        "The request uses the same client token as an earlier, but not identical, request.",
                    )
                return json.loads(known.answer)
            answer = handler()
            record = TokenRecord(
                key=key, parameters_digest=digest, answer=json.dumps(answer), expires=self._clock.now() + LIFETIME
            )
            self._records.put(key, record)
            return answer

    def forget_expired(self) -> None:
        """Drop the records that have had their day."""
        now = self._clock.now()
        for record in self._records.list():
            if record.expires <= now:
                self._records.delete(record.key)


PER_REQUEST = frozenset({"Signature", "SignatureNonce", "Timestamp", "SecurityToken", "AccessKeyId"})


def _digest(parameters: Mapping[str, Any]) -> str:
    lasting = {name: value for name, value in parameters.items() if name not in PER_REQUEST}
    return hashlib.sha256(json.dumps(lasting, sort_keys=True, default=str).encode()).hexdigest()
