"""From a request to its answer: which service and action, whose signature, which region, and what went wrong."""

from __future__ import annotations

import re
import time
import traceback
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.cloud.core.accounts import Principal
from sandbox.cloud.core.authentication import Authenticator, claim_of
from sandbox.cloud.core.authorization import Authorizer
from sandbox.cloud.core.calls import CallRecord
from sandbox.cloud.core.clock import Clock, SystemClock, iso
from sandbox.cloud.core.context import Context
from sandbox.cloud.core.errors import CloudError
from sandbox.cloud.core.faults import CallName, Strike
from sandbox.cloud.core.idempotency import Idempotency
from sandbox.cloud.core.log_protocol import is_log_request, log_answer, log_error, project_of, values_of
from sandbox.cloud.core.parameters import Parameters
from sandbox.cloud.core.regions import DEFAULT_REGION, REGIONS
from sandbox.cloud.core.service import Action, Call, Service, unknown_action
from sandbox.cloud.core.throttling import DEFAULT_CALLS_PER_MINUTE, Throttle
from sandbox.cloud.core.wire import (
    Request,
    Response,
    new_request_id,
    roa_answer,
    roa_error,
    roa_refusal,
    rpc_answer,
    rpc_error,
)

Style = Literal["rpc", "roa", "log"]
ENDPOINT_KIND = re.compile("-(intranet|internal|share|vpc)$")
"""What a host name's label has behind the region, for an endpoint inside the cloud."""


@dataclass
class Attempt:
    """What is known of a request so far, for its answer and its line in the log."""

    request_id: str
    style: Style
    as_json: bool = True
    service: str = ""
    action: str = ""
    region: str = ""
    principal: str = ""
    ignored: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    let_through: bool = False
    """Whether the action itself has been asked."""


