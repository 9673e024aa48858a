"""What the listener asks of whoever composed the simulator."""

from __future__ import annotations

from typing import Protocol

from simulator.log import Retention, TopicInfo
from simulator.log.group_info import GroupInfo


class Control(Protocol):
    """What concerns several rooms, so that only the composition root can do it."""

    def create_topic(self, topic: str, *, partitions: int, retention: Retention) -> TopicInfo:
        """Create a topic, and see to its retention by age; raises as `TopicLog.create_topic`."""

    def delete_topic(self, topic: str) -> None:
        """Delete a topic, or raise `TopicNotFound`."""

    def delete_records(self, topic: str, before_offset: int, *, partition: int) -> int:
        """Delete the records before an offset; return the first that is left."""

    async def opened(self, group: str, *, whole: bool) -> None:
        """Be ready for a subscriber: of a group, or (`whole`) one to whom the end matters."""

    async def committed(self, group: str) -> None:
        """Return when what a group has committed is where it belongs."""

    def groups(self) -> list[GroupInfo]:
        """Describe all groups, on whatever door their members are."""

    def reset(self) -> None:
        """Empty the simulator; the topics it began with stay, empty."""

    def snapshot(self) -> str:
        """Keep the present state; return its id. May raise `TooManySnapshots`."""

    def restore(self, snapshot_id: str) -> None:
        """Go back to a kept state, or raise `SnapshotNotFound`."""

    def drop_snapshot(self, snapshot_id: str) -> None:
        """Forget a kept state, or raise `SnapshotNotFound`."""
