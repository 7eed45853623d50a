"""The OpenAPI document, made of the schemas that requests are checked with: it can't say anything else than they do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from trainer.config import ServingJob
from trainer.serving.endpoints import Endpoint
from trainer.serving.schemas import ModelAnswer, Problem

REFUSALS = {
    "400": "The body can't be read as HTTP says.",
    "413": "The body is larger than this server takes.",
    "422": "The body is no JSON of this shape, or beyond a limit.",
    "429": "Too many requests wait; Retry-After says when to come again.",
    "503": "No model is loaded yet, or the answer took too long; Retry-After says when to come again.",
}
PROBES = {
    "/healthz": "200 while the process is alive",
    "/readyz": "200 while requests are answered, else 503 and the reason",
    "/metrics": "Prometheus metrics",
}
_REFERENCE = "#/components/schemas/{model}"


def document(job: ServingJob, endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The document of one server: the paths of its kind of business, and its limits in the description."""
    models: list[type[BaseModel]] = [Problem, ModelAnswer]
    models += [model for endpoint in endpoints for model in (endpoint.request, endpoint.answer)]
    names, schemas = models_json_schema([(model, "validation") for model in models], ref_template=_REFERENCE)
    limits = ", ".join(f"{name} {value:,}" for name, value in job.serving.requests.model_dump().items())
    paths: dict[str, Any] = {
        path: {"get": {"summary": summary, "responses": {"200": {"description": "It is so."}}}}
        for path, summary in PROBES.items()
    }
    answer = {"description": "The model.", "content": _json(names[ModelAnswer, "validation"])}
    paths["/v1/model"] = {"get": {"summary": "Version, figures and limits", "responses": {"200": answer}}}
    for endpoint in endpoints:
        paths[endpoint.path] = {"post": _operation(endpoint, names)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Language model of {job.business}",
            "version": "1",
            "description": f"Limits: {limits}. Logarithms are natural.",
        },
        "paths": paths,
        "components": {"schemas": schemas["$defs"]},
    }


def _operation(endpoint: Endpoint, names: dict[Any, Any]) -> dict[str, Any]:
    problem = _json(names[Problem, "validation"], "application/problem+json")
    responses: dict[str, Any] = {
        "200": {
            "description": (endpoint.answer.__doc__ or "").strip(),
            "content": _json(names[endpoint.answer, "validation"]),
        }
    }
    responses |= {code: {"description": meaning, "content": problem} for code, meaning in REFUSALS.items()}
    return {
        "summary": endpoint.summary,
        "operationId": endpoint.path.rpartition("/")[2],
        "requestBody": {"required": True, "content": _json(names[endpoint.request, "validation"])},
        "responses": responses,
    }


def _json(schema: dict[str, Any], kind: str = "application/json") -> dict[str, Any]:
    return {kind: {"schema": schema}}