class Dispatcher:
    """Answers requests of the RPC and ROA styles. Thread-safe as far as its services are."""

    def __init__(
        self,
        context: Context,
        services: Iterable[Service],
        authorizer: Authorizer,
        machine_clock: Clock | None = None,
        calls_per_minute: int = DEFAULT_CALLS_PER_MINUTE,
    ) -> None:
        """`machine_clock` is what requests' times are compared with: clients sign with their machine's clock, which
        the cloud's movable one must not shut out. `calls_per_minute` is how often a caller may call one action.
        """
        machine_clock = machine_clock or SystemClock()
        self._context = context
        self._services = list(services)
        self._authorizer = authorizer
        self._authenticator = Authenticator(context.accounts, machine_clock)
        self._throttle = Throttle(machine_clock, calls_per_minute)
        self._idempotency = Idempotency(context.store, context.clock)
        self._idempotency.forget_expired()

    def locate(self, request: Request) -> CallName:
        """Which call a request is, without carrying it out; of one that is malformed, what can be told."""
        attempt = Attempt("", _style_of(request), region=_region_of(request, dict(request.query)))
        with suppress(CloudError):
            self._find(request, attempt)
        return CallName(attempt.service, attempt.action, attempt.region)

    def handle(self, request: Request, strike: Strike | None = None) -> Response:
        """Answer one request; never raises. `strike` is the fault that it meets."""
        begun = time.perf_counter()
        attempt = Attempt(new_request_id(), _style_of(request))
        try:
            if strike is not None:
                self._meet(strike, request, attempt)
            service, action, values = self._find(request, attempt)
            response = self._answer(request, attempt, service, action, values)
            error = None
        except CloudError as found:
            error = found
        except Exception as unexpected:
            self._context.log.event("error", "an action failed", action=attempt.action, trace=traceback.format_exc())
            # Not a 5xx: clients would try again for minutes what fails each time.
            error = CloudError("SandboxFailure", f"The emulator failed: {type(unexpected).__name__}. See its log.")
        if error is not None:
            response = self._failure(error, attempt, request)
        self._log(attempt, response, error, time.perf_counter() - begun)
        return response

    def _meet(self, strike: Strike, request: Request, attempt: Attempt) -> None:
        """Raise the error that a fault rule asked for, if it did, also where the request itself is at fault."""
        attempt.faults = strike.faults
        if strike.error is not None:
            with suppress(CloudError):
                self._find(request, attempt)
            raise strike.error.as_cloud_error()

    def _find(self, request: Request, attempt: Attempt) -> tuple[Service, Action, dict[str, Any]]:
        """The action that a request asks for, and its parameters."""
        values: dict[str, Any] = dict(request.query)
        if attempt.style == "log":
            service = self._named("Sls")
            attempt.service = service.name
            attempt.action = f"{request.method} {request.path}"
            values |= {"project": project_of(request.host)}
            action, in_path = service.route(request.method, request.path.rstrip("/") or "/", values)
            values = values_of(request) | in_path
        elif attempt.style == "roa":
            service = self._service(request, request.headers.get("x-acs-version", ""))
            attempt.service = service.name
            attempt.action = f"{request.method} {request.path}"
            action, in_path = service.route(request.method, request.path.rstrip("/") or "/", values)
            values |= request.json_body() | in_path
        else:
            values |= dict(request.form)
            attempt.as_json = _wants_json(request, values)
            name = request.headers.get("x-acs-action") or str(values.get("Action", ""))
            attempt.action = name
            service = self._service(request, request.headers.get("x-acs-version") or str(values.get("Version", "")))
            attempt.service = service.name
            action = service.find(name)
        attempt.action = action.name
        attempt.region = _region_of(request, values)
        return service, action, values

    def _answer(
        self, request: Request, attempt: Attempt, service: Service, action: Action, values: dict[str, Any]
    ) -> Response:
        principal = self._principal(request, values, action)
        attempt.principal = principal.arn if principal is not None else ""
        self._throttle.check(attempt.principal, f"{service.name}.{action.name}")
        parameters = Parameters(values, action.honours)
        attempt.ignored = tuple(parameters.ignored())
        self._authorize(service, action, principal, attempt.region, values)
        names_region = bool(_named_region(request, values))
        call = Call(attempt.region, parameters, principal, attempt.request_id, names_region)
        answer = self._idempotency.run(
            f"{service.name}.{action.name}",
            parameters.text("ClientToken"),
            values,
            lambda: self._run(action, call, attempt),
        )
        if attempt.style == "log":
            return log_answer(answer, attempt.request_id)
        if attempt.style == "roa":
            return roa_answer(answer, attempt.request_id)
        return rpc_answer(action.name, answer, attempt.request_id, as_json=attempt.as_json)

    def _run(self, action: Action, call: Call, attempt: Attempt) -> Any:
        attempt.let_through = True
        answer = action.handler(call)
        attempt.ignored = tuple(call.parameters.unread())
        return answer

    def _named(self, name: str) -> Service:
        return next(service for service in self._services if service.name == name)

    def _service(self, request: Request, version: str) -> Service:
        label = request.host.split(".")[0].removesuffix("-vpc")
        by_version = [service for service in self._services if service.version == version]
        for service in by_version:
            if len(by_version) == 1 or label in service.hosts:
                return service
        by_host = [service for service in self._services if label in service.hosts]
        if by_host and not version:
            return by_host[0]
        name = request.headers.get("x-acs-action") or dict((*request.query, *request.form)).get("Action", request.path)
        known = [f"{service.name} {service.version}" for service in self._services]
        raise unknown_action(request.host, name, version, known)

    def _principal(self, request: Request, values: Mapping[str, Any], action: Action) -> Principal | None:
        claim = claim_of(request, {name: str(value) for name, value in values.items()})
        if claim is not None:
            return self._authenticator.verify(request, claim)
        if action.anonymous:
            return None
        raise CloudError("MissingAccessKeyId", "AccessKeyId is mandatory for this action.")

    def _authorize(
        self, service: Service, action: Action, principal: Principal | None, region: str, values: Mapping[str, Any]
    ) -> None:
        if principal is None or action.anonymous or action.everyone:
            return
        self._authorizer.authorize(principal, *service.permission(action.name, values, region, principal.account_id))

    def _failure(self, error: CloudError, attempt: Attempt, request: Request) -> Response:
        if attempt.style == "log":
            return log_error(error, attempt.request_id)
        if attempt.style == "roa" and not attempt.let_through:
            return roa_refusal(error, attempt.request_id, request.host)
        if attempt.style == "roa":
            return roa_error(error, attempt.request_id)
        return rpc_error(error, attempt.request_id, request.host, as_json=attempt.as_json)

    def _log(self, attempt: Attempt, response: Response, error: CloudError | None, seconds: float) -> None:
        self._context.log.record(
            CallRecord(
                time=iso(self._context.clock.now()),
                service=attempt.service,
                action=attempt.action,
                region=attempt.region,
                status=response.status,
                code=error.code if error is not None else "",
                milliseconds=round(seconds * 1000, 2),
                ignored=attempt.ignored,
                principal=attempt.principal,
                request_id=attempt.request_id,
                faults=attempt.faults,
                message=error.logged if error is not None else "",
            )
        )


def _style_of(request: Request) -> Style:
    if is_log_request(request):
        return "log"
    if request.headers.get("authorization", "").startswith("acs "):
        return "roa"
    return "roa" if request.path != "/" and "x-acs-version" in request.headers else "rpc"


def _wants_json(request: Request, values: Mapping[str, Any]) -> bool:
    if "x-acs-action" in request.headers:
        return "xml" not in request.headers.get("accept", "")
    return str(values.get("Format", "XML")).upper() == "JSON"


def _region_of(request: Request, values: Mapping[str, Any]) -> str:
    return _named_region(request, values) or DEFAULT_REGION


def _named_region(request: Request, values: Mapping[str, Any]) -> str:
    candidates = [values.get("RegionId"), values.get("region_id"), request.headers.get("x-acs-region-id")]
    labels = (ENDPOINT_KIND.sub("", label) for label in request.host.split("."))
    candidates += [label for label in labels if label in REGIONS]
    for candidate in candidates:
        if isinstance(candidate, str) and candidate:
            return candidate
    return ""
