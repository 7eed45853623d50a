"""Errors that a user of the controllers can act on: one line each, printed without a traceback."""

from __future__ import annotations


class ControllerError(Exception):
    """Base of all of them; the message holds the value, the limit, the reason and the way out."""

    exit_code = 1


class SettingsError(ControllerError):
    """A wrong argument or settings file; trying again changes nothing."""

    exit_code = 2


class ClusterError(ControllerError):
    """The Kubernetes API refused or could not be reached."""

    exit_code = 3


class ConflictError(ClusterError):
    """Somebody else changed the object meanwhile: look again, then decide again."""


class DrillError(ControllerError):
    """A drill could not be carried out, or missed its objective."""

    exit_code = 4
