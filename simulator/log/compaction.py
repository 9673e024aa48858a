"""Which records compaction leaves: the newest of each key (Kafka: `Cleaner`, KIP-534).

- A record is deleted when a later one has its key. What is younger than `min.compaction.lag.ms`
  deletes nothing and is not deleted.
- A tombstone, which has a key and no value, stays for `delete.retention.ms` after the first
  compaction that found it, so that readers learn of the deletion.
- Records without a key go: nobody could ever supersede them.
- The newest record always stays, as Kafka never compacts the segment that is written to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simulator.log.columns import RecordColumns
from simulator.log.leader_epochs import LeaderEpochs
from simulator.log.memory import Memory
from simulator.log.rules import TopicRules
from simulator.log.segment import SEGMENT_RECORDS
from simulator.log.sparse_segment import SparseSegment, record_bytes, sparse_segment


class Compactor:
    """What one partition remembers from one compaction to the next."""

    __slots__ = ("_due", "_end")

    def __init__(self) -> None:
        self._due: dict[int, int] = {}  # when a tombstone may go, by its offset
        self._end = 0

    def forget(self) -> None:
        """Begin anew, for other records."""
        self._due = {}
        self._end = 0

    def has_work(self, end: int, now: int, rules: TopicRules) -> bool:
        """Whether a compaction up to `end` may find something to delete."""
        lag = bool(rules.compaction_lag_ms)
        return end != self._end or lag or any(now >= due for due in self._due.values())

    def survivors(
        self, columns: RecordColumns, end: int, now: int, rules: TopicRules
    ) -> Sequence[int]:
        """The rows to be left of `columns`, which are the records of a partition up to `end`."""
        self._end = end
        stop = _settled(columns, now - rules.compaction_lag_ms) if rules.compaction_lag_ms else None
        stop = len(columns) if stop is None else stop
        newest = {columns.keys[row]: row for row in range(stop)}
        due: dict[int, int] = {}
        kept = []
        for row in range(len(columns)):
            if row < stop and row != len(columns) - 1:
                key, offset = columns.keys[row], columns.offsets[row]
                if key is None or newest[key] != row:
                    continue
                if columns.values[row] is None:
                    known = self._due.get(offset)
                    if known is not None and now >= known:
                        continue
                    due[offset] = now + rules.delete_retention_ms if known is None else known
            kept.append(row)
        self._due = due
        return kept


def _settled(columns: RecordColumns, latest: int) -> int | None:
    """The first row that is younger than `latest`, which ends what is compacted."""
    rows = (row for row, timestamp in enumerate(columns.timestamps) if timestamp > latest)
    return next(rows, None)


def sparse_segments(
    columns: RecordColumns,
    kept: Sequence[int],
    span: tuple[int, int],
    end_bytes: int,
    epochs: LeaderEpochs,
    memory: Memory,
) -> list[SparseSegment]:
    """Segments with the rows that are `kept` for all offsets of `span`, in order.

    `end_bytes` are those of the partition up to the end of the span; they count backwards from
    there, so that nothing behind it has to change.
    """
    base_bytes = end_bytes - sum(record_bytes(columns, row) for row in kept)
    begin, end = span
    pieces = list(_pieces(columns, kept, epochs))
    segments = []
    for index, (epoch, rows) in enumerate(pieces):
        last = index + 1 == len(pieces)
        until = end if last else columns.offsets[pieces[index + 1][1][0]]
        segments.append(sparse_segment((begin, until), base_bytes, epoch, columns, rows, memory))
        base_bytes += sum(record_bytes(columns, row) for row in rows)
        begin = until
    return segments


def _pieces(
    columns: RecordColumns, kept: Sequence[int], epochs: LeaderEpochs
) -> Iterator[tuple[int, list[int]]]:
    """The rows by segment: of one leader epoch each, and not too many."""
    rows: list[int] = []
    current = -1
    for row in kept:
        epoch = epochs.epoch_at(columns.offsets[row])
        if rows and (epoch != current or len(rows) >= SEGMENT_RECORDS):
            yield current, rows
            rows = []
        current = epoch
        rows.append(row)
    if rows:
        yield current, rows
