"""A stretch of records as parallel columns: what readers get that need no Record objects."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Any

from simulator.log.record import Headers, Record

_new_record: Callable[[Iterable[Any]], Record] = partial(tuple.__new__, Record)


@dataclass(frozen=True, slots=True)
class RecordColumns:
    """Records in reading order; row i of every column belongs to the i-th of them.

    `sources[source[i]]` is the (topic, partition) of row i. `headers` and `unchecked` are sparse:
    they name only the rows that have headers, or that were not validated.
    """

    sources: tuple[tuple[str, int], ...]
    source: Sequence[int]
    offsets: Sequence[int]
    timestamps: Sequence[int]
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    positions: Sequence[int]
    headers: Mapping[int, Headers]
    unchecked: Collection[int]

    def __len__(self) -> int:
        return len(self.values)

    def records(self) -> list[Record]:
        """Build the records."""
        if not self.values:
            return []
        topics: Iterable[str]
        partitions: Iterable[int]
        if len(self.sources) == 1:
            topics, partitions = repeat(self.sources[0][0]), repeat(self.sources[0][1])
        else:
            rows = [self.sources[index] for index in self.source]
            topics, partitions = zip(*rows, strict=True)
        rows_total = len(self.values)
        headers: Iterable[Headers] = repeat(())
        if self.headers:
            headers = [self.headers.get(row, ()) for row in range(rows_total)]
        unchecked: Iterable[bool] = repeat(False)
        if self.unchecked:
            unchecked = [row in self.unchecked for row in range(rows_total)]
        columns = zip(
            topics,
            partitions,
            self.offsets,
            self.timestamps,
            self.keys,
            self.values,
            headers,
            self.positions,
            unchecked,
            strict=False,
        )
        return list(map(_new_record, columns))
