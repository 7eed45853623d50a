"""Routes, and what surrounds every request: counting, limits, and errors as problem details."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware
from pydantic import ValidationError

from trainer.config import ServingJob
from trainer.serving import endpoints, openapi
from trainer.serving.admission import RETRY_AFTER_SECONDS, Admission
from trainer.serving.batching import Batcher
from trainer.serving.metrics import CONTENT_TYPE, Metrics
from trainer.serving.models import Loaded, ModelSource
from trainer.serving.page import add_page
from trainer.serving.problems import ProblemError, invalid
from trainer.serving.schemas import ModelAnswer
from trainer.serving.work import Work

LOG = logging.getLogger("trainer.serving")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(job: ServingJob, source: ModelSource, batcher: Batcher, metrics: Metrics) -> web.Application:
    """The whole server but its socket."""
    app = web.Application(
        middlewares=[_answering(job, source, metrics)],
        client_max_size=job.serving.requests.body_bytes,
    )
    _add_probes(app, source, metrics)
    add_page(app)
    offered = endpoints.of(job.kind)
    described = json.dumps(openapi.document(job, offered), ensure_ascii=False)

    async def describe(_: web.Request) -> web.Response:
        return web.Response(text=described, content_type="application/json")

    async def show_model(_: web.Request) -> web.Response:
        answer = _model_answer(job, _in_use(job, source))
        return web.Response(text=answer.model_dump_json(), content_type="application/json")

    app.router.add_get("/openapi.json", describe)
    app.router.add_get("/v1/model", show_model)
    admission = Admission(job.serving.requests, metrics)
    for endpoint in offered:
        app.router.add_post(endpoint.path, _handler(endpoint, job, source, batcher, metrics, admission))
    return app


def _add_probes(app: web.Application, source: ModelSource, metrics: Metrics) -> None:
    async def alive(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(_: web.Request) -> web.Response:
        reason = source.unready
        metrics.ready.set(not reason)
        body = json.dumps({"ready": not reason, "reason": reason or None}, ensure_ascii=False)
        return web.Response(status=503 if reason else 200, text=f"{body}\n", content_type="application/json")

    async def show_metrics(_: web.Request) -> web.Response:
        metrics.ready.set(not source.unready)
        return web.Response(body=metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    app.router.add_get("/healthz", alive)
    app.router.add_get("/readyz", ready)
    app.router.add_get("/metrics", show_metrics)


def _handler(
    endpoint: endpoints.Endpoint,
    job: ServingJob,
    source: ModelSource,
    batcher: Batcher,
    metrics: Metrics,
    admission: Admission,
) -> Handler:
    limits = job.serving.requests

    async def handle(request: web.Request) -> web.Response:
        loaded = _in_use(job, source)
        try:
            async with asyncio.timeout(limits.timeout_seconds), admission:
                try:
                    asked = endpoint.request.model_validate_json(await request.read())
                except ValidationError as error:
                    raise invalid(error) from error
                answer = await endpoint.work(Work(loaded.model, batcher, limits, metrics), asked)
        except TimeoutError as error:
            metrics.refused.labels("timeout").inc()
            detail = f"no answer within {limits.timeout_seconds:g} s; come again, or ask for less"
            raise ProblemError(503, detail, retry_after_seconds=RETRY_AFTER_SECONDS) from error
        return web.Response(body=answer.model_dump_json(exclude_none=True).encode(), content_type="application/json")

    return handle


def _in_use(job: ServingJob, source: ModelSource) -> Loaded:
    """The model, also while draining. 503 before the first."""
    if source.loaded is None:
        wait = max(1, round(job.serving.poll_seconds))
        raise ProblemError(503, f"no model is loaded: {source.unready}", retry_after_seconds=wait)
    return source.loaded


def _model_answer(job: ServingJob, loaded: Loaded) -> ModelAnswer:
    return ModelAnswer(
        model=loaded.model.version,
        business=job.business,
        kind=job.kind,
        endpoints=[endpoint.path for endpoint in endpoints.of(job.kind)],
        vocabulary=len(loaded.model.vocabulary),
        data_version=loaded.manifest.get("data_version"),
        perplexity=loaded.manifest.get("perplexity", {}),
        limits=job.serving.requests.model_dump(),
    )


def _answering(job: ServingJob, source: ModelSource, metrics: Metrics) -> Middleware:
    """Whatever happens inside, the client gets an answer that says why, and it is counted."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        begun = time.monotonic()
        try:
            response = await handler(request)
        except ProblemError as problem:
            response = problem.response()
        except web.HTTPException as error:
            response = _problem_of(job, request, error).response()
        except Exception:  # the last line of defence: a defect of ours is the log's, not the client's
            LOG.exception("%s %s failed", request.method, request.path)
            response = ProblemError(500, "a defect of this server, noted in its log; other requests go on").response()
        resource = request.match_info.route.resource
        path = resource.canonical if resource is not None else "other"
        metrics.requests.labels(path, response.status).inc()
        metrics.seconds.labels(path).observe(time.monotonic() - begun)
        if source.draining:
            response.headers["Connection"] = "close"  # the next request finds another server
        return response

    return answer


def _problem_of(job: ServingJob, request: web.Request, error: web.HTTPException) -> ProblemError:
    path = request.path[:80]
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return ProblemError(413, f"a body of more than {job.serving.requests.body_bytes:,} bytes; send fewer texts")
    if isinstance(error, web.HTTPNotFound):
        offered = ", ".join(endpoint.path for endpoint in endpoints.of(job.kind))
        return ProblemError(404, f"no {path} here: {job.business} ({job.kind}) offers {offered}; see /openapi.json")
    if isinstance(error, web.HTTPMethodNotAllowed):
        return ProblemError(405, f"{path} takes {', '.join(sorted(error.allowed_methods))}")
    return ProblemError(error.status, error.text or error.reason)
