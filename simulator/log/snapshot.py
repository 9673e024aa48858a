"""What a log held at one moment, to be restored any number of times."""

from __future__ import annotations

from simulator.log.groups import OffsetTable
from simulator.log.topic import TopicState


class Snapshot:
    """Taken by `TopicLog.snapshot`. It shares the records with the log and copies none.

    What it refers to stays in memory, and counts towards the log's bound, until the last
    reference to the snapshot is dropped. It says nothing of its content by itself: restore it.
    """

    __slots__ = ("__weakref__", "offsets", "owner", "position", "topics")

    def __init__(
        self,
        owner: object,
        position: int,
        topics: tuple[TopicState, ...],
        offsets: OffsetTable,
    ) -> None:
        self.owner = owner
        self.position = position
        self.topics = topics
        self.offsets = offsets
