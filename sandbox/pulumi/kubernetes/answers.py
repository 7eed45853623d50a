"""Errors as the engine wants them: a status with a message, and for half-made objects what there is of them."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import grpc
from pulumi.runtime.proto import provider_pb2, status_pb2

from sandbox.pulumi.kubernetes.errors import ApiError, ProviderError, explain
from sandbox.pulumi.kubernetes.values import decode, encode, secret_texts

SHORTEST_MASKED = 4
"""Shorter secrets are left in messages: masking `a` or `443` everywhere would make them unreadable."""

Answer = TypeVar("Answer")


class InitializationError(ProviderError):
    """The object exists, but is not what was asked for (yet): the state must remember it."""

    def __init__(self, resource_id: str, properties: Mapping[str, Any], reason: str) -> None:
        super().__init__(reason)
        self.resource_id = resource_id
        self.properties = dict(properties)


def call(method: Callable[[Any, Any, Any], Answer]) -> Callable[[Any, Any, grpc.ServicerContext], Answer]:
    """Wrap a method of the provider, so that each error becomes a status with a message and no secret."""

    @functools.wraps(method)
    def wrapped(self: Any, request: Any, context: grpc.ServicerContext) -> Answer:
        try:
            return method(self, request, context)
        except InitializationError as error:
            code, message = grpc.StatusCode.UNKNOWN, masked(str(error), request)
            context.set_trailing_metadata((("grpc-status-details-bin", _details(error, message)),))
        except ApiError as error:
            code, message = grpc.StatusCode.FAILED_PRECONDITION, masked(str(explain(error, "the request")), request)
        except ProviderError as error:
            code, message = grpc.StatusCode.FAILED_PRECONDITION, masked(str(error), request)
        except Exception:
            code = grpc.StatusCode.INTERNAL
            message = masked(f"a mistake in the Kubernetes provider:\n{traceback.format_exc()}", request)
        return context.abort(code, message)

    return wrapped


def masked(message: str, request: Any) -> str:
    """The message without the secrets of the request: the API server quotes what it refuses."""
    for field in ("news", "olds", "properties", "inputs", "old_inputs"):
        if field in request.DESCRIPTOR.fields_by_name and request.HasField(field):
            for text in secret_texts(decode(getattr(request, field))):
                if len(text) >= SHORTEST_MASKED:
                    message = message.replace(text, "[secret]")
    return message


def _details(error: InitializationError, message: str) -> bytes:
    failure = provider_pb2.ErrorResourceInitFailed(
        id=error.resource_id, properties=encode(error.properties), reasons=[message]
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=message)
    status.details.add().Pack(failure)
    content: bytes = status.SerializeToString()
    return content
