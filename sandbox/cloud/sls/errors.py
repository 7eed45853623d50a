"""The log service's own error codes."""

from __future__ import annotations

from sandbox.cloud.core.errors import CloudError


def project_not_found(name: str) -> CloudError:
    """The project does not exist at this endpoint."""
    return CloudError("ProjectNotExist", f"The Project does not exist : {name}", 404)


def project_exists(name: str) -> CloudError:
    """Project names are taken once for the whole cloud."""
    return CloudError("ProjectAlreadyExist", f"Project {name} already exists", 400)


def store_not_found(name: str) -> CloudError:
    """The log store does not exist in the project."""
    return CloudError("LogStoreNotExist", f"logstore {name} does not exist", 404)


def store_exists(name: str) -> CloudError:
    """The project has a log store of this name."""
    return CloudError("LogStoreAlreadyExist", f"logstore {name} already exists", 400)


def shard_not_found(identifier: str) -> CloudError:
    """The log store has no such shard."""
    return CloudError("ShardNotExist", f"shard {identifier} does not exist", 404)


def index_not_found(store: str) -> CloudError:
    """The log store has no index, and so cannot be searched."""
    return CloudError("IndexConfigNotExist", f"logstore {store} without index config", 404)


def index_exists(store: str) -> CloudError:
    """The log store has an index already."""
    return CloudError("IndexAlreadyExist", f"logstore {store} index already exists", 400)


def document_not_found(code: str, kind: str, name: str) -> CloudError:
    """A dashboard or a job does not exist."""
    return CloudError(code, f"specified {kind} does not exist: {name}", 404)


def document_exists(kind: str) -> CloudError:
    """There is one of this name already."""
    code = "JobAlreadyExist" if kind == "job" else "ParameterInvalid"
    return CloudError(code, f"specified {kind} already exists", 400)


def invalid(message: str) -> CloudError:
    """A parameter is outside what is taken."""
    return CloudError("ParameterInvalid", message, 400)


def body_invalid(message: str) -> CloudError:
    """The body of logs cannot be read."""
    return CloudError("PostBodyInvalid", message, 400)


def query_invalid(message: str) -> CloudError:
    """The query cannot be understood."""
    return CloudError("InvalidQueryString", message, 400)
