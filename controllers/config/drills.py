"""What a business is promised: the objectives of its drills."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from controllers.config.base import Frozen, Seconds


class DrillObjectives(Frozen):
    """Within how many seconds a business must be at work again, whatever was broken: what its drills are held to."""

    worker: Seconds = 10.0
    """One worker's process is killed; it crashes; its pod is deleted."""
    workers: Seconds = 60.0
    """All of them at once."""
    hung_worker: Seconds = 100.0
    """A minute of silence shows it."""
    parameter_server: Seconds = 60.0
    master: Seconds = 90.0
    monitor: Seconds = 40.0
    """The leading one goes, and a worker crashes before another leads."""
    node: Seconds = 60.0
    """One with workers and without the master."""
    node_of_master: Seconds = 120.0
    region: Seconds = 20.0
    """Until the last user is led elsewhere: detection, and the records' TTL."""
    lease: Seconds = 240.0
    """The training's region was cut off, and another trains: from the healing until the first is at work again. The
    other one's lease has to run out before."""
    quota: Seconds = 60.0
    """A worker is killed while the quota is full."""
    bucket: Seconds = 60.0
    """After object storage has come back."""
    checkpoint: Seconds = 90.0
    """The newest checkpoint is damaged, and the master killed."""
    namespace: Seconds = 600.0
    """Somebody deletes it; `pulumi up` makes it again, and the job goes on from its last checkpoint."""
    objects: Seconds = 120.0
    """Objects are deleted from the data bucket; they are restored from the last proven backup."""
    neighbour_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Of its pace, that the training keeps beside a neighbour that takes all it may."""
    goodput: Annotated[float, Field(gt=0, le=1)] = 0.97
    """Share of an hour with seeded faults in which the training got on."""
