"""Errors that a user of the trainer can act on: one line each, printed without a traceback."""

from __future__ import annotations


class TrainerError(Exception):
    """Base of all of them; the message holds the value, the limit, the reason and the way out."""

    exit_code = 1


class SettingsError(TrainerError):
    """A wrong argument or settings file; trying again changes nothing."""

    exit_code = 2


class DataError(TrainerError):
    """The data set is missing, incomplete or corrupt."""

    exit_code = 3


class StoreError(TrainerError):
    """The object store refused or could not be reached."""

    exit_code = 4


class RefusedError(StoreError):
    """The object store answered that it will not, now or later; waiting changes nothing."""


class ObjectNotFoundError(RefusedError):
    """There is no object of that key."""


class ChangedError(RefusedError):
    """The object is not what it was when it was listed, or not where an append was to begin."""


class TrainingError(TrainerError):
    """The training job failed, or what came out of it is not a trained model."""

    exit_code = 5
