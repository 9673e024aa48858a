"""Finding memory for one more record when the bound of the log is reached."""

from __future__ import annotations

from collections.abc import Iterable

from simulator.log.memory import Memory
from simulator.log.partition import Partition
from simulator.log.topic import Topic


def make_room(
    memory: Memory,
    allowed: int,
    topics: Iterable[Topic],
    target: tuple[Topic, Partition],
    coming: tuple[int, int],
    snapshots: bool,
) -> bool:
    """Bring `memory.taken` down to `allowed` without losing anything; return whether it is.

    In turn: free what is dead; copy segments without their deleted records; delete what the
    retention of the `target` topic would delete anyway after an append of what is `coming`
    (records, bytes), if that is enough. `snapshots` says whether there are any: while one shares
    the oldest records, deleting them would free nothing.
    """
    if memory.reap_down_to(allowed):
        return True
    for topic in topics:
        for partition in topic.partitions:
            partition.trim(snapshots)
    if memory.reap_down_to(allowed):
        return True
    topic, partition = target
    if topic.limited and not snapshots:
        start = partition.retained_from(topic.retention, *coming)
        if memory.taken - partition.memory_before(start) <= allowed:
            partition.cut(start)
            partition.trim(snapshots)
            return memory.reap_down_to(allowed)
    return False
