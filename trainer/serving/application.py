"""Routes, and what surrounds every request: counting, limits, and errors as problem details."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from trainer.config import ServingJob
from trainer.serving.metrics import CONTENT_TYPE, Metrics
from trainer.serving.models import ModelSource
from trainer.serving.problems import ProblemError

LOG = logging.getLogger("trainer.serving")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(job: ServingJob, source: ModelSource, metrics: Metrics) -> web.Application:
    """The whole server but its socket."""
    app = web.Application(
        middlewares=[_answering(source, metrics)],
        client_max_size=job.serving.requests.body_bytes,
    )
    _add_probes(app, source, metrics)
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


def _answering(source: ModelSource, metrics: Metrics) -> Middleware:
    """Whatever happens inside, the client gets an answer that says why, and it is counted."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        begun = time.monotonic()
        try:
            response = await handler(request)
        except ProblemError as problem:
            response = problem.response()
        except web.HTTPException as error:
            response = _problem_of(request, error).response()
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


def _problem_of(request: web.Request, error: web.HTTPException) -> ProblemError:
    if isinstance(error, web.HTTPNotFound):
        return ProblemError(404, f"no {request.path[:80]} here")
    if isinstance(error, web.HTTPMethodNotAllowed):
        return ProblemError(405, f"{request.path[:80]} takes {', '.join(sorted(error.allowed_methods))}")
    return ProblemError(error.status, error.text or error.reason)
